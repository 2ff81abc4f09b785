"""What scheduling's rules refuse, each with what a caller may learn about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from jalsa.service.errors import Conflict, DomainError, InvalidTransition, NotYetKnown

# The rules that a refusal names, and that a manager can override with a reason. A capacity, and an overlap of a
# provider, a room or a patient, can never be overridden.
WORKING_HOURS = "working-hours"
TIME_OFF = "time-off"
CLOSURE = "closure"
BUFFER = "buffer"
BEFORE_START = "before-start"
AFTER_START = "after-start"


class UnknownPatient(DomainError):
    """There is no such active patient."""


class PatientNotYetKnown(UnknownPatient, NotYetKnown):
    """The patient's registration may be on its way here as an event."""


# Spots in sessions


class SessionFull(Conflict):
    """Every spot of the session is taken, or held by an open offer."""


class PatientBusy(Conflict):
    """The patient has another session at that time."""


@dataclass(eq=False)
class ParticipantsBusy(PatientBusy):
    """Some participants of a session that is to move have another session at that time."""

    participant_ids: Sequence[UUID]

    @property
    def participants(self) -> list[str]:
        """Their ids as the problem shows them, in order."""
        return sorted(map(str, self.participant_ids))


class AlreadyEnrolled(Conflict):
    """The patient is already enrolled in this session."""


class OnRoster(AlreadyEnrolled):
    """The patient is already on the roster of this series."""


class PackageSessionBooked(AlreadyEnrolled):
    """The session of the package has an appointment."""


class PackageSessionMadeUp(AlreadyEnrolled):
    """The session of the package was made up by another appointment."""


@dataclass(eq=False)
class CapacityBelowParticipants(Conflict):
    """More spots are taken, or held by offers, than the new capacity."""

    taken: int


@dataclass(eq=False)
class CheckInBlocked(Conflict):
    """Something must be settled before the patient can be checked in; each blocker has its reason and address."""

    blockers: Sequence[str]
    blocker_details: Sequence[dict[str, str]]


# Placements: provider, room and time


@dataclass(eq=False)
class PlacementRefused(Conflict):
    """A session cannot be there. With a `rule`, a manager's override sets it aside; two sessions never overlap."""

    rule: ClassVar[str | None] = None

    @property
    def overridable(self) -> bool:
        """Whether a manager can override the rule."""
        return self.rule is not None


class OutsideWorkingHours(PlacementRefused):
    """The session is outside the provider's working hours in this clinic."""

    rule = WORKING_HOURS


class ProviderAway(PlacementRefused):
    """The provider has time off then."""

    rule = TIME_OFF


@dataclass(frozen=True)
class ClosureMet:
    """A closure that a session would lie in. The days are of the clinic, the last one included."""

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
    """The provider has time off over a session where it is."""


class ClinicClosedOverSession(ClinicClosed):
    """A closure lies over a session where it is."""


@dataclass(frozen=True)
class SessionMet:
    """The session that is in the way."""

    id: UUID
    number: str


@dataclass(eq=False)
class Busy(PlacementRefused):
    """Another session has the provider or the room."""

    session: SessionMet | None = None


class ProviderBusy(Busy):
    """The provider has another session at that time."""


class ProviderBuffered(Busy):
    """The provider has another session so near that the buffers overlap."""

    rule = BUFFER


class RoomBusy(Busy):
    """The room is taken at that time."""


class RoomBuffered(Busy):
    """The room is taken so near that time that the buffers overlap."""

    rule = BUFFER


class SeriesOverlap(PlacementRefused):
    """Another session of the series is at that time."""


class SeriesBuffered(PlacementRefused):
    """Another session of the series is so near that the buffers overlap."""

    rule = BUFFER


class ChangeOfPlaces(Conflict):
    """Sessions that swap their times must be moved one at a time."""


