"""Reads of clinics, providers and service types, and the tenant's own rules."""

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
    """Rows in the order in which they were made, after a given one."""
    query = select(kind).order_by(kind.id).limit(limit)
    if after is not None:
        query = query.where(kind.id > after)
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(kind, name) == value)
    return db.scalars(query).all()


def find_service_type(db: Session, code: str) -> ServiceType | None:
    """A service type by its code."""
    return db.scalar(select(ServiceType).where(ServiceType.code == code))


def settings(db: Session) -> Settings:
    """The tenant's own rules, or the defaults."""
    return db.scalar(select(Settings)) or Settings(**DEFAULT_SETTINGS)


@dataclass(frozen=True, slots=True)
class ZonedClinic:
    """A clinic and the name of its time zone as it is stored."""

    id: UUID
    code: str
    timezone: str


def clinics_of_unknown_zone(db: Session) -> list[ZonedClinic]:
    """Those of the tenant's clinics of which local days cannot be reckoned, by code.

    `local_time` in the database gives null for them, so that nothing of theirs is of any local day.
    """
    known = func.local_time(Clinic.timezone, text("timestamptz 'epoch'"))
    query = select(Clinic.id, Clinic.code, Clinic.timezone).where(known.is_(None)).order_by(Clinic.code)
    return [ZonedClinic(*row) for row in db.execute(query)]
