"""A look at a source itself shows whether it has said more of some subjects than was applied here.

The bus may be slow, or frozen without anybody knowing yet. What must not be done on old knowledge looks here first.
"""

import time
from collections.abc import Mapping, Sequence

import urllib3
from sqlalchemy import text

from jalsa.events.inbox import Applied
from jalsa.events.reconcile import NOTHING, FeedAway, Head, Reconciler, heads_of

_APPLIED = text("""
    SELECT subject, last, last_id FROM inbox_heads
    WHERE tenant_id = :tenant AND source = :source AND subject = ANY(:subjects)
""")
#: How long a source that did not answer is not asked again, in seconds, because many may be waiting for its answer.
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
        """Whether what is applied here of these subjects is all that the source has stored of them, and nothing else.

        Where something is not applied, the source's feed is read immediately. Of a source that was restored it is False
        where it tells less than before, or something else, until a person has decided (`jalsa.events.sources`). Raises
        SourceAway where the source does not answer.
        """
        if not subjects:
            return True
        heads = self._heads(source, tenant, subjects)
        if self._are_applied(source, tenant, subjects, heads):
            return True
        try:
            while self.reconciler.read_page(source):
                pass
        except (FeedAway, urllib3.exceptions.HTTPError):
            return False
        return self._are_applied(source, tenant, subjects, heads)

    def _are_applied(self, source: str, tenant: str, subjects: Sequence[str], heads: Mapping[str, Head]) -> bool:
        values = {"source": f"/jalsa/{source}", "tenant": tenant, "subjects": list(subjects)}
        with self.reconciler.inbox.relay.engine.connect() as conn:
            applied = {row.subject: Applied(row.last, row.last_id) for row in conn.execute(_APPLIED, values)}
        return all(_agree(applied.get(subject), *heads.get(subject, NOTHING)) for subject in subjects)

    def _heads(self, source: str, tenant: str, subjects: Sequence[str]) -> dict[str, Head]:
        if time.monotonic() < self._away.get(source, 0.0):
            raise SourceAway(source)
        try:
            address, tokens = self.reconciler.addresses[source], self.reconciler.tokens
            return heads_of(self._http, address, tokens, tenant, subjects)
        except (FeedAway, urllib3.exceptions.HTTPError) as error:
            self._away[source] = time.monotonic() + _PAUSE
            raise SourceAway(type(error).__name__) from None


def _agree(applied: Applied | None, last: int, last_id: str | None) -> bool:
    """Whether the last event that was applied of a subject is the last one that its source has."""
    if applied is None or applied.last < last:
        return last == 0
    if applied.last_id is None:  # applied before ids were kept, or a person has decided since
        return True
    return applied.last == last and last_id in (None, str(applied.last_id))