# Several refusals at once


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why one session of several is refused. `starts_at` is the instant it was to have."""

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
    """Not every session under an absence can be changed as requested. Nothing was changed."""


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
    """A session that is over keeps its capacity."""


class SessionImmovable(_WrongState):
    """Only a session that is still to come can be rescheduled."""


class ParticipantImmovable(_WrongState):
    """Only a participant who is still expected can be rescheduled."""


class StartedSpotImmovable(InvalidTransition):
    """A spot in a session that was started cannot be exchanged for another."""


@dataclass(eq=False)
class ParticipantsSettled(InvalidTransition):
    """Participants have arrived, attended or been missed, so that the session cannot go to another time."""

    statuses: Sequence[str]

    @property
    def names(self) -> str:
        """Their states, in order."""
        return ", ".join(sorted(self.statuses))


class SessionNotOpen(InvalidTransition):
    """Only a session that has not started and is not cancelled can be booked."""


class SessionOver(InvalidTransition):
    """The session is over."""


@dataclass(eq=False)
class _Untimely(InvalidTransition):
    """Outcomes come after the start, and cancellations before it; a manager's override sets the rule aside."""

    rule: ClassVar[str]
    overridable: ClassVar[bool] = True


class NotStarted(_Untimely):
    """The session has not started."""

    rule = BEFORE_START


class StartedNotCancellable(_Untimely):
    """The session has started: a check-in or a no-show is recorded instead of a cancellation."""

    rule = AFTER_START


class StartedStaysOnItsDay(_Untimely):
    """A session that has started moves to another time of its day only."""

    rule = AFTER_START


class NothingToDecide(InvalidTransition):
    """No decision about the session is needed."""


class ScopeOverOrCancelled(InvalidTransition):
    """A session that has started or was cancelled cannot be changed together with the rest of its series."""


class MemberHasLeft(InvalidTransition):
    """The patient has already left the series."""


class CompletionFirst(InvalidTransition):
    """The session is completed; its completion is undone first."""


class SessionCancelled(InvalidTransition):
    """The session is cancelled, which cannot be undone."""


class CancellationFinal(InvalidTransition):
    """A cancellation cannot be undone."""


class NothingToUndo(InvalidTransition):
    """There is no outcome that could be undone."""


class ChangedMeanwhile(InvalidTransition):
    """Somebody else has changed the record in the meantime."""


# Absences


@dataclass(eq=False)
class AlreadyClosed(Conflict):
    """A closure of the same clinic, kind and days is stored."""

    stored_id: UUID

    @property
    def closure_id(self) -> str:
        """The stored closure's id as the problem shows it."""
        return str(self.stored_id)


class AffectedSessionOver(InvalidTransition):
    """A session that has started or was cancelled stays as it is."""


class NotAffected(Conflict):
    """The absence does not lie over the session, or does not any more."""


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
    """The patient waits for this session already."""


class WaitsForServiceType(Conflict):
    """The patient waits for this service type already."""


class OffersChanging(DomainError):
    """What is offered to the patient changes again and again; the request can be repeated."""


# Packages


class PackagePaused(Conflict):
    """The package is paused."""


class PackageOver(_WrongState):
    """A package that is over can no longer be changed."""


class PackageNotPaused(InvalidTransition):
    """Only a paused package can be resumed."""


@dataclass(eq=False)
class NotOutstanding(InvalidTransition):
    """The session of the package has its placement, or is not owed."""

    session_number: int


class NoAppointmentToMove(InvalidTransition):
    """Only a scheduled session of a package has an appointment to move."""


class LastOfPackage(InvalidTransition):
    """The session is all that is left of the package."""


class CannotBeGivenUp(InvalidTransition):
    """A session that has started, is over or is not owed cannot be given up."""


class NothingToShift(InvalidTransition):
    """None of the sessions has an appointment that could move."""


class NothingToTakeOver(InvalidTransition):
    """None of the sessions can be taken over by another provider."""


# Set-up


@dataclass(eq=False)
class UnknownZone(Conflict):
    """The stored time zone of a clinic is not known, so that its local days cannot be reckoned."""

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
