"""Who else a person may be, and the pairs that were noticed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of
from jalsa.db.keyset import keyset
from jalsa.db.terms import Span, exactly
from patient_files.duplicates.commands import FindPairs
from patient_files.duplicates.people import person_from
from patient_files.duplicates.rules import births
from patient_files.duplicates.rules.grades import CERTAIN, GRADES, SAME_IDENTIFIER, Person, Verdict, verdict
from patient_files.duplicates.rules.pairs import NOT_DUPLICATE
from patient_files.models import DuplicatePair
from patient_files.models.terms import TERMS
from patient_files.patients.likeness import Alike, contact_term, contacts, day_term, sounds
from patient_files.patients.rules.births import Birth

#: How many entries of the index are read at most: of one term, and of all.
EACH, BUDGET = 200, 2_000
#: How many of the records that were found are compared, and how many are answered.
MOST_COMPARED, MOST_CANDIDATES = 40, 20
#: What a term that two records have in common weighs when it is decided which of many are compared.
_CONTACT, _SAME_DAY, _NEAR_DAY = 4, 3, 2

_HOLDERS = text("""
    SELECT i.patient_id
    FROM unnest(CAST(:types AS text[]), CAST(:countries AS text[]), CAST(:numbers AS text[]))
      AS n (type, country, number)
    JOIN identifiers i ON i.type = n.type AND i.issuing_country = n.country AND i.value = n.number
    WHERE i.ended_at IS NULL
""")
_PEOPLE = text("""
    SELECT p.id, p.identity_status, p.mother_name_en, p.mother_name_ar, p.sex, p.birth_order, p.email,
      ARRAY[p.first_name_en, p.father_name_en, p.grandfather_name_en, p.last_name_en] AS name_en,
      ARRAY[p.first_name_ar, p.father_name_ar, p.grandfather_name_ar, p.last_name_ar] AS name_ar,
      p.birth_calendar, p.birth_precision, p.birth_value, p.born_from, p.born_to,
      ARRAY(SELECT c.number FROM phones c WHERE c.patient_id = p.id) AS phones,
      ARRAY(SELECT g.phone FROM guardians g
            WHERE g.patient_id = p.id AND g.ended_on IS NULL AND g.phone IS NOT NULL) AS guardian_phones,
      ARRAY(SELECT ARRAY[i.type, i.issuing_country, i.value] FROM identifiers i
            WHERE i.patient_id = p.id AND i.ended_at IS NULL) AS identifiers
    FROM patients p WHERE p.id = ANY (CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient who may be the person, and how sure that is."""

    patient_id: UUID
    verdict: Verdict

    @property
    def certain(self) -> bool:
        """Whether somebody has to say that it is somebody else."""
        return self.verdict.grade == CERTAIN

    @property
    def has_the_identifier(self) -> bool:
        """Whether an identifier is one that this patient has."""
        return SAME_IDENTIFIER in self.verdict.reasons


def candidates(db: Session, person: Person, known: Alike, *, but: UUID | None = None) -> list[Candidate]:
    """The patients who may be this person, the surest first, at most MOST_CANDIDATES of them.

    `known` is by what they are found. `but` is the id of the person's own record, if there is one. Others that
    were merged with it are no candidates, and pairs of it that were dismissed are never certain.
    """
    found = dict.fromkeys([*_holders(db, person), *_alike(db, person, known)])
    dismissed: frozenset[UUID] = frozenset()
    if but is not None:
        for own in aliases_of(db, but):
            found.pop(own, None)
        dismissed = _dismissed(db, but)
    seen = []
    for row in db.execute(_PEOPLE, {"ids": list(found)}) if found else ():
        judged = verdict(person, person_from(row), dismissed=row.id in dismissed)
        if judged is not None:
            seen.append(Candidate(row.id, judged))
    return sorted(seen, key=_order)[:MOST_CANDIDATES]


def list_pairs(db: Session, asked: FindPairs, *, after: UUID | None, limit: int) -> Sequence[DuplicatePair]:
    """Pairs in the order in which they were noticed."""
    query = keyset(select(DuplicatePair), DuplicatePair.id, after=after, limit=limit)
    if asked.decision is not None:
        query = query.where(DuplicatePair.decision == asked.decision)
    return db.scalars(query).all()


def find_pair(db: Session, pair_id: UUID) -> DuplicatePair | None:
    """A pair whose row is locked until the transaction ends."""
    query = select(DuplicatePair).where(DuplicatePair.id == pair_id).with_for_update()
    return db.scalar(query.execution_options(populate_existing=True))


def find_pair_of(db: Session, one: UUID, other: UUID) -> DuplicatePair | None:
    """The pair of two patients, its row locked until the transaction ends."""
    first, second = sorted((one, other))
    of_both = (DuplicatePair.patient_a_id == first, DuplicatePair.patient_b_id == second)
    query = select(DuplicatePair).where(*of_both).with_for_update()
    return db.scalar(query.execution_options(populate_existing=True))


def _order(candidate: Candidate) -> tuple[int, float, UUID]:
    judged = candidate.verdict
    return GRADES.index(judged.grade), -judged.score, candidate.patient_id


def _holders(db: Session, person: Person) -> Collection[UUID]:
    """Who has one of the identifiers."""
    if not person.identifiers:
        return []
    each = sorted(person.identifiers, key=lambda one: (one.type, one.issuing_country, one.value))
    asked = {
        "types": [one.type for one in each],
        "countries": [one.issuing_country for one in each],
        "numbers": [one.value for one in each],
    }
    return db.execute(_HOLDERS, asked).scalars().all()


def _alike(db: Session, person: Person, known: Alike) -> Collection[UUID]:
    """Those who have most in common with the person."""
    spans = [(_exactly_contact(each), _CONTACT) for each in sorted(contacts(known))]
    if person.birth is not None:
        heard = sorted(sounds(known.names))
        for day, weight in _days(person.birth).items():
            spans += [(_exactly_day(day, sound), weight) for sound in heard]
    return TERMS.heaviest(db, spans, most=MOST_COMPARED, each=EACH, budget=BUDGET)


def _days(birth: Birth) -> dict[date, int]:
    """The days on which the same person may be said to be born, and what they weigh."""
    if birth.date_of_birth is None:
        return {}
    days = {birth.date_of_birth: _SAME_DAY}
    around = (birth.date_of_birth + timedelta(n) for n in range(-births.HIJRI_DAYS, births.HIJRI_DAYS + 1))
    for day in (*around, births.swapped(birth)):
        if day is not None:
            days.setdefault(day, _NEAR_DAY)
    return days


def _exactly_contact(contact: str) -> Span:
    return exactly(*contact_term(contact))


def _exactly_day(day: date, sound: str) -> Span:
    return exactly(*day_term(day, sound))


def _dismissed(db: Session, patient_id: UUID) -> frozenset[UUID]:
    """With whom it was decided that the patient is not one person."""
    either = or_(DuplicatePair.patient_a_id == patient_id, DuplicatePair.patient_b_id == patient_id)
    query = select(DuplicatePair.patient_a_id, DuplicatePair.patient_b_id)
    rows = db.execute(query.where(either, DuplicatePair.decision == NOT_DUPLICATE)).all()
    return frozenset(one for row in rows for one in row) - {patient_id}
