"""Where and when a session may be: the requested placement, its conflicts, and what a manager may override."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.service.commands import value_or
from jalsa.service.errors import InvalidField, Message
from scheduling import domain, errors, queries
from scheduling.commands.placements import NewPlacement, Override, WantedPlacement
from scheduling.domain.hours import TOO_FAR_AHEAD, contains, day_of, last_day, open_intervals
from scheduling.errors import ClosureMet, PlacementRefused, SessionMet
from scheduling.models import Clinic, ClinicalSession, Provider, Room, ServiceType
from scheduling.operations.locks import lock
from scheduling.operations.setup import active_clinic, check_zone
from scheduling.queries.met import closure_on, session_met

# No session is longer than MAX_MINUTES and no buffer than MAX_BUFFER_MINUTES, so what stands in the way has begun at
# most that long before: a range of a B-tree, many times cheaper than the exclusion constraints' own index.
# 2: the sessions themselves overlap; 1: only their buffers do.
_CONFLICTS = text("""
    SELECT
      (SELECT max(CASE WHEN starts_at < :ends AND ends_at > :starts THEN 2 ELSE 1 END) FROM sessions
       WHERE status <> 'CANCELLED' AND provider_id = :provider AND id <> ALL (CAST(:moving AS uuid[]))
       AND starts_at > :earliest AND starts_at < :latest
       AND starts_at - buffer_before_minutes * interval '1 minute' < :blocked_to
       AND ends_at + buffer_after_minutes * interval '1 minute' > :blocked_from) AS provider,
      (SELECT max(CASE WHEN starts_at < :ends AND ends_at > :starts THEN 2 ELSE 1 END) FROM sessions
       WHERE status <> 'CANCELLED' AND room_id = CAST(:room AS uuid) AND id <> ALL (CAST(:moving AS uuid[]))
       AND starts_at > :earliest AND starts_at < :latest
       AND starts_at - buffer_before_minutes * interval '1 minute' < :blocked_to
       AND ends_at + buffer_after_minutes * interval '1 minute' > :blocked_from) AS room,
      EXISTS (SELECT FROM time_off
              WHERE provider_id = :provider AND starts_at < :ends AND ends_at > :starts) AS away,
      EXISTS (SELECT FROM closures WHERE (clinic_id IS NULL OR clinic_id = :clinic)
              AND starts_on <= :last_day AND ends_on >= :first_day) AS closed
""")
_TOO_LATE = Message("A walk-in started at most {minutes} minutes ago.", minutes=domain.WALK_IN_MINUTES)
_MARGIN = timedelta(minutes=domain.MAX_MINUTES + domain.MAX_BUFFER_MINUTES)


@dataclass(frozen=True)
class Placement:
    """Where and when a session is to be, with all that belongs to it loaded. Instants are UTC."""

    clinic: Clinic
    provider: Provider
    room: Room | None
    service_type: ServiceType
    starts_at: datetime
    ends_at: datetime
    buffer_before_minutes: int
    buffer_after_minutes: int

    @property
    def blocked_from(self) -> datetime:
        """From when on provider and room are taken up."""
        return self.starts_at - timedelta(minutes=self.buffer_before_minutes)

    @property
    def blocked_to(self) -> datetime:
        """Until when provider and room are taken up."""
        return self.ends_at + timedelta(minutes=self.buffer_after_minutes)


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
    return Placement(
        clinic=clinic,
        provider=provider,
        room=room,
        service_type=service_type,
        starts_at=wanted.starts_at,
        ends_at=wanted.starts_at + timedelta(minutes=minutes),
        buffer_before_minutes=service_type.buffer_before_minutes,
        buffer_after_minutes=service_type.buffer_after_minutes,
    )


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


def lock_placements(db: Session, placements: Sequence[Placement]) -> None:
    """Keep everybody else from these providers and rooms, and from closing these clinics, in one fixed order."""
    lock(
        db,
        open_clinics={p.clinic.id for p in placements},
        providers={p.provider.id for p in placements},
        rooms={p.room.id for p in placements if p.room},
    )


def take(db: Session, placement: Placement, override: Override | None, moving: Sequence[UUID] = ()) -> list[str]:
    """Lock a free placement and return the rules that the override lifts.

    Raises the 409 problem of `apply_override`.

    It is looked at twice: what is visibly taken is refused without waiting behind all others who want it, and what is
    visibly free is free only under the locks.
    """
    apply_override(conflicts(db, placement, moving), override)
    lock_placements(db, [placement])
    return apply_override(conflicts(db, placement, moving), override)


def conflicts(db: Session, placement: Placement, moving: Iterable[UUID] = ()) -> list[PlacementRefused]:
    """All conflicts of a placement, read under its locks. The sessions that are `moving` away do not count."""
    against = db.execute(_CONFLICTS, _asked(placement, moving)).one()
    found: list[PlacementRefused] = []
    if not _within_hours(db, placement):
        found.append(errors.OutsideWorkingHours())
    if against.away:
        found.append(errors.ProviderAway())
    if against.closed:
        found.append(_closed(db, placement))
    if against.provider:
        met = _met(db, placement, moving, provider_id=placement.provider.id)
        found.append(errors.ProviderBusy(met) if against.provider > 1 else errors.ProviderBuffered(met))
    if against.room and placement.room:
        met = _met(db, placement, moving, room_id=placement.room.id)
        found.append(errors.RoomBusy(met) if against.room > 1 else errors.RoomBuffered(met))
    return found


def absences(rules: Iterable[str]) -> list[PlacementRefused]:
    """The same for the absences that lie over a session where it is: see `queries.blocked`."""
    kinds = {errors.TIME_OFF: errors.ProviderAwayFromSession, errors.CLOSURE: errors.ClinicClosedOverSession}
    return [kinds[rule]() for rule in rules]


def clashes(placement: Placement, other: Placement) -> list[PlacementRefused]:
    """The conflicts between two placements: one provider or one room cannot be in both at the same time."""
    if placement.blocked_from >= other.blocked_to or other.blocked_from >= placement.blocked_to:
        return []
    overlap = placement.starts_at < other.ends_at and other.starts_at < placement.ends_at
    found: list[PlacementRefused] = []
    if placement.provider is other.provider:
        found.append(errors.ProviderBusy() if overlap else errors.ProviderBuffered())
    if placement.room is not None and placement.room is other.room:
        found.append(errors.RoomBusy() if overlap else errors.RoomBuffered())
    return found


def apply_override(found: Sequence[PlacementRefused], override: Override | None) -> list[str]:
    """The rules that a manager's override overrides. Raises the first refusal that it does not, or cannot."""
    if refusing := unresolved_conflicts(found, override):
        raise refusing[0]
    return [c.rule for c in found if c.rule]


