"""The locks of patients, sessions, packages and the waitlist; those of providers and rooms are in `timetable.locks`.

The order of all: patients, the rows of sessions that exist, those of packages, then clinics, providers, rooms, then
the waitlist. So two bookings never wait for each other in a circle.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.aliases import survivors_of
from jalsa.db.transactions import context_of
from scheduling.timetable.locks import lock_keys

_LOCK_ROWS = text("SELECT FROM sessions WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")
_LOCK_FREE_ROW = text("SELECT id FROM sessions WHERE id = :id FOR UPDATE SKIP LOCKED")
_LOSE = text("DO $$ BEGIN RAISE 'a row is taken' USING ERRCODE = 'serialization_failure'; END $$")

_LOCK_PACKAGES = text("""
    SELECT FROM packages WHERE id IN (
      SELECT ps.package_id FROM participants p JOIN package_sessions ps ON ps.id = p.package_session_id
      WHERE p.status <> 'CANCELLED' AND p.session_id = ANY (CAST(:ids AS uuid[]))
    ) ORDER BY id FOR UPDATE
""")


def lock_patients(db: Session, patients: Iterable[UUID]) -> None:
    """Keep everybody else from booking these patients, under whatever id; before all other locks.

    The lock is on the survivor of a merge. Of one that was heard of while a lock was waited for, the survivor is
    locked as well.
    """
    asked, locked = list(patients), set[UUID]()
    while not (survivors := set(survivors_of(db, asked).values())) <= locked:
        lock_keys(db, sorted(f"patient:{each}" for each in survivors - locked))
        locked |= survivors


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
    lock_keys(db, [f"waitlist:{context_of(db).tenant}"])
