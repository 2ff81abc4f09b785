"""The locks under which a session is placed. They are taken in a sorted order, so that two bookings cannot deadlock.

They are taken after the locks of patients, sessions and packages, and before the lock of the waitlist. See
`operations.locks`.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from scheduling.timetable.occupancy import Occupancy

_LOCK = text("""
    SELECT CASE WHEN key LIKE 'shared:%' THEN pg_advisory_xact_lock_shared(hashtextextended(substr(key, 8), 0))
                ELSE pg_advisory_xact_lock(hashtextextended(key, 0)) END
    FROM unnest(CAST(:keys AS text[])) AS key
""")


def lock(
    db: Session,
    *,
    open_clinics: Iterable[UUID] = (),
    closing_clinics: Iterable[UUID] = (),
    providers: Iterable[UUID] = (),
    rooms: Iterable[UUID] = (),
) -> None:
    """Prevent everybody else from booking these providers and rooms until the transaction ends (promise P1).

    Any number of transactions may book in `open_clinics`. A transaction that closes `closing_clinics` excludes all
    others.
    """
    keys = [
        *sorted(f"shared:clinic:{c}" for c in open_clinics),
        *sorted(f"clinic:{c}" for c in closing_clinics),
        *sorted(f"provider:{p}" for p in providers),
        *sorted(f"room:{r}" for r in rooms),
    ]
    lock_keys(db, keys)


def lock_placements(db: Session, placements: Collection[Occupancy]) -> None:
    """Prevent others from booking these providers and rooms and from closing these clinics, in one fixed order."""
    lock(
        db,
        open_clinics={p.clinic_id for p in placements},
        providers={p.provider_id for p in placements},
        rooms={p.room_id for p in placements if p.room_id},
    )


def lock_keys(db: Session, keys: Iterable[str]) -> None:
    """Take locks until the transaction ends, in the order of the keys. Many transactions can share a key `shared:…`."""
    db.execute(_LOCK, {"keys": list(keys)})
