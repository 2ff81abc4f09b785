"""The locks of patients, sessions, packages and the waitlist.

The locks of providers and rooms are in `timetable.locks`. All locks are taken in one order, so that two bookings cannot
deadlock: patients, the rows of existing sessions, the rows of packages, clinics, providers, rooms, the waitlist.
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
    """Prevent everybody else from booking these patients, under whatever id. These locks are taken before all others.

    The lock is on the survivor of a merge. If a merge becomes known during the wait for a lock, its survivor
    is locked as well.
    """
    asked, locked = list(patients), set[UUID]()
    while not (survivors := set(survivors_of(db, asked).values())) <= locked:
        lock_keys(db, sorted(f"patient:{each}" for each in survivors - locked))
        locked |= survivors


def lock_sessions(db: Session, session_ids: Iterable[UUID]) -> None:
    """Lock the rows of several sessions in a fixed order. Their patients are locked before."""
    if ids := list(session_ids):
        db.execute(_LOCK_ROWS, {"ids": ids})


def lock_session_at_once(db: Session, session_id: UUID) -> None:
    """Lock one more session's row without waiting, whatever is already locked. This way it cannot deadlock.

    If another transaction has locked the row, this one fails with a serialization failure and is run again.
    """
    if db.execute(_LOCK_FREE_ROW, {"id": session_id}).first() is None:
        db.execute(_LOSE)


def lock_packages(db: Session, session_ids: Iterable[UUID]) -> None:
    """Lock the packages that have appointments in several sessions, before any of these is cancelled or completed.

    They are locked after the rows of the sessions. If they were locked one by one, that would be after the waitlist,
    for which other transactions wait while they have locked a package.
    """
    db.execute(_LOCK_PACKAGES, {"ids": list(session_ids)})


def lock_waitlist(db: Session) -> None:
    """Prevent everybody else from changing the tenant's waitlist. This lock is taken after all others.

    It is held by every transaction that changes entries or offers, in addition to the row of the session whose spots
    are offered. Therefore nobody is offered two spots at the same time, and entries and offers need no locks of their
    own.
    """
    lock_keys(db, [f"waitlist:{context_of(db).tenant}"])
