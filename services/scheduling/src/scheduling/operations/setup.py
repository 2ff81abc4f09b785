"""Clinics, rooms, providers and their hours, service types."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from itertools import combinations
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from jalsa.db.transactions import sqlstate
from jalsa.service.errors import InvalidField
from jalsa.service.ids import new_id
from scheduling import events
from scheduling.domain.hours import WorkingHours, knows_zone
from scheduling.errors import UnknownZone
from scheduling.models import Clinic, Provider, ProviderClinic, Room, ServiceType, WorkingHoursRow
from scheduling.timetable.locks import lock

#: The state in which the database refuses to reckon in a zone: invalid_parameter_value.
_UNKNOWN_ZONE = "22023"


def create_clinic(db: Session, data: Mapping[str, Any], *, now: datetime) -> Clinic:
    """Store a clinic and publish ClinicSaved. Raises a 422 problem for a zone that the database does not know."""
    clinic = Clinic(id=new_id(), **{"active": True, **data})
    db.add(clinic)
    _store_clinic(db)
    events.clinic_saved(db, clinic, now)
    return clinic


def update_clinic(db: Session, clinic: Clinic, data: Mapping[str, Any], *, now: datetime) -> Clinic:
    """Change a clinic and publish ClinicSaved.

    Raises a 422 problem where code or zone change without a reason, and for a zone that the database does not know.
    Sessions that are booked keep their instants, and numbers the code that they were made with.
    """
    _correct(clinic, data, ("code", "timezone"))
    _store_clinic(db)
    events.clinic_saved(db, clinic, now)
    return clinic


def create_room(db: Session, data: Mapping[str, Any]) -> Room:
    """Store a room. Raises a 422 problem for an unknown or inactive clinic."""
    active_clinic(db, data["clinic_id"])
    room = Room(id=new_id(), **{"active": True, **data})
    db.add(room)
    db.flush()
    return room


def update_room(db: Session, room: Room, data: Mapping[str, Any]) -> Room:
    """Change a room."""
    if data.get("name", room.name) != room.name:
        room.twin = False
    _assign(room, data)
    db.flush()
    return room


def create_provider(db: Session, data: Mapping[str, Any], *, now: datetime) -> Provider:
    """Store a provider and publish ProviderSaved. Raises a 422 problem for an unknown or inactive clinic."""
    fields = {"active": True, **data}
    clinics = _in_clinics(db, fields.pop("clinic_ids"))
    provider = Provider(id=new_id(), clinics=clinics, **fields)
    db.add(provider)
    db.flush()
    events.provider_saved(db, provider, now)
    return provider


def update_provider(db: Session, provider: Provider, data: Mapping[str, Any], *, now: datetime) -> Provider:
    """Change a provider and publish ProviderSaved.

    Raises a 422 problem for a clinic that is unknown or has hours, and where login or discipline change without a
    reason. Sessions that are booked stay.
    """
    fields = dict(data)
    if (wanted := fields.pop("clinic_ids", None)) is not None:
        _move(db, provider, set(wanted))
    if fields.get("user_id", provider.user_id) != provider.user_id:
        provider.twin = False
    _correct(provider, fields, ("user_id", "discipline"))
    db.flush()
    events.provider_saved(db, provider, now)
    return provider


def set_working_hours(db: Session, provider: Provider, hours: Iterable[WorkingHours]) -> list[WorkingHours]:
    """Replace a provider's week. Raises a 422 problem for overlapping stretches, or a clinic not the provider's."""
    week = sorted(hours, key=lambda h: (h.weekday, h.start))
    for earlier, later in combinations(week, 2):
        if earlier.weekday == later.weekday and later.start < _end(earlier) and _at_once(earlier, later):
            raise InvalidField("items", "Two periods on the same weekday overlap.")
    if not {h.clinic_id for h in week} <= set(provider.clinic_ids):
        raise InvalidField("items", "The provider does not work in one of these clinics.")
    lock(db, providers=[provider.id])
    db.execute(delete(WorkingHoursRow).where(WorkingHoursRow.provider_id == provider.id))
    db.add_all(
        WorkingHoursRow(
            id=new_id(),
            provider_id=provider.id,
            clinic_id=h.clinic_id,
            weekday=h.weekday,
            start=h.start,
            end=h.end,
            valid_from=h.valid_from,
            valid_to=h.valid_to,
        )
        for h in week
    )
    db.flush()
    return week


def create_service_type(db: Session, data: Mapping[str, Any]) -> ServiceType:
    """Store a service type."""
    service_type = ServiceType(id=new_id(), **{"active": True, **data})
    db.add(service_type)
    db.flush()
    return service_type


def update_service_type(db: Session, service_type: ServiceType, data: Mapping[str, Any]) -> ServiceType:
    """Change a service type; sessions that are booked keep their times."""
    _assign(service_type, data)
    db.flush()
    return service_type


def active_clinic(db: Session, clinic_id: UUID) -> Clinic:
    """The clinic. Raises a 422 problem where it is unknown or inactive."""
    clinic = db.get(Clinic, clinic_id)
    if clinic is None or not clinic.active:
        raise InvalidField("clinic_id", "There is no such active clinic.")
    return clinic


def check_zone(clinic: Clinic) -> None:
    """Raises 409 `unknown-zone` for a clinic in whose zone nothing new can be placed."""
    if not knows_zone(clinic.timezone):
        raise unknown_zone(clinic)


def unknown_zone(clinic: Clinic | Row[UUID, str, str]) -> UnknownZone:
    """The refusal of what needs the local days of a clinic whose stored zone is not known."""
    return UnknownZone(clinic.id, clinic.code, clinic.timezone)


def _in_clinics(db: Session, clinic_ids: Iterable[UUID]) -> list[ProviderClinic]:
    wanted = set(clinic_ids)
    known = set(db.scalars(select(Clinic.id).where(Clinic.id.in_(wanted), Clinic.active)))
    if wanted - known:
        raise InvalidField("clinic_ids", "There is no such active clinic.")
    return [ProviderClinic(id=new_id(), clinic_id=clinic_id) for clinic_id in sorted(wanted)]


def _move(db: Session, provider: Provider, wanted: set[UUID]) -> None:
    left = set(provider.clinic_ids) - wanted
    if left and db.scalar(
        select(WorkingHoursRow.id)
        .where(WorkingHoursRow.provider_id == provider.id, WorkingHoursRow.clinic_id.in_(left))
        .limit(1)
    ):
        raise InvalidField("clinic_ids", "The provider has working hours in a clinic that is left out.")
    added = _in_clinics(db, wanted - set(provider.clinic_ids))
    provider.clinics = [c for c in provider.clinics if c.clinic_id in wanted] + added


def _end(stretch: WorkingHours) -> time:
    return time.max if stretch.end == time(0) else stretch.end


def _at_once(one: WorkingHours, other: WorkingHours) -> bool:
    """Whether there are days on which both could hold."""
    return (one.valid_from or date.min) <= (other.valid_to or date.max) and (other.valid_from or date.min) <= (
        one.valid_to or date.max
    )


def _store_clinic(db: Session) -> None:
    try:
        db.flush()
    except DataError as error:
        if sqlstate(error) == _UNKNOWN_ZONE:
            raise InvalidField("timezone", "The database does not know this time zone.") from None
        raise


def _correct(record: Clinic | Provider, data: Mapping[str, Any], with_reason: Iterable[str]) -> None:
    """Assign what is given. Raises a 422 problem where something changes that only changes for a reason."""
    values = dict(data)
    reason = values.pop("reason", None)
    if reason is None and any(values.get(name, getattr(record, name)) != getattr(record, name) for name in with_reason):
        raise InvalidField("reason", "Required to correct {fields}.", fields=", ".join(with_reason))
    _assign(record, {**values, "change_reason": reason})


def _assign(record: object, data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        setattr(record, name, value)
