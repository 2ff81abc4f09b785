"""A look at a source itself: whether it has said more of some subjects than was applied here.

The bus may be slow, or frozen without anybody knowing yet. What must not be done on old knowledge looks here first.
"""

import time
from collections.abc import Sequence

import urllib3
from sqlalchemy import text

from jalsa.reconcile import FeedAway, Reconciler

_APPLIED = text("""
    SELECT subject, last FROM inbox_heads WHERE tenant_id = :tenant AND source = :source AND subject = ANY(:subjects)
""")
#: How long a source that did not answer is not asked again, in seconds: many may be waiting for its answer.
_PAUSE = 1.0


class SourceAway(Exception):
    """A source did not say how far its subjects are."""


class Lookout:
    """Asks the sources that a service follows. Threads may share it."""

    def __init__(self, reconciler: Reconciler) -> None:
        self.reconciler = reconciler
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=2), retries=False, maxsize=8)
        self._away: dict[str, float] = {}

    def has_all(self, source: str, tenant: str, subjects: Sequence[str]) -> bool:
        """Whether every event that the source has stored of these subjects is applied here.

        Where one is not, the source's feed is read at once. Raises SourceAway where the source does not answer.
        """
        if not subjects:
            return True
        heads = self._heads(source, tenant, subjects)
        if self._are_applied(source, tenant, heads):
            return True
        try:
            while self.reconciler.read_page(source):
                pass
        except (FeedAway, urllib3.exceptions.HTTPError):
            return False
        return self._are_applied(source, tenant, heads)

    def _are_applied(self, source: str, tenant: str, heads: dict[str, int]) -> bool:
        values = {"source": f"/jalsa/{source}", "tenant": tenant, "subjects": list(heads)}
        with self.reconciler.inbox.relay.engine.connect() as conn:
            applied = {row.subject: row.last for row in conn.execute(_APPLIED, values)}
        return all(applied.get(subject, 0) >= last for subject, last in heads.items())

    def _heads(self, source: str, tenant: str, subjects: Sequence[str]) -> dict[str, int]:
        if time.monotonic() < self._away.get(source, 0.0):
            raise SourceAway(source)
        try:
            return self._ask(source, tenant, subjects)
        except (urllib3.exceptions.HTTPError, LookupError, TypeError, ValueError) as error:
            self._away[source] = time.monotonic() + _PAUSE
            raise SourceAway(type(error).__name__) from None

    def _ask(self, source: str, tenant: str, subjects: Sequence[str]) -> dict[str, int]:
        response = self._http.request(
            "POST",
            f"{self.reconciler.addresses[source]}/v1/events/subjects",
            json={"tenant": tenant, "subjects": list(subjects)},
            headers={"Authorization": f"Bearer {self.reconciler.tokens.token()}"},
        )
        if response.status != 200:
            raise ValueError(response.status)
        return {head["subject"]: int(head["last"]) for head in response.json()["items"]}