def unresolved_conflicts(found: Sequence[PlacementRefused], override: Override | None) -> list[PlacementRefused]:
    """The conflicts that a manager's override does not lift."""
    return [c for c in found if override is None or c.rule is None]


def _met(db: Session, placement: Placement, moving: Iterable[UUID], **owner: UUID) -> SessionMet | None:
    """The session that a placement meets: of one that overlaps itself, else of one whose buffers do."""
    session = session_met(
        db,
        (placement.starts_at, placement.ends_at),
        (placement.blocked_from, placement.blocked_to),
        earliest=placement.blocked_from - _MARGIN,
        moving=list(moving),
        **owner,
    )
    return SessionMet(session.id, session.session_number) if session else None


def _closed(db: Session, placement: Placement) -> PlacementRefused:
    days = (
        day_of(placement.starts_at, placement.clinic.timezone),
        day_of(_last_instant(placement), placement.clinic.timezone),
    )
    closure = closure_on(db, placement.clinic.id, *days)
    names = closure.name_en, closure.name_ar
    return errors.ClinicClosed(ClosureMet(closure.id, closure.kind, *names, closure.starts_on, closure.ends_on))


def _may_be_entered(wanted: WantedPlacement, now: datetime) -> bool:
    overridden = wanted.override is not None
    return domain.past_rules(wanted.starts_at, now, walk_in=wanted.walk_in, overridden=overridden) is not None


def _last_instant(placement: Placement) -> datetime:
    return placement.ends_at - timedelta(microseconds=1)


def _within_hours(db: Session, placement: Placement) -> bool:
    hours = queries.working_hours(db, placement.provider.id)
    zone = placement.clinic.timezone
    days = day_of(placement.starts_at, zone), day_of(placement.ends_at, zone)
    return contains(open_intervals(hours, placement.clinic.id, zone, *days), placement.starts_at, placement.ends_at)


def _asked(placement: Placement, moving: Iterable[UUID]) -> dict[str, Any]:
    return {
        "provider": placement.provider.id,
        "room": placement.room.id if placement.room else None,
        "clinic": placement.clinic.id,
        "starts": placement.starts_at,
        "ends": placement.ends_at,
        "blocked_from": placement.blocked_from,
        "blocked_to": placement.blocked_to,
        "earliest": placement.blocked_from - _MARGIN,
        "latest": placement.blocked_to + _MARGIN,
        "first_day": day_of(placement.starts_at, placement.clinic.timezone),
        "last_day": day_of(_last_instant(placement), placement.clinic.timezone),
        "moving": list(moving),
    }


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
    service_type = queries.find_service_type(db, code)
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
