"""Queries for clinics, providers, service types and the tenant's settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jalsa.db.transactions import TenantRow
from scheduling.domain import DEFAULT_SETTINGS
from scheduling.models import Clinic, ServiceType, Settings

R = TypeVar("R", bound=TenantRow)


def list_by_id(db: Session, kind: type[R], *, after: UUID | None, limit: int, **equal: UUID | None) -> Sequence[R]:
    """List rows in the order in which they were created, after a given one."""
    query = select(kind).order_by(kind.id).limit(limit)
    if after is not None:
        query = query.where(kind.id > after)
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(kind, name) == value)
    return db.scalars(query).all()


def find_service_type(db: Session, code: str) -> ServiceType | None:
    """Return a service type by its code, or None."""
    return db.scalar(select(ServiceType).where(ServiceType.code == code))


def settings(db: Session) -> Settings:
    """Return the tenant's settings, or the defaults."""
    return db.scalar(select(Settings)) or Settings(**DEFAULT_SETTINGS)


@dataclass(frozen=True, slots=True)
class ZonedClinic:
    """A clinic with the name of its stored time zone."""

    id: UUID
    code: str
    timezone: str


def clinics_of_unknown_zone(db: Session) -> list[ZonedClinic]:
    """Return the tenant's clinics whose local days cannot be calculated, by code.

    The database function `local_time` returns null for them, so their sessions are on no local day.
    """
    known = func.local_time(Clinic.timezone, text("timestamptz 'epoch'"))
    query = select(Clinic.id, Clinic.code, Clinic.timezone).where(known.is_(None)).order_by(Clinic.code)
    return [ZonedClinic(*row) for row in db.execute(query)]
