"""The errors that the rules of scheduling raise. Each carries what the caller may learn about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from jalsa.service.errors import Conflict, DomainError, InvalidTransition, NotYetKnown

# The rules that a refusal names and that a manager can override with a reason. A capacity, and an overlap of a
# provider, a room or a patient, can never be overridden.
WORKING_HOURS = "working-hours"
TIME_OFF = "time-off"
CLOSURE = "closure"
BUFFER = "buffer"
BEFORE_START = "before-start"
AFTER_START = "after-start"


class UnknownPatient(DomainError):
    """No active patient has this id."""


class PatientNotYetKnown(UnknownPatient, NotYetKnown):
    """No active patient has this id, but the event about the patient's registration may still be on its way."""


# Spots in sessions


class SessionFull(Conflict):
    """Every spot of the session is taken or held by an open offer."""


class PatientBusy(Conflict):
    """The patient has another session at that time."""


@dataclass(eq=False)
class ParticipantsBusy(PatientBusy):
    """Some participants of a session that is to be moved have another session at the new time."""

    participant_ids: Sequence[UUID]

    @property
    def participants(self) -> list[str]:
        """The participants' ids as the problem shows them, in order."""
        return sorted(map(str, self.participant_ids))


class AlreadyEnrolled(Conflict):
    """The patient is already enrolled in this session."""


class OnRoster(AlreadyEnrolled):
    """The patient is already on the roster of this series."""


class PackageSessionBooked(AlreadyEnrolled):
    """The session of the package already has an appointment."""


class PackageSessionMadeUp(AlreadyEnrolled):
    """The session of the package was already made up for by another appointment."""


@dataclass(eq=False)
class CapacityBelowParticipants(Conflict):
    """The spots that are taken or held by offers exceed the new capacity."""

    taken: int


@dataclass(eq=False)
class CheckInBlocked(Conflict):
    """Something blocks the check-in of the patient. Each blocker has its reason and its address."""

    blockers: Sequence[str]
    blocker_details: Sequence[dict[str, str]]


# Placements: provider, room and time


@dataclass(eq=False)
class PlacementRefused(Conflict):
    """A session cannot have this placement.

    A manager can override the refusal if it has a `rule`. An overlap of two sessions has none and can never be
    overridden.
    """

    rule: ClassVar[str | None] = None

    @property
    def overridable(self) -> bool:
        """Whether a manager can override the rule."""
        return self.rule is not None


class OutsideWorkingHours(PlacementRefused):
    """The session is outside the provider's working hours in this clinic."""

    rule = WORKING_HOURS


class ProviderAway(PlacementRefused):
    """The provider has time off at that time."""

    rule = TIME_OFF


@dataclass(frozen=True)
class ClosureMet:
    """A closure that overlaps a session. The days are local days of the clinic, the last one included."""

    id: UUID
    kind: str
    name_en: str
    name_ar: str
    starts_on: date
    ends_on: date


@dataclass(eq=False)
class ClinicClosed(PlacementRefused):
    """The clinic is closed on that day."""

    closure: ClosureMet | None = None
    rule = CLOSURE


class ProviderAwayFromSession(ProviderAway):
    """The provider has time off during a session that is already scheduled."""


class ClinicClosedOverSession(ClinicClosed):
    """The clinic is closed during a session that is already scheduled."""


@dataclass(frozen=True)
class SessionMet:
    """The session that conflicts."""

    id: UUID
    number: str


@dataclass(eq=False)
class Busy(PlacementRefused):
    """Another session occupies the provider or the room."""

    session: SessionMet | None = None


class ProviderBusy(Busy):
    """The provider has another session at that time."""


class ProviderBuffered(Busy):
    """The provider has another session so close to that time that the buffers overlap."""

    rule = BUFFER


class RoomBusy(Busy):
    """The room is occupied at that time."""


class RoomBuffered(Busy):
    """The room is occupied so close to that time that the buffers overlap."""

    rule = BUFFER


class SeriesOverlap(PlacementRefused):
    """Another session of the series takes place at that time."""


class SeriesBuffered(PlacementRefused):
    """Another session of the series is so close to that time that the buffers overlap."""

    rule = BUFFER


class ChangeOfPlaces(Conflict):
    """Two sessions cannot swap their times in one request. They must be moved one at a time."""


# Several refusals in one error


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why one session of several is refused. `starts_at` is the instant at which it was to start."""

    error: DomainError
    starts_at: datetime
    occurs_on: date | None = None
    session_id: UUID | None = None


@dataclass(eq=False)
class _SeveralRefused(Conflict):
    refused: Sequence[Refused]


class SeriesConflicts(_SeveralRefused):
    """Not every session of the series can be scheduled as requested. Nothing was changed."""


class AbsenceConflicts(_SeveralRefused):
    """Not every session affected by an absence can be changed as requested. Nothing was changed."""


@dataclass(frozen=True)
class ParticipantRefused:
    """Why one participant of several is refused."""

    participant_id: UUID
    error: DomainError


@dataclass(eq=False)
class _ParticipantsRefused(Conflict):
    refused: Sequence[ParticipantRefused]


class MergeRefused(_ParticipantsRefused):
    """Not every participant can have a spot in the other session."""


class UndoRefused(_ParticipantsRefused):
    """Not every participant can have the spot back."""


@dataclass(frozen=True)
class Unplaced:
    """Why a session of a package has no placement: a code, and a sentence in English and in Arabic."""

    session_number: int
    code: str
    detail: str
    detail_ar: str


@dataclass(eq=False)
class PackageConflicts(Conflict):
    """Not every session of the package can be scheduled as requested. Nothing was changed."""

    unplaced: Sequence[Unplaced]


# Sessions and participants in the wrong state


@dataclass(eq=False)
class _WrongState(InvalidTransition):
    """`status` is the state that the record is in."""

    status: str


class CapacityFixed(_WrongState):
    """The capacity of a session that is over cannot be changed."""


class SessionImmovable(_WrongState):
    """Only a session that has not started can be rescheduled."""


class ParticipantImmovable(_WrongState):
    """Only a participant who is still expected can be rescheduled."""


class StartedSpotImmovable(InvalidTransition):
    """A spot in a session that was started cannot be exchanged for another."""


@dataclass(eq=False)
class ParticipantsSettled(InvalidTransition):
    """The session cannot be rescheduled because participants have arrived, attended or missed it."""

    statuses: Sequence[str]

    @property
    def names(self) -> str:
        """The participants' states, in order."""
        return ", ".join(sorted(self.statuses))


