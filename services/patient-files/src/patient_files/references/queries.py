"""The read side of references."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.db import legacy
from jalsa.db.keyset import keyset
from patient_files.encounters import queries as encounters
from patient_files.encounters.rules import CANCELLED, ENTERED_IN_ERROR
from patient_files.models import Encounter, EncounterReference, ReferenceKind, ReferenceSystem
from patient_files.references.commands import FindReferences
from patient_files.references.rules import ENCOUNTER, FINDINGS, OPEN_TOO_LONG

_LONGEST_INTEGER = 20
#: System, kind and ref of a record.
Key = tuple[str, str, str]

# Whoever merges an encounter locks its row for update, which waits for this, or this waits for it.
_LOCKED = text("SELECT id, replaced_by FROM encounters WHERE id = ANY(:ids) ORDER BY id FOR KEY SHARE")
_READ = text("SELECT id, replaced_by FROM encounters WHERE id = ANY(:ids)")
# Each record is one look into the index, in the order in which they are asked for, so that no two wait for each other.
_CURRENT = text("""
    SELECT held.*
    FROM unnest(CAST(:systems AS text[]), CAST(:kinds AS text[]), CAST(:refs AS text[])) AS asked (system, kind, ref)
    CROSS JOIN LATERAL (
      SELECT id, encounter_id, system, kind, ref FROM encounter_references r
      WHERE r.system = asked.system AND r.kind = asked.kind AND r.ref = asked.ref AND r.live
      LIMIT 1 FOR UPDATE
    ) AS held
""")


_OF_REFERENCE = "r.id AS key, r.encounter_id, e.patient_id, r.id AS reference_id, r.system, r.kind, r.ref"
_OF_ENCOUNTER = """
    e.id AS key, e.id AS encounter_id, e.patient_id, CAST(NULL AS uuid) AS reference_id, CAST(NULL AS text) AS system,
    CAST(NULL AS text) AS kind, CAST(NULL AS text) AS ref
"""
# What refers to an encounter of this state, also by one that was merged into it.
_REFERS_TO = f"""
    WITH RECURSIVE wrong (id) AS (
      SELECT id FROM encounters WHERE status = '{{status}}' AND replaced_by IS NULL
      UNION ALL SELECT e.id FROM encounters e JOIN wrong ON e.replaced_by = wrong.id
    )
    SELECT {_OF_REFERENCE} FROM wrong JOIN encounters e ON e.id = wrong.id
    JOIN encounter_references r ON r.encounter_id = e.id AND r.live
"""  # noqa: S608 the columns and the states are constants
_FINDINGS = {
    "cancelled": _REFERS_TO.format(status=CANCELLED),
    "in-error": _REFERS_TO.format(status=ENTERED_IN_ERROR),
    "unknown-encounter": f"""
        SELECT {_OF_REFERENCE.replace("e.patient_id", "CAST(NULL AS uuid) AS patient_id")} FROM encounter_references r
        WHERE r.live AND NOT EXISTS (SELECT FROM encounters e WHERE e.id = r.encounter_id)
    """,  # noqa: S608
    "unknown-kind": f"""
        SELECT {_OF_REFERENCE} FROM encounter_references r LEFT JOIN encounters e ON e.id = r.encounter_id
        WHERE r.live AND NOT r.known
    """,  # noqa: S608
    "unknown-patient": f"""
        SELECT {_OF_ENCOUNTER} FROM encounters e
        WHERE e.status <> '{ENTERED_IN_ERROR}' AND NOT EXISTS (SELECT FROM patients p WHERE p.id = e.patient_id)
    """,  # noqa: S608
    "open-too-long": f"""
        SELECT {_OF_ENCOUNTER} FROM encounters e
        WHERE e.status IN ('ARRIVED', 'IN_PROGRESS') AND e.started_at < :long_ago
    """,  # noqa: S608
    # the appointment was given up and the encounter was not, the other way round, or the arrival was taken back
    "appointment-contradicts": f"""
        SELECT {_OF_ENCOUNTER} FROM encounters e JOIN appointments a ON a.id = e.appointment_id
        WHERE (a.status IN ('NO_SHOW', 'CANCELLED') AND e.status NOT IN ('CANCELLED', 'ENTERED_IN_ERROR'))
           OR (a.status IN ('ARRIVED', 'ATTENDED') AND e.status = 'CANCELLED')
           OR (a.status IN ('BOOKED', 'CONFIRMED') AND e.source <> 'MANUAL'
               AND e.status IN ('ARRIVED', 'IN_PROGRESS', 'FINISHED'))
    """,  # noqa: S608
}
_COUNTS = {name: text(f"SELECT count(*) FROM ({query}) AS found") for name, query in _FINDINGS.items()}  # noqa: S608
_PAGES = {
    name: text(f"""
        SELECT * FROM ({query}) AS found WHERE CAST(:after AS uuid) IS NULL OR key > :after ORDER BY key LIMIT :limit
    """)  # noqa: S608
    for name, query in _FINDINGS.items()
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit together; `key` is the reference's id, or the encounter's where it is about none."""

    finding: str
    key: UUID
    encounter_id: UUID
    patient_id: UUID | None
    reference_id: UUID | None
    system: str | None
    kind: str | None
    ref: str | None


class Held(NamedTuple):
    """To which encounter a record refers now, and by which reference."""

    reference_id: UUID
    encounter_id: UUID


