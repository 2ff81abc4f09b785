"""The tables of scheduling, with the constraints that guarantee its promises."""

from scheduling.models.packages import Package, PackageSession, ProviderAssignment
from scheduling.models.projections import ClearanceProjection, PatientProjection
from scheduling.models.sessions import ClinicalSession, Participant, SeriesMember, SessionSeries
from scheduling.models.setup import (
    Base,
    CalendarLink,
    Clinic,
    Closure,
    Provider,
    ProviderClinic,
    Room,
    ServiceType,
    Settings,
    TimeOff,
    WorkingHoursRow,
)
from scheduling.models.waiting import WaitlistEntry, WaitlistOffer

__all__ = [
    "Base",
    "CalendarLink",
    "ClearanceProjection",
    "Clinic",
    "ClinicalSession",
    "Closure",
    "Package",
    "PackageSession",
    "Participant",
    "PatientProjection",
    "Provider",
    "ProviderAssignment",
    "ProviderClinic",
    "Room",
    "SeriesMember",
    "ServiceType",
    "SessionSeries",
    "Settings",
    "TimeOff",
    "WaitlistEntry",
    "WaitlistOffer",
    "WorkingHoursRow",
]
