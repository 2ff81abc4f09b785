"""What can be done about possible duplicates: registrations of one person take turns, and pairs are decided."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import NotFound
from jalsa.service.folding import fold
from jalsa.service.ids import new_id
from patient_files.duplicates import queries
from patient_files.duplicates.commands import DismissPair
from patient_files.duplicates.queries import Candidate
from patient_files.duplicates.rules.grades import Person
from patient_files.duplicates.rules.pairs import MERGED, NOT_DUPLICATE, OPEN, PAIR
from patient_files.models import DuplicatePair

_LOCK = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('person:' || current_setting('jalsa.tenant') || ':' || key, 0))
    FROM unnest(CAST(:keys AS text[])) AS key
""")


def lock_person(db: Session, person: Person) -> None:
    """Keep everybody else from registering the same person until the transaction ends.

    Whatever makes two registrations certainly one person's is locked in one order: each identifier, each telephone
    number, and each first name with the year of birth.
    """
    keys = {f"identifier:{each.type}:{each.issuing_country}:{each.value}" for each in person.identifiers}
    keys |= {f"phone:{number}" for number in person.phones}
    if person.birth is not None:
        year = person.birth.born_from.year
        keys |= {f"name:{year}:{fold(parts.first)}" for parts in person.names if parts.first}
    if keys:
        db.execute(_LOCK, {"keys": sorted(keys)})


def keep_candidates(
    db: Session, patient_id: UUID, found: Iterable[Candidate], *, dismissed_for: str | None, now: datetime
) -> None:
    """Store with whom a new patient may be one person. `dismissed_for` is why it is somebody else, if that is known."""
    actor = context_of(db).actor
    decided = dismissed_for is not None
    for each in found:
        first, second = sorted((patient_id, each.patient_id))
        db.add(
            DuplicatePair(
                id=new_id(),
                patient_a_id=first,
                patient_b_id=second,
                grade=each.verdict.grade,
                reasons=list(each.verdict.reasons),
                decision=NOT_DUPLICATE if decided else OPEN,
                decision_reason=dismissed_for,
                decided_at=now if decided else None,
                decided_by=actor if decided else None,
                created_at=now,
                created_by=actor,
            )
        )
    db.flush()


def dismiss_pair(db: Session, pair_id: UUID, command: DismissPair, *, now: datetime) -> DuplicatePair:
    """Decide that two patients are two people. Raises 404, and 409 `invalid-transition` where it is decided already."""
    pair = queries.find_pair(db, pair_id)
    if pair is None:
        raise NotFound("pair")
    PAIR.check(pair.decision, NOT_DUPLICATE)
    pair.decision, pair.decision_reason = NOT_DUPLICATE, command.reason
    pair.decided_at, pair.decided_by = now, context_of(db).actor
    db.flush()
    return pair


def decide_merged(db: Session, one: UUID, other: UUID, reason: str, *, now: datetime) -> None:
    """Decide the open pair of two records that are merged, for the reason of the merge. There need not be one.

    A pair that was dismissed stays so, because an undoing of the merge could not bring that decision back.
    """
    pair = queries.find_pair_of(db, one, other)
    if pair is not None and pair.decision == OPEN:
        pair.decision, pair.decision_reason = MERGED, reason
        pair.decided_at, pair.decided_by = now, context_of(db).actor
        db.flush()


def reopen_merged(db: Session, one: UUID, other: UUID) -> None:
    """Let somebody look again at the pair of two records whose merge is undone."""
    pair = queries.find_pair_of(db, one, other)
    if pair is not None and pair.decision == MERGED:
        pair.decision = OPEN
        pair.decision_reason = pair.decided_at = pair.decided_by = None
        db.flush()
