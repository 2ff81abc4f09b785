"""The locks under which a session is placed: sorted, so that two bookings never wait for each other in a circle."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(CAST(:keys AS text[])) AS key")


def lock(db: Session, *, providers: Iterable[UUID], rooms: Iterable[UUID]) -> None:
    """Keep everybody else from booking these until the transaction ends (promise P1)."""
    keys = [f"provider:{p}" for p in providers] + [f"room:{r}" for r in rooms]
    db.execute(_LOCK, {"keys": sorted(keys)})
