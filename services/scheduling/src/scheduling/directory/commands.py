"""Commands for setting up a centre: clinics, rooms, providers with their hours, service types, settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.timetable.hours import WorkingHours


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClinic:
    """Open a clinic. Its wall times are those of `timezone`, the name of an IANA zone."""

    code: str
    name_en: str
    name_ar: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeClinic:
    """Change the given values of a clinic. A new code or zone is a correction and needs a reason."""

    name_en: str | Unset = UNSET
    name_ar: str | Unset = UNSET
    active: bool | Unset = UNSET
    code: str | Unset = UNSET
    timezone: str | Unset = UNSET
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoom:
    """Add a room to a clinic."""

    clinic_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRoom:
    """Change the given values of a room."""

    name: str | Unset = UNSET
    active: bool | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRooms:
    """Filter of the list of rooms: one clinic, or all."""

    clinic_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterProvider:
    """Register a provider, who logs in as `user_id`. The working hours are set separately."""

    name_en: str
    name_ar: str
    user_id: str
    discipline: str
    clinic_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProvider:
    """Change the given values of a provider. Another login or discipline is a correction and needs a reason."""

    name_en: str | Unset = UNSET
    name_ar: str | Unset = UNSET
    user_id: str | Unset = UNSET
    discipline: str | Unset = UNSET
    clinic_ids: Sequence[UUID] | Unset = UNSET
    active: bool | Unset = UNSET
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWorkingHours:
    """Replace a provider's whole week of working hours."""

    items: Sequence[WorkingHours]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddServiceType:
    """Add a service type. The provider and the room are kept free for its buffers before and after each session."""

    code: str
    name_en: str
    name_ar: str
    discipline: str
    default_duration_minutes: int
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeServiceType:
    """Change the given values of a service type. Booked sessions keep their times."""

    name_en: str | Unset = UNSET
    name_ar: str | Unset = UNSET
    default_duration_minutes: int | Unset = UNSET
    buffer_before_minutes: int | Unset = UNSET
    buffer_after_minutes: int | Unset = UNSET
    active: bool | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSettings:
    """Set all settings of the tenant: minutes, hours of lead time, and whether missed sessions are made up for."""

    no_show_grace_minutes: int
    offer_minutes: int
    decision_lead_hours: int
    make_up_no_shows: bool
    early_start_minutes: int
