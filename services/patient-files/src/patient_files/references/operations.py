"""References: registered one by one or in batches, moved, ended; and who writes those of a system."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db import legacy
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id
from patient_files import errors
from patient_files.models import EncounterReference, ReferenceSystem
from patient_files.references import queries, rules
from patient_files.references.commands import BadItem, DecideActors, ReferenceItem, RegisterReferences
from patient_files.references.queries import Held, Key

# What is not returned is registered already, perhaps by a transaction that ended meanwhile.
_INSERT = text("""
    INSERT INTO encounter_references (id, encounter_id, system, kind, ref, known, registered_at, registered_by)
    SELECT id, encounter_id, system, kind, ref, known, :now, :actor
    FROM unnest(CAST(:ids AS uuid[]), CAST(:encounters AS uuid[]), CAST(:systems AS text[]), CAST(:kinds AS text[]),
                CAST(:refs AS text[]), CAST(:known AS boolean[]))
      AS item (id, encounter_id, system, kind, ref, known)
    ON CONFLICT (tenant_id, system, kind, ref) WHERE live DO NOTHING
    RETURNING id
""")
_END = text("UPDATE encounter_references SET ended_at = :now, ended_by = :actor WHERE id = ANY(:ids)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item; `code` says why it was rejected. `encounter_id` is where the record belongs now."""

    result: str
    code: str | None = None
    reference_id: UUID | None = None
    encounter_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An item that can be registered: the record belongs to an encounter that was not merged."""

    key: Key
    encounter_id: UUID
    move: bool


def register_references(db: Session, command: RegisterReferences, *, now: datetime) -> list[Outcome]:
    """Register the items of a batch, each by itself, in a number of statements that does not grow with the batch.

    The encounters' rows stay locked until the transaction ends, so that none is merged meanwhile: what names a merged
    one is registered for the one that replaces it. A system that only certain logins write rejects others.
    """
    outcomes: list[Outcome | None] = [None] * len(command.items)
    wanted: dict[Key, _Wanted] = {}
    places: dict[Key, int] = {}
    repeats: list[tuple[int, _Wanted]] = []
    judged = _judge(db, command.items)
    for place, found in enumerate(judged):
        if isinstance(found, Outcome):
            outcomes[place] = found
        elif found.key in wanted:
            repeats.append((place, found))
        else:
            wanted[found.key], places[found.key] = found, place
    for key, outcome in _store(db, wanted, now).items():
        outcomes[places[key]] = outcome
    for place, repeated in repeats:
        outcomes[place] = _repeat(outcomes[places[repeated.key]], repeated)
    return [outcome for outcome in outcomes if outcome is not None]


def end_reference(db: Session, reference: EncounterReference, *, now: datetime) -> EncounterReference:
    """A record does not belong to its encounter any more. One that has ended already stays as it is.

    Raises 403 where others alone write the references of its system.
    """
    actor = context_of(db).actor
    if queries.closed_to(db, [reference.system], actor):
        raise errors.SystemOfOthers
    if reference.ended_at is None:
        reference.ended_at, reference.ended_by = now, actor
        db.flush()
    return reference


def decide_actors(db: Session, system: str, command: DecideActors) -> None:
    """Store who alone writes the references of a system."""
    decided = queries.find_system(db, system)
    if decided is None:
        decided = ReferenceSystem(id=new_id(), system=system)
        db.add(decided)
    decided.actors = list(command.actors)
    db.flush()


def _judge(db: Session, items: Sequence[ReferenceItem | BadItem]) -> list[Outcome | _Wanted]:
    """Each item with the encounter to which it refers, or as it is rejected before anything is looked up of it."""
    good = [item for item in items if isinstance(item, ReferenceItem)]
    by_key = legacy.find_ids(db, rules.ENCOUNTER, [item.legacy_key for item in good if item.legacy_key is not None])
    named = {item: item.encounter_id or by_key.get(item.legacy_key or "") for item in good}
    read_as = queries.survivors(db, {one for one in named.values() if one is not None}, lock=True)
    closed = queries.closed_to(db, {item.system for item in good}, context_of(db).actor)

    def judge(item: ReferenceItem | BadItem) -> Outcome | _Wanted:
        if isinstance(item, BadItem):
            return Outcome(rules.REJECTED, rules.INVALID)
        if item.system in closed:
            return Outcome(rules.REJECTED, rules.FORBIDDEN)
        asked = named[item]
        encounter_id = read_as.get(asked) if asked is not None else None
        if encounter_id is None and item.allow_unknown:
            encounter_id = asked
        if encounter_id is None:
            return Outcome(rules.REJECTED, rules.UNKNOWN_ENCOUNTER)
        return _Wanted((item.system, item.kind, item.ref), encounter_id, item.move)

    return [judge(item) for item in items]


def _store(db: Session, wanted: Mapping[Key, _Wanted], now: datetime) -> dict[Key, Outcome]:
    """Register what is wanted. Most of it is new, so only what is not stored is looked up.

    A reference that another transaction ended between the two is tried again.
    """
    outcomes: dict[Key, Outcome] = {}
    kinds = queries.known_kinds(db) if wanted else frozenset()
    left = dict(wanted)
    while left:
        created = {key: Outcome(rules.CREATED, None, new_id(), one.encounter_id) for key, one in left.items()}
        stored = _insert(db, created, kinds, now)
        outcomes |= {key: one for key, one in created.items() if one.reference_id in stored}
        left = {key: one for key, one in left.items() if key not in outcomes}
        held = queries.current(db, left) if left else {}
        read_as = queries.survivors(db, {one.encounter_id for one in held.values()})
        decided = {key: _decide(left[key], one, read_as) for key, one in held.items()}
        moved = {key: one for key, one in decided.items() if one.result == rules.MOVED}
        _end(db, [held[key].reference_id for key in moved], now)
        _insert(db, moved, kinds, now)
        outcomes |= decided
        left = {key: one for key, one in left.items() if key not in held}
    return outcomes


def _decide(wanted: _Wanted, held: Held, read_as: Mapping[UUID, UUID]) -> Outcome:
    """What becomes of an item whose record belongs to an encounter already."""
    present = read_as.get(held.encounter_id, held.encounter_id)
    if present == wanted.encounter_id:
        return Outcome(rules.UNCHANGED, None, held.reference_id, present)
    if not wanted.move:
        return Outcome(rules.REJECTED, rules.REFERS_ELSEWHERE, held.reference_id, present)
    return Outcome(rules.MOVED, None, new_id(), wanted.encounter_id)


def _repeat(first: Outcome | None, repeated: _Wanted) -> Outcome:
    """An item whose record another item of the batch has named before."""
    if first is not None and first.result != rules.REJECTED and first.encounter_id == repeated.encounter_id:
        return Outcome(rules.UNCHANGED, None, first.reference_id, first.encounter_id)
    return Outcome(rules.REJECTED, rules.REPEATED)


def _end(db: Session, ids: Sequence[UUID], now: datetime) -> None:
    if ids:
        db.execute(_END, {"ids": ids, "now": now, "actor": context_of(db).actor})


def _insert(
    db: Session, outcomes: Mapping[Key, Outcome], kinds: Collection[tuple[str, str]], now: datetime
) -> set[UUID | None]:
    """Store references, in the order of their keys, so that no two batches wait for each other; those stored."""
    if not outcomes:
        return set()
    rows = sorted(outcomes.items())
    columns = {
        "ids": [one.reference_id for _, one in rows],
        "encounters": [one.encounter_id for _, one in rows],
        "systems": [key[0] for key, _ in rows],
        "kinds": [key[1] for key, _ in rows],
        "refs": [key[2] for key, _ in rows],
        "known": [key[:2] in kinds for key, _ in rows],
    }
    return set(db.scalars(_INSERT, {**columns, "now": now, "actor": context_of(db).actor}))
