"""The patients whom a text means, the best fit first; and patients by their ids, for lists that show names."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session, joinedload

from jalsa.db.terms import Found
from patient_files.models import Patient
from patient_files.models.terms import TERMS
from patient_files.patients import terms
from patient_files.patients.terms import MATCHES, Step

#: How many entries of the index a search reads at most.
BUDGET = 2_000

_LAST_VISITS = sql("SELECT id, last_visit_on FROM patient_activity WHERE id = ANY (CAST(:ids AS uuid[]))")


class Place(NamedTuple):
    """Where a hit stands: by how well it fits, then by the last visit, the latest first, then by id."""

    step: int
    last_visit_on: date | None
    patient_id: UUID

    @property
    def key(self) -> tuple[int, int, UUID]:
        """What hits are ordered by: who has never been here comes after everybody who has."""
        return self.step, -self.last_visit_on.toordinal() if self.last_visit_on else 0, self.patient_id


class Hit(NamedTuple):
    """A patient whom the text may mean; `match` is one of MATCHES."""

    place: Place
    match: str


class Hits(NamedTuple):
    """Some hits in their order; whether there are others that were not looked at."""

    hits: list[Hit]
    truncated: bool


def search(db: Session, text: str, *, after: Place | None, limit: int) -> Hits:
    """The patients whom a text means, those that come after a place, at most `limit` of them.

    Worse ways to fit are not tried once there are enough.
    """
    hits: list[Hit] = []
    seen: set[UUID] = set()
    budget, truncated = BUDGET, False
    for number, step in enumerate(terms.steps(text)):
        found = _find(db, step, budget)
        budget -= found.read
        truncated = truncated or found.truncated
        new = [patient for patient in found.records if patient not in seen]
        seen.update(new)
        places = [Place(number, visit, patient) for patient, visit in _last_visits(db, new)]
        later = [place for place in places if after is None or place.key > after.key]
        hits += [Hit(place, MATCHES[step.match]) for place in sorted(later, key=lambda place: place.key)]
        if len(hits) >= limit or budget <= 0:
            break
    return Hits(hits[:limit], truncated)


def patients_by_id(db: Session, ids: Collection[UUID]) -> dict[UUID, Patient]:
    """Those of these patients who are known, with their files."""
    query = select(Patient).where(Patient.id.in_(ids)).options(joinedload(Patient.file, innerjoin=True))
    return {patient.id: patient for patient in db.scalars(query)}


def _find(db: Session, step: Step, budget: int) -> Found:
    if len(step.parts) == 1:
        return TERMS.with_any(db, step.parts[0], budget=budget)
    return TERMS.with_all(db, step.parts, budget=budget)


def _last_visits(db: Session, patients: Sequence[UUID]) -> Iterable[tuple[UUID, date | None]]:
    if not patients:
        return []
    visits = {row.id: row.last_visit_on for row in db.execute(_LAST_VISITS, {"ids": list(patients)})}
    return [(patient, visits.get(patient)) for patient in patients]
