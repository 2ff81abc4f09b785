"""Operations on clinics, rooms, providers and their hours, and service types."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, time
from itertools import combinations
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from jalsa.db.transactions import sqlstate
from jalsa.service.commands import UNSET, given
from jalsa.service.errors import InvalidField
from jalsa.service.ids import new_id
from scheduling.directory import events
from scheduling.directory.commands import (
    AddRoom,
    AddServiceType,
    ChangeClinic,
    ChangeProvider,
    ChangeRoom,
    ChangeServiceType,
    OpenClinic,
    RegisterProvider,
    SetWorkingHours,
)
from scheduling.directory.queries import ZonedClinic
from scheduling.errors import UnknownZone
from scheduling.models import Clinic, Provider, ProviderClinic, Room, ServiceType, WorkingHoursRow
from scheduling.timetable.hours import WorkingHours, knows_zone
from scheduling.timetable.locks import lock

#: The SQLSTATE with which the database refuses an unknown time zone: invalid_parameter_value.
_UNKNOWN_ZONE = "22023"


def create_clinic(db: Session, command: OpenClinic, *, now: datetime) -> Clinic:
    """Store a clinic and publish ClinicSaved. Raises a 422 problem for a zone that the database does not know."""
    clinic = Clinic(
        id=new_id(),
        code=command.code,
        name_en=command.name_en,
        name_ar=command.name_ar,
        timezone=command.timezone,
        active=True,
    )
    db.add(clinic)
    _store_clinic(db)
    events.clinic_saved(db, clinic, now)
    return clinic


def update_clinic(db: Session, clinic: Clinic, command: ChangeClinic, *, now: datetime) -> Clinic:
    """Change a clinic and publish ClinicSaved.

    Raises a 422 problem if the code or the zone changes without a reason, and for a zone that the database does not
    know. Booked sessions keep their instants, and numbers keep the code with which they were made.
    """
    _correct(clinic, command, ("code", "timezone"))
    _store_clinic(db)
    events.clinic_saved(db, clinic, now)
    return clinic


def create_room(db: Session, command: AddRoom) -> Room:
    """Store a room. Raises a 422 problem for an unknown or inactive clinic."""
    active_clinic(db, command.clinic_id)
    room = Room(id=new_id(), clinic_id=command.clinic_id, name=command.name, active=True)
    db.add(room)
    db.flush()
    return room


def update_room(db: Session, room: Room, command: ChangeRoom) -> Room:
    """Change a room."""
    if command.name not in (UNSET, room.name):
        room.twin = False
    _assign(room, command)
    db.flush()
    return room


def create_provider(db: Session, command: RegisterProvider, *, now: datetime) -> Provider:
    """Store a provider and publish ProviderSaved. Raises a 422 problem for an unknown or inactive clinic."""
    clinics = _in_clinics(db, command.clinic_ids)
    provider = Provider(
        id=new_id(),
        name_en=command.name_en,
        name_ar=command.name_ar,
        user_id=command.user_id,
        discipline=command.discipline,
        clinics=clinics,
        active=True,
    )
    db.add(provider)
    db.flush()
    events.provider_saved(db, provider, now)
    return provider


def update_provider(db: Session, provider: Provider, command: ChangeProvider, *, now: datetime) -> Provider:
    """Change a provider and publish ProviderSaved.

    Raises a 422 problem for a clinic that is unknown or in which the provider still has hours, and if the login or the
    discipline changes without a reason. Booked sessions stay.
    """
    if command.clinic_ids is not UNSET:
        _move(db, provider, set(command.clinic_ids))
    if command.user_id not in (UNSET, provider.user_id):
        provider.twin = False
    _correct(provider, command, ("user_id", "discipline"))
    db.flush()
    events.provider_saved(db, provider, now)
    return provider


def set_working_hours(db: Session, provider: Provider, command: SetWorkingHours) -> list[WorkingHours]:
    """Replace a provider's week.

    Raises a 422 problem for overlapping periods, and for a clinic that is not the provider's.
    """
    week = sorted(command.items, key=lambda h: (h.weekday, h.start))
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


def create_service_type(db: Session, command: AddServiceType) -> ServiceType:
    """Store a service type."""
    service_type = ServiceType(
        id=new_id(),
        code=command.code,
        name_en=command.name_en,
        name_ar=command.name_ar,
        discipline=command.discipline,
        default_duration_minutes=command.default_duration_minutes,
        buffer_before_minutes=command.buffer_before_minutes,
        buffer_after_minutes=command.buffer_after_minutes,
        active=True,
    )
    db.add(service_type)
    db.flush()
    return service_type


def update_service_type(db: Session, service_type: ServiceType, command: ChangeServiceType) -> ServiceType:
    """Change a service type. Booked sessions keep their times."""
    _assign(service_type, command)
    db.flush()
    return service_type


def active_clinic(db: Session, clinic_id: UUID) -> Clinic:
    """Return an active clinic. Raises a 422 problem if it is unknown or inactive."""
    clinic = db.get(Clinic, clinic_id)
    if clinic is None or not clinic.active:
        raise InvalidField("clinic_id", "There is no such active clinic.")
    return clinic


def check_zone(clinic: Clinic) -> None:
    """Raise 409 `unknown-zone` for a clinic in whose zone nothing new can be placed."""
    if not knows_zone(clinic.timezone):
        raise unknown_zone(clinic)


def unknown_zone(clinic: Clinic | ZonedClinic) -> UnknownZone:
    """Return the error for a request that needs the local days of a clinic whose stored zone is not known."""
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
        raise InvalidField("clinic_ids", "The provider has working hours in a clinic that is to be removed.")
    added = _in_clinics(db, wanted - set(provider.clinic_ids))
    provider.clinics = [c for c in provider.clinics if c.clinic_id in wanted] + added


def _end(stretch: WorkingHours) -> time:
    return time.max if stretch.end == time(0) else stretch.end


def _at_once(one: WorkingHours, other: WorkingHours) -> bool:
    """Whether there are days on which both can apply."""
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


def _correct(record: Clinic | Provider, command: ChangeClinic | ChangeProvider, with_reason: Collection[str]) -> None:
    """Assign the given values. Raises a 422 problem if a value changes that needs a reason and none is given."""
    corrected = [name for name in with_reason if getattr(command, name) not in (UNSET, getattr(record, name))]
    if corrected and command.reason is None:
        raise InvalidField("reason", "Required to correct {fields}.", fields=", ".join(with_reason))
    _assign(record, command)
    record.change_reason = command.reason


def _assign(
    record: Clinic | Room | Provider | ServiceType,
    command: ChangeClinic | ChangeRoom | ChangeProvider | ChangeServiceType,
) -> None:
    """Set the columns that are given. Values without a column, such as a reason, are left to the operation."""
    for name, value in given(command).items():
        if name in type(record).__table__.columns:
            setattr(record, name, value)
