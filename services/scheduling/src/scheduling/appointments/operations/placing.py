"""Where and when a session may be: the requested placement, its conflicts, and what a manager may override."""

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
    """What a session is to take up, with the records that belong to it."""

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
        """A placement with the buffers that the service type has now. Instants are UTC."""
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
    """The placement that is wanted, with all that belongs to it.

    It may be `past`, as far as `domain.past_rules` lets it, or have `begun` just then. Raises 422 problems for what is
    unknown, inactive, past, too far ahead, or does not belong together; 409 `unknown-zone`.
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
    """The placement to which a session is to move: what is not given stays as it is.

    As long as it goes on, it may keep the start that it has: somebody steps in, or another room is taken. Raises what
    `placement_of` raises.
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
    """Lock a free placement and return the rules that the override lifts.

    Raises the 409 problem of `apply_override`.

    It is looked at twice: what is visibly taken is refused without waiting behind all others who want it, and what is
    visibly free is free only under the locks.
    """
    apply_override(conflicts(db, placement, moving), override)
    lock_placements(db, [placement])
    return apply_override(conflicts(db, placement, moving), override)


def absences(rules: Iterable[str]) -> list[PlacementRefused]:
    """The same for the absences that lie over a session where it is: see `timetable.conflicts.absences_over`."""
    kinds = {errors.TIME_OFF: errors.ProviderAwayFromSession, errors.CLOSURE: errors.ClinicClosedOverSession}
    return [kinds[rule]() for rule in rules]


def apply_override(found: Sequence[PlacementRefused], override: Override | None) -> list[str]:
    """The rules that a manager's override overrides. Raises the first refusal that it does not, or cannot."""
    if refusing := unresolved_conflicts(found, override):
        raise refusing[0]
    return [c.rule for c in found if c.rule]


def unresolved_conflicts(found: Sequence[PlacementRefused], override: Override | None) -> list[PlacementRefused]:
    """The conflicts that a manager's override does not lift."""
    return [c for c in found if override is None or c.rule is None]


def _may_be_entered(wanted: WantedPlacement, now: datetime) -> bool:
    overridden = wanted.override is not None
    return domain.past_rules(wanted.starts_at, now, walk_in=wanted.walk_in, overridden=overridden) is not None


def active_provider(db: Session, provider_id: UUID, clinic: Clinic | None, field: str = "provider_id") -> Provider:
    """The provider. Raises a 422 problem where it is unknown, inactive, or does not work in the clinic, if given."""
    provider = db.get(Provider, provider_id)
    if provider is None or not provider.active:
        raise InvalidField(field, "There is no such active provider.")
    if clinic and clinic.id not in provider.clinic_ids:
        raise InvalidField(field, "The provider does not work in this clinic.")
    return provider


def qualified_provider(
    db: Session, provider_id: UUID, clinic: Clinic, service_type: ServiceType, field: str
) -> Provider:
    """The provider. Raises a 422 problem of that field unless active, in the clinic and of the discipline."""
    provider = active_provider(db, provider_id, clinic, field)
    if provider.discipline != service_type.discipline:
        raise InvalidField(field, "The provider's discipline is not that of the service type.")
    return provider


def active_service_type(db: Session, code: str, provider: Provider | None) -> ServiceType:
    """The service type. Raises a 422 problem where it is unknown, inactive, or not the provider's, if given."""
    service_type = directory.find_service_type(db, code)
    if service_type is None or not service_type.active:
        raise InvalidField("service_type", "There is no such active service type.")
    if provider and service_type.discipline != provider.discipline:
        raise InvalidField("provider_id", "The provider's discipline is not that of the service type.")
    return service_type


def active_room(db: Session, room_id: UUID | None, clinic: Clinic | None, field: str = "room_id") -> Room | None:
    """The room, if one is named. Raises a 422 problem where it is unknown, inactive, or not in the clinic, if given."""
    if room_id is None:
        return None
    room = db.get(Room, room_id)
    if room is None or not room.active or (clinic and room.clinic_id != clinic.id):
        raise InvalidField(field, "There is no such active room in this clinic.")
    return room
