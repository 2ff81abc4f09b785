"""Projections are what a service keeps of another service's records, as the owner announces them.

Every projection has the key (tenant_id, id), because its id is given by another service.
"""

from collections.abc import Callable, Mapping
from typing import Protocol
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from jalsa.db.transactions import TenantRow

_KEY = ("tenant_id", "id")


def save(
    db: Session,
    kind: type[TenantRow],
    record_id: UUID,
    values: Mapping[str, object],
    *,
    first: Mapping[str, object] | None = None,
) -> None:
    """Store a record, or replace these values of it. `first` are values that it has only when it is new."""
    statement = insert(kind).values(id=record_id, **values, **(first or {}))
    db.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=dict(values)))


def save_if_unknown(db: Session, kind: type[TenantRow], record_id: UUID, values: Mapping[str, object]) -> None:
    """Store a record that another one's event tells of, unless it is known. Its own events say more."""
    db.execute(insert(kind).values(id=record_id, **values).on_conflict_do_nothing(index_elements=_KEY))


def set_status(db: Session, kind: type[TenantRow], record_id: UUID, status: str) -> None:
    """Keep what has become of a record, if it is known. `kind` has a column `status`."""
    db.execute(update(kind).where(kind.id == record_id).values(status=status))


class Announcement(Protocol):
    """An event, of which the id of its subject is enough."""

    @property
    def subject_id(self) -> str: ...


def status_follower(
    follow: Callable[[Session, UUID, str], None], status: str
) -> Callable[[Session, Announcement], None]:
    """A handler of events that say by their name alone what has become of their subject.

    It calls `follow` with the id of the subject and this status.
    """

    def on_announcement(db: Session, event: Announcement) -> None:
        follow(db, UUID(event.subject_id), status)

    return on_announcement