def patients_of(db: Session, encounter_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Whose these encounters are. Unknown ones are left out."""
    rows = db.execute(select(Encounter.id, Encounter.patient_id).where(Encounter.id.in_(set(encounter_ids))))
    return {row.id: row.patient_id for row in rows}


def survivors(db: Session, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, UUID]:
    """As which encounter each of these is read: itself, or the one it was merged into. Unknown ones are left out.

    With `lock` none of them is merged until the transaction ends.
    """
    replaced: dict[UUID, UUID | None] = {}
    wanted = set(ids)
    while wanted:
        rows = db.execute(_LOCKED if lock else _READ, {"ids": sorted(wanted)}).all()
        replaced |= {row.id: row.replaced_by for row in rows}
        wanted = {row.replaced_by for row in rows if row.replaced_by} - replaced.keys()
    return {one: _last(one, replaced) for one in ids if one in replaced}


def _last(one: UUID, replaced: Mapping[UUID, UUID | None]) -> UUID:
    while (following := replaced.get(one)) is not None:
        one = following
    return one


def current(db: Session, keys: Collection[Key]) -> dict[Key, Held]:
    """To which encounters records refer now. These references are locked until the transaction ends."""
    asked = sorted(keys)
    columns = {name: [key[at] for key in asked] for at, name in enumerate(("systems", "kinds", "refs"))}
    return {(r.system, r.kind, r.ref): Held(r.id, r.encounter_id) for r in db.execute(_CURRENT, columns)}


def known_kinds(db: Session) -> frozenset[tuple[str, str]]:
    """The kinds of records that are known to refer to encounters, each with its system."""
    return frozenset((kind.system, kind.kind) for kind in db.scalars(select(ReferenceKind)))


def closed_to(db: Session, systems: Collection[str], actor: str) -> set[str]:
    """Those of the systems whose references are written by others alone."""
    query = select(ReferenceSystem.system, ReferenceSystem.actors).where(ReferenceSystem.system.in_(systems))
    return {row.system for row in db.execute(query) if row.actors and actor not in row.actors}


def find_system(db: Session, system: str) -> ReferenceSystem | None:
    """What a tenant has decided about a system; its row is locked until the transaction ends."""
    return db.scalar(select(ReferenceSystem).where(ReferenceSystem.system == system).with_for_update())


def list_systems(db: Session) -> Sequence[ReferenceSystem]:
    """The systems of which a tenant has decided who writes their references."""
    return db.scalars(select(ReferenceSystem).order_by(ReferenceSystem.system)).all()


def find_reference(db: Session, reference_id: UUID, *, lock: bool = False) -> EncounterReference | None:
    """A reference, also one that has ended."""
    query = select(EncounterReference).where(EncounterReference.id == reference_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalar(query)


def references_of(db: Session, encounter_id: UUID, *, after: UUID | None, limit: int) -> Sequence[EncounterReference]:
    """What refers to an encounter, or to one that was merged into it, in the order of registration."""
    query = select(EncounterReference).where(
        EncounterReference.encounter_id.in_(encounters.family_of(db, encounter_id)),
        EncounterReference.live,
    )
    return db.scalars(keyset(query, EncounterReference.id, after=after, limit=limit)).all()


def list_references(
    db: Session, asked: FindReferences, *, after: tuple[str, str] | None, limit: int
) -> Sequence[EncounterReference]:
    """The current references of a system, in the order of their kinds and refs; `after` is the last one's."""
    query = select(EncounterReference).where(EncounterReference.system == asked.system, EncounterReference.live)
    if asked.kind is not None:
        query = query.where(EncounterReference.kind == asked.kind)
    if asked.ref is not None:
        query = query.where(EncounterReference.ref == asked.ref)
    query = keyset(query, EncounterReference.kind, EncounterReference.ref, after=after, limit=limit)
    return db.scalars(query).all()


def encounter_of_old_key(db: Session, key: str) -> UUID | None:
    """The encounter that the monolith, or this service, has under an integer or a UUID."""
    if key.isascii() and key.isdigit() and len(key) <= _LONGEST_INTEGER:
        return legacy.find_ids(db, ENCOUNTER, [str(int(key))]).get(str(int(key)))
    try:
        asked = UUID(key)
    except ValueError:
        return None
    if encounters.find_encounter(db, asked) is not None:
        return asked
    return legacy.find_ids(db, ENCOUNTER, [str(asked)]).get(str(asked))


def count_findings(db: Session, *, now: datetime) -> dict[str, int]:
    """How many findings of each kind there are."""
    long_ago = {"long_ago": now - OPEN_TOO_LONG}
    return {name: int(db.execute(_COUNTS[name], long_ago).scalar_one()) for name in FINDINGS}


def list_findings(
    db: Session, names: Sequence[str], *, now: datetime, after: tuple[str, UUID] | None, limit: int
) -> list[Finding]:
    """Findings of these kinds, kind by kind; `after` is the kind and the key of the last one of the page before."""
    found: list[Finding] = []
    begun = after is None
    for name in names:
        here = after[1] if after is not None and after[0] == name else None
        begun = begun or here is not None
        if begun and len(found) < limit:
            asked = {"long_ago": now - OPEN_TOO_LONG, "after": here, "limit": limit - len(found)}
            found += [Finding(name, *row) for row in db.execute(_PAGES[name], asked)]
    return found
