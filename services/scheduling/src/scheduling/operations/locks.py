"""The locks under which a session is placed: sorted, so that two bookings never wait for each other in a circle.

The order of all: patients, the rows of sessions that exist, those of packages, then clinics, providers, rooms, then
the waitlist.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of

_LOCK = text("""
    SELECT CASE WHEN key LIKE 'shared:%' THEN pg_advisory_xact_lock_shared(hashtextextended(substr(key, 8), 0))
                ELSE pg_advisory_xact_lock(hashtextextended(key, 0)) END
    FROM unnest(CAST(:keys AS text[])) AS key
""")
_LOCK_ROWS = text("SELECT FROM sessions WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")
_LOCK_FREE_ROW = text("SELECT id FROM sessions WHERE id = :id FOR UPDATE SKIP LOCKED")
_LOSE = text("DO $$ BEGIN RAISE 'a row is taken' USING ERRCODE = 'serialization_failure'; END $$")

_LOCK_PACKAGES = text("""
    SELECT FROM packages WHERE id IN (
      SELECT ps.package_id FROM participants p JOIN package_sessions ps ON ps.id = p.package_session_id
      WHERE p.status <> 'CANCELLED' AND p.session_id = ANY (CAST(:ids AS uuid[]))
    ) ORDER BY id FOR UPDATE
""")


def lock(
    db: Session,
    *,
    open_clinics: Iterable[UUID] = (),
    closing_clinics: Iterable[UUID] = (),
    providers: Iterable[UUID] = (),
    rooms: Iterable[UUID] = (),
) -> None:
    """Keep everybody else from booking these providers and rooms until the transaction ends (promise P1).

    Any number may book in clinics that stay open; whoever closes them is alone.
    """
    keys = [
        *sorted(f"shared:clinic:{c}" for c in open_clinics),
        *sorted(f"clinic:{c}" for c in closing_clinics),
        *sorted(f"provider:{p}" for p in providers),
        *sorted(f"room:{r}" for r in rooms),
    ]
    db.execute(_LOCK, {"keys": keys})


def lock_patients(db: Session, patients: Iterable[UUID]) -> None:
    """Keep everybody else from booking these patients; before all other locks."""
    db.execute(_LOCK, {"keys": sorted(f"patient:{p}" for p in patients)})


def lock_sessions(db: Session, session_ids: Iterable[UUID]) -> None:
    """Lock the rows of several sessions, in one fixed order; after their patients."""
    if ids := list(session_ids):
        db.execute(_LOCK_ROWS, {"ids": ids})


def lock_session_at_once(db: Session, session_id: UUID) -> None:
    """Lock one more session's row, whatever is locked already: without waiting, so that nobody waits in a circle.

    Where somebody else has it, the transaction fails as one that has lost against another, and is run again.
    """
    if db.execute(_LOCK_FREE_ROW, {"id": session_id}).first() is None:
        db.execute(_LOSE)


def lock_packages(db: Session, session_ids: Iterable[UUID]) -> None:
    """Lock the packages that have appointments in several sessions, before any of those is cancelled or settled.

    After the sessions' rows. One by one they would be locked after the waitlist, in which others wait with a package.
    """
    db.execute(_LOCK_PACKAGES, {"ids": list(session_ids)})


def lock_waitlist(db: Session) -> None:
    """Keep everybody else from changing the tenant's waitlist; after all other locks.

    Whoever changes entries or offers holds it, beside the row of the session whose spots are offered. So nobody is
    offered two spots at once, and entries and offers need no locks of their own.
    """
    db.execute(_LOCK, {"keys": [f"waitlist:{context_of(db).tenant}"]})
