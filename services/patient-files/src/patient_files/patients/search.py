"""The patients whom a text means, the best fit first."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.terms import Found
from patient_files.models.terms import TERMS
from patient_files.patients import terms
from patient_files.patients.terms import Step

#: How many entries of the index a search reads at most.
BUDGET = 2_000


class Place(NamedTuple):
    """Where a hit stands: by how well it fits, then by the last visit, the latest first, then by id."""

    fit: int
    last_visit_on: date | None
    patient_id: UUID

    @property
    def key(self) -> tuple[int, int, UUID]:
        """What hits are ordered by: who has never been here comes after everybody who has."""
        return self.fit, -self.last_visit_on.toordinal() if self.last_visit_on else 0, self.patient_id


class Hit(NamedTuple):
    """A patient whom the text may mean. `match` is one of `terms.MATCHES`."""

    place: Place
    match: str


class Hits(NamedTuple):
    """Some hits in their order, and whether there may be others that were not looked at."""

    hits: list[Hit]
    truncated: bool


def search(db: Session, text: str, *, after: Place | None, limit: int) -> Hits:
    """The patients whom a text means, those that come after a place, at most `limit` of them.

    Worse ways to fit are not tried once there are enough.
    """
    hits: list[Hit] = []
    seen: set[UUID] = set()
    budget, truncated, fit = BUDGET, False, 0
    for step in terms.steps(text):
        # whom earlier pages have shown is found again, and passed over
        found = _find(db, step, budget, limit=limit if after is None else BUDGET, but=seen)
        budget -= found.read
        truncated = truncated or found.truncated
        seen.update(record.record_id for record in found.records)
        places = [Place(fit + record.part, record.value, record.record_id) for record in found.records]
        hits += [
            Hit(place, step.matches[place.fit - fit]) for place in places if after is None or place.key > after.key
        ]
        if len(hits) >= limit or budget <= 0:
            break
        fit += len(step.matches)
    return Hits(hits[:limit], truncated)


def _find(db: Session, step: Step, budget: int, *, limit: int, but: Collection[UUID]) -> Found:
    find = TERMS.with_any if len(step.matches) > 1 else TERMS.with_all
    return find(db, step.parts, budget=budget, limit=limit, but=but)