class SessionNotOpen(InvalidTransition):
    """Only a session that has not started and is not cancelled can be booked."""


class SessionOver(InvalidTransition):
    """The session is over."""


@dataclass(eq=False)
class _Untimely(InvalidTransition):
    """An outcome was recorded before the start, or a cancellation after it. A manager can override the rule."""

    rule: ClassVar[str]
    overridable: ClassVar[bool] = True


class NotStarted(_Untimely):
    """The session has not started."""

    rule = BEFORE_START


class StartedNotCancellable(_Untimely):
    """The session has started. A check-in or a no-show is recorded instead of a cancellation."""

    rule = AFTER_START


class StartedStaysOnItsDay(_Untimely):
    """A session that has started can only be moved within its day."""

    rule = AFTER_START


class NothingToDecide(InvalidTransition):
    """No decision about the session is needed."""


class ScopeOverOrCancelled(InvalidTransition):
    """A session that has started or was cancelled cannot be changed together with the rest of its series."""


class MemberHasLeft(InvalidTransition):
    """The patient has already left the series."""


class CompletionFirst(InvalidTransition):
    """The session is completed. Its completion must be undone first."""


class SessionCancelled(InvalidTransition):
    """The session was cancelled, which cannot be undone."""


class CancellationFinal(InvalidTransition):
    """A cancellation cannot be undone."""


class NothingToUndo(InvalidTransition):
    """There is no outcome that could be undone."""


class ChangedMeanwhile(InvalidTransition):
    """Somebody else has changed the record in the meantime."""


# Absences


@dataclass(eq=False)
class AlreadyClosed(Conflict):
    """A closure with the same clinic, kind and days already exists."""

    stored_id: UUID

    @property
    def closure_id(self) -> str:
        """The stored closure's id as the problem shows it."""
        return str(self.stored_id)


class AffectedSessionOver(InvalidTransition):
    """A session that has started or was cancelled is not changed because of an absence."""


class NotAffected(Conflict):
    """The absence does not affect the session, or no longer does."""


class NoSubstitute(Conflict):
    """There is no substitute to propose."""


class NoNewSlot(Conflict):
    """There is no new slot to propose."""


# The waitlist


class SpotsAvailable(Conflict):
    """The session has free spots, so the patient can be booked."""


class OfferExpired(Conflict):
    """The offer was not accepted in time."""


class NothingOffered(InvalidTransition):
    """This waitlist entry has no open offer."""


class EntryClosed(_WrongState):
    """The waitlist entry is over and cannot be changed."""


class WaitsForSession(Conflict):
    """The patient already waits for this session."""


class WaitsForServiceType(Conflict):
    """The patient already waits for this service type."""


class OffersChanging(DomainError):
    """Offers to the patient keep changing at the same time. The request can be repeated."""


# Packages


class PackagePaused(Conflict):
    """The package is paused."""


class PackageOver(_WrongState):
    """A package that is over can no longer be changed."""


class PackageNotPaused(InvalidTransition):
    """Only a paused package can be resumed."""


@dataclass(eq=False)
class NotOutstanding(InvalidTransition):
    """The session of the package already has a placement, or is no longer due to the patient."""

    session_number: int


class NoAppointmentToMove(InvalidTransition):
    """Only a scheduled session of a package has an appointment that can be moved."""


class LastOfPackage(InvalidTransition):
    """The session is the only one left in the package."""


class CannotBeGivenUp(InvalidTransition):
    """A session that has started, is over or is no longer due to the patient cannot be given up."""


class NothingToShift(InvalidTransition):
    """None of the sessions has an appointment that can be moved."""


class NothingToTakeOver(InvalidTransition):
    """None of the sessions can be taken over by another provider."""


# Set-up


@dataclass(eq=False)
class UnknownZone(Conflict):
    """The stored time zone of a clinic is not known, so its local days cannot be calculated."""

    id: UUID
    clinic_code: str
    timezone: str

    @property
    def clinic_id(self) -> str:
        """The clinic's id as the problem shows it."""
        return str(self.id)


class ClinicCodeTaken(Conflict):
    """Another clinic has this code."""


class ServiceTypeCodeTaken(Conflict):
    """Another service type has this code."""


class RoomNameTaken(Conflict):
    """Another room of the clinic has this name."""


class UserTaken(Conflict):
    """Another provider has this user_id."""
