"""The requested placement of a session, its conflicts, and what a manager may override."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.commands import value_or
from jalsa.service.errors import InvalidField, Message
from scheduling import domain, errors
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement
from scheduling.directory import queries as directory
from scheduling.directory.operations.setup import active_clinic, check_zone
from scheduling.errors import PlacementRefused
from scheduling.models import Clinic, ClinicalSession, Provider, Room, ServiceType
from scheduling.timetable.conflicts import conflicts
from scheduling.timetable.hours import TOO_FAR_AHEAD, day_of, last_day
from scheduling.timetable.locks import lock_placements
from scheduling.timetable.occupancy import Occupancy

_TOO_LATE = Message("A walk-in started at most {minutes} minutes ago.", minutes=domain.WALK_IN_MINUTES)


@dataclass(frozen=True, kw_only=True)
class Placement(Occupancy):
    """What a session is to occupy, with the records that belong to it."""

    clinic: Clinic
    provider: Provider
    room: Room | None
    service_type: ServiceType

    @classmethod
    def of(
        cls,
        clinic: Clinic,
        provider: Provider,
        room: Room | None,
        service_type: ServiceType,
        starts_at: datetime,
        ends_at: datetime,
    ) -> Self:
        """Return a placement with the current buffers of the service type. The instants are UTC."""
        return cls(
            clinic_id=clinic.id,
            timezone=clinic.timezone,
            provider_id=provider.id,
            room_id=room.id if room else None,
            starts_at=starts_at,
            ends_at=ends_at,
            buffer_before_minutes=service_type.buffer_before_minutes,
            buffer_after_minutes=service_type.buffer_after_minutes,
            clinic=clinic,
            provider=provider,
            room=room,
            service_type=service_type,
        )


def placement_of(
    db: Session, wanted: WantedPlacement, *, now: datetime, past: bool = False, begun: datetime | None = None
) -> Placement:
    """Return the requested placement with all records that belong to it.

    With `past`, it may start in the past as far as `domain.past_rules` allows it. `begun` is a start in the past that
    is always allowed. Raises 422 problems for what is unknown, inactive, past, too far ahead, or does not belong
    together, and 409 `unknown-zone`.
    """
    clinic = active_clinic(db, wanted.clinic_id)
    check_zone(clinic)
    provider = active_provider(db, wanted.provider_id, clinic)
    room = active_room(db, wanted.room_id, clinic)
    service_type = active_service_type(db, wanted.service_type, provider)
    if now >= wanted.starts_at != begun and not (past and _may_be_entered(wanted, now)):
        raise InvalidField("starts_at", _TOO_LATE if wanted.walk_in else "Must be in the future.")
    if day_of(wanted.starts_at, clinic.timezone) > last_day(now, clinic.timezone):
        raise InvalidField("starts_at", TOO_FAR_AHEAD)
    minutes = wanted.duration_minutes or service_type.default_duration_minutes
    ends_at = wanted.starts_at + timedelta(minutes=minutes)
    return Placement.of(clinic, provider, room, service_type, wanted.starts_at, ends_at)


def new_placement(db: Session, session: ClinicalSession, wanted: NewPlacement, *, now: datetime) -> Placement:
    """Return the placement to which a session is to be moved. Values that are not given stay as they are.

    Until the session ends, it may keep the start that it has, for example when another provider takes over or another
    room is used. Raises what `placement_of` raises.
    """
    whole = WantedPlacement(
        clinic_id=session.clinic_id,
        provider_id=value_or(wanted.provider_id, session.provider_id),
        room_id=value_or(wanted.room_id, session.room_id),
        service_type=session.service_type.code,
        starts_at=value_or(wanted.starts_at, session.starts_at),
        duration_minutes=value_or(wanted.duration_minutes, session.duration_minutes),
    )
    begun = session.starts_at if session.ends_at > now else None
    return placement_of(db, whole, now=now, begun=begun)


def take(db: Session, placement: Placement, override: Override | None, moving: Sequence[UUID] = ()) -> list[str]:
    """Lock a free placement and return the rules that the override overrides.

    Raises the 409 problem of `apply_override`.

    The conflicts are read twice. The first read refuses what is visibly taken without waiting for the locks. The second
    read, under the locks, makes sure that what seemed free is free.
    """
    apply_override(conflicts(db, placement, moving), override)
    lock_placements(db, [placement])
    return apply_override(conflicts(db, placement, moving), override)


def absences(rules: Iterable[str]) -> list[PlacementRefused]:
    """Return the refusals for the absences that affect a session. See `timetable.conflicts.absences_over`."""
    kinds = {errors.TIME_OFF: errors.ProviderAwayFromSession, errors.CLOSURE: errors.ClinicClosedOverSession}
    return [kinds[rule]() for rule in rules]


def apply_override(found: Sequence[PlacementRefused], override: Override | None) -> list[str]:
    """Return the rules that a manager overrides. Raises the first refusal that is not or cannot be overridden."""
    if refusing := unresolved_conflicts(found, override):
        raise refusing[0]
    return [c.rule for c in found if c.rule]


def unresolved_conflicts(found: Sequence[PlacementRefused], override: Override | None) -> list[PlacementRefused]:
    """Return the conflicts that a manager does not or cannot override."""
    return [c for c in found if override is None or c.rule is None]


def _may_be_entered(wanted: WantedPlacement, now: datetime) -> bool:
    overridden = wanted.override is not None
    return domain.past_rules(wanted.starts_at, now, walk_in=wanted.walk_in, overridden=overridden) is not None


def active_provider(db: Session, provider_id: UUID, clinic: Clinic | None, field: str = "provider_id") -> Provider:
    """Return an active provider.

    Raises a 422 problem if the provider is unknown, inactive, or not in the given clinic.
    """
    provider = db.get(Provider, provider_id)
    if provider is None or not provider.active:
        raise InvalidField(field, "There is no such active provider.")
    if clinic and clinic.id not in provider.clinic_ids:
        raise InvalidField(field, "The provider does not work in this clinic.")
    return provider


def qualified_provider(
    db: Session, provider_id: UUID, clinic: Clinic, service_type: ServiceType, field: str
) -> Provider:
    """Return a qualified provider.

    Raises a 422 problem of the given field unless the provider is active, works in the clinic and has the discipline.
    """
    provider = active_provider(db, provider_id, clinic, field)
    if provider.discipline != service_type.discipline:
        raise InvalidField(field, "The provider's discipline is not that of the service type.")
    return provider


def active_service_type(db: Session, code: str, provider: Provider | None) -> ServiceType:
    """Return an active service type.

    Raises a 422 problem if it is unknown or inactive, or if its discipline is not that of the given provider.
    """
    service_type = directory.find_service_type(db, code)
    if service_type is None or not service_type.active:
        raise InvalidField("service_type", "There is no such active service type.")
    if provider and service_type.discipline != provider.discipline:
        raise InvalidField("provider_id", "The provider's discipline is not that of the service type.")
    return service_type


def active_room(db: Session, room_id: UUID | None, clinic: Clinic | None, field: str = "room_id") -> Room | None:
    """Return an active room, or None if no room is given.

    Raises a 422 problem if the room is unknown, inactive, or not in the given clinic.
    """
    if room_id is None:
        return None
    room = db.get(Room, room_id)
    if room is None or not room.active or (clinic and room.clinic_id != clinic.id):
        raise InvalidField(field, "There is no such active room in this clinic.")
    return room
