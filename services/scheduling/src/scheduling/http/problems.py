"""The catalogue of scheduling's problems, with the status, the code and the message of each error."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from jalsa.http import current_speaker
from jalsa.service.errors import DomainError
from jalsa.service.problems import Catalogue, Entry, Problem, Speaker
from scheduling import errors
from scheduling.errors import ParticipantRefused, Refused

OVERLAP = "overlap"


def refused_session(refused: Refused, say: Speaker) -> dict[str, Any]:
    """Return one refused session of several, as `conflicts` and `skipped` show it."""
    return {
        "occurs_on": refused.occurs_on and refused.occurs_on.isoformat(),
        "starts_at": _instant(refused.starts_at),
        **_reason(refused.error, say, {"rule": None, "overridable": False}),
        **({"session_id": str(refused.session_id)} if refused.session_id else {}),
    }


def refused_sessions(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """Return refused sessions, in the caller's language."""
    return [refused_session(each, current_speaker()) for each in refused]


def refused_participant(refused: ParticipantRefused, say: Speaker) -> dict[str, Any]:
    """Return one refused participant of several, as `refusals` shows it."""
    problem = _problem(refused.error, say)
    return {
        "participant_id": str(refused.participant_id),
        "code": problem.code,
        "detail": say(problem.detail),
    }


def _reason(error: DomainError, say: Speaker, beside: Mapping[str, Any]) -> dict[str, Any]:
    problem = _problem(error, say)
    return {"code": problem.code, "detail": say(problem.detail), **beside, **problem.members}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _problem(error: DomainError, say: Speaker) -> Problem:
    catalogue: Catalogue = current_app.extensions["jalsa"].catalogue
    return catalogue.problem(error, say)


def _placement(error: errors.PlacementRefused, _: Speaker) -> dict[str, Any]:
    """Return the rule that refuses a placement, and what it conflicts with, as far as it is known."""
    return {"rule": error.rule or OVERLAP, "overridable": error.overridable}


def _busy(error: errors.Busy, say: Speaker) -> dict[str, Any]:
    met = error.session
    known = {"session_id": str(met.id), "session_number": met.number} if met else {}
    return {**_placement(error, say), **known}


def _closed(error: errors.ClinicClosed, say: Speaker) -> dict[str, Any]:
    met = error.closure
    if met is None:
        return _placement(error, say)
    closure = {
        "id": str(met.id),
        "kind": met.kind,
        "name_en": met.name_en,
        "name_ar": met.name_ar,
        "starts_on": met.starts_on.isoformat(),
        "ends_on": met.ends_on.isoformat(),
    }
    return {**_placement(error, say), "closure": closure}


def _conflicts(error: errors.SeriesConflicts | errors.AbsenceConflicts, say: Speaker) -> dict[str, Any]:
    return {"conflicts": [refused_session(each, say) for each in error.refused]}


def _refusals(error: errors.MergeRefused | errors.UndoRefused, say: Speaker) -> dict[str, Any]:
    return {"refusals": [refused_participant(each, say) for each in error.refused]}


def _unplaced(error: errors.PackageConflicts, _: Speaker) -> dict[str, Any]:
    return {"conflicts": [asdict(each) for each in error.unplaced]}


INVALID_TRANSITION = "invalid-transition"
ALREADY_ENROLLED = "already-enrolled"
SERIES_OVERLAP = "series-overlap"

PROBLEMS = Catalogue(
    Entry(errors.UnknownPatient, 422, "unknown-patient", "There is no such active patient."),
    # spots
    Entry(errors.SessionFull, 409, "session-full", "Every spot in this session is taken."),
    Entry(errors.PatientBusy, 409, "patient-busy", "The patient has another session at that time."),
    Entry(
        errors.ParticipantsBusy,
        409,
        "patient-busy",
        "A participant has another session at that time.",
        members=("participants",),
    ),
    Entry(errors.AlreadyEnrolled, 409, ALREADY_ENROLLED, "The patient is already enrolled in this session."),
    Entry(errors.OnRoster, 409, ALREADY_ENROLLED, "The patient is already on the roster of this series."),
    Entry(errors.PackageSessionBooked, 409, ALREADY_ENROLLED, "This session of the package has an appointment."),
    Entry(
        errors.PackageSessionMadeUp,
        409,
        ALREADY_ENROLLED,
        "Another appointment has already made up for this session of the package.",
    ),
    Entry(
        errors.CapacityBelowParticipants,
        409,
        "capacity-below-participants",
        "The spots that are taken or held by offers exceed this capacity.",
        members=("taken",),
    ),
    Entry(
        errors.CheckInBlocked,
        409,
        "check-in-blocked",
        "The patient cannot be checked in yet.",
        members=("blockers", "blocker_details"),
    ),
    # placements
    Entry(
        errors.OutsideWorkingHours,
        409,
        "outside-working-hours",
        "The session is outside the provider's working hours in this clinic.",
        members=("rule", "overridable"),
        shown=_placement,
    ),
    Entry(
        errors.ProviderAway,
        409,
        "outside-working-hours",
        "The provider is away at that time.",
        members=("rule", "overridable"),
        shown=_placement,
    ),
    Entry(
        errors.ProviderAwayFromSession,
        409,
        "outside-working-hours",
        "The provider is away at the time of the session.",
        members=("rule", "overridable"),
        shown=_placement,
    ),
    Entry(
        errors.ClinicClosed,
        409,
        "outside-working-hours",
        "The clinic is closed on that day.",
        members=("rule", "overridable", "closure"),
        shown=_closed,
    ),
    Entry(
        errors.ClinicClosedOverSession,
        409,
        "outside-working-hours",
        "The clinic is closed on the day of the session.",
        members=("rule", "overridable", "closure"),
        shown=_closed,
    ),
    Entry(
        errors.ProviderBusy,
        409,
        "provider-busy",
        "The provider has another session at that time.",
        members=("rule", "overridable", "session_id", "session_number"),
        shown=_busy,
    ),
    Entry(
        errors.ProviderBuffered,
        409,
        "provider-busy",
        "The provider has another session so close to that time that the buffers of the service types overlap.",
        members=("rule", "overridable", "session_id", "session_number"),
        shown=_busy,
    ),
    Entry(
        errors.RoomBusy,
        409,
        "room-busy",
        "The room is taken at that time.",
        members=("rule", "overridable", "session_id", "session_number"),
        shown=_busy,
    ),
    Entry(
        errors.RoomBuffered,
        409,
        "room-busy",
        "The room is taken so close to that time that the buffers of the service types overlap.",
        members=("rule", "overridable", "session_id", "session_number"),
        shown=_busy,
    ),
    Entry(
        errors.SeriesOverlap,
        409,
        SERIES_OVERLAP,
        "Another session of the series takes place at that time.",
        members=("rule", "overridable"),
        shown=_placement,
    ),
    Entry(
        errors.SeriesBuffered,
        409,
        SERIES_OVERLAP,
        "Another session of the series is so close to that time that the buffers of the service type overlap.",
        members=("rule", "overridable"),
        shown=_placement,
    ),
    Entry(
        errors.ChangeOfPlaces,
        409,
        "change-of-places",
        "Sessions that swap their times with each other must be moved one at a time.",
    ),
    # several at once
    Entry(
        errors.SeriesConflicts,
        409,
        "series-conflicts",
        "Some sessions of the series could not be scheduled as requested. Nothing was changed.",
        members=("conflicts",),
        shown=_conflicts,
    ),
    Entry(
        errors.AbsenceConflicts,
        409,
        "absence-conflicts",
        "Some sessions could not be changed as requested. Nothing was changed.",
        members=("conflicts",),
        shown=_conflicts,
    ),
    Entry(
        errors.PackageConflicts,
        409,
        "package-conflicts",
        "Some sessions of the package could not be scheduled as requested. Nothing was changed.",
        members=("conflicts",),
        shown=_unplaced,
    ),
    Entry(
        errors.MergeRefused,
        409,
        "merge-refused",
        "Not every participant can have a spot in that session.",
        members=("refusals",),
        shown=_refusals,
    ),
    Entry(
        errors.UndoRefused,
        409,
        "undo-refused",
        "Not every participant can have the spot back.",
        members=("refusals",),
        shown=_refusals,
    ),
    # states
    Entry(errors.CapacityFixed, 409, INVALID_TRANSITION, "The capacity of a session that is {status} cannot change."),
    Entry(errors.SessionImmovable, 409, INVALID_TRANSITION, "A session that is {status} cannot be rescheduled."),
    Entry(errors.ParticipantImmovable, 409, INVALID_TRANSITION, "A participant who is {status} cannot be rescheduled."),
    Entry(
        errors.StartedSpotImmovable,
        409,
        INVALID_TRANSITION,
        "A spot in a session that was started cannot be exchanged for another.",
    ),
    Entry(
        errors.ParticipantsSettled,
        409,
        INVALID_TRANSITION,
        "A participant is {names}. Undo that first, or leave the session where it is.",
    ),
    Entry(
        errors.SessionNotOpen,
        409,
        INVALID_TRANSITION,
        "Only a session that has not started and is not cancelled can be booked.",
    ),
    Entry(errors.SessionOver, 409, INVALID_TRANSITION, "The session is over."),
    Entry(errors.NotStarted, 409, INVALID_TRANSITION, "The session has not started.", members=("rule", "overridable")),
    Entry(
        errors.StartedNotCancellable,
        409,
        INVALID_TRANSITION,
        "The session has started. Check the patient in or mark a no-show instead of cancelling.",
        members=("rule", "overridable"),
    ),
    Entry(
        errors.StartedStaysOnItsDay,
        409,
        INVALID_TRANSITION,
        "The session has started. It can move to another time of its day, but not to another day.",
        members=("rule", "overridable"),
    ),
    Entry(errors.NothingToDecide, 409, INVALID_TRANSITION, "This session needs no decision."),
    Entry(
        errors.ScopeOverOrCancelled,
        409,
        INVALID_TRANSITION,
        "A session that has started or was cancelled cannot be changed together with the rest of its series.",
    ),
    Entry(errors.MemberHasLeft, 409, INVALID_TRANSITION, "The patient has already left the series."),
    Entry(
        errors.CompletionFirst,
        409,
        INVALID_TRANSITION,
        "The session is completed. Undo its completion first, which returns every participant to the state before it.",
    ),
    Entry(
        errors.SessionCancelled,
        409,
        INVALID_TRANSITION,
        "The session is cancelled, which cannot be undone. Book again.",
    ),
    Entry(errors.CancellationFinal, 409, INVALID_TRANSITION, "A cancellation cannot be undone. Book again."),
    Entry(errors.NothingToUndo, 409, INVALID_TRANSITION, "There is no outcome to undo."),
    Entry(
        errors.ChangedMeanwhile,
        409,
        INVALID_TRANSITION,
        "Somebody else has changed this in the meantime. Read it again.",
    ),
    # absences
    Entry(errors.AlreadyClosed, 409, "already-closed", "This closure already exists.", members=("closure_id",)),
    Entry(
        errors.AffectedSessionOver,
        409,
        INVALID_TRANSITION,
        "A session that has started or was cancelled is not changed because of an absence.",
    ),
    Entry(errors.NotAffected, 409, "not-affected", "The absence does not affect this session, or no longer does."),
    Entry(errors.NoSubstitute, 409, "no-proposal", "There is no substitute to propose."),
    Entry(errors.NoNewSlot, 409, "no-proposal", "There is no new slot to propose."),
    # waitlist
    Entry(errors.SpotsAvailable, 409, "places-available", "This session has free spots, so the patient can be booked."),
    Entry(errors.OfferExpired, 409, "offer-expired", "The offer was not accepted in time."),
    Entry(errors.NothingOffered, 409, INVALID_TRANSITION, "This waitlist entry has no open offer."),
    Entry(errors.EntryClosed, 409, INVALID_TRANSITION, "A waitlist entry that is {status} cannot be changed."),
    Entry(errors.WaitsForSession, 409, "already-waiting", "The patient already waits for this session."),
    Entry(errors.WaitsForServiceType, 409, "already-waiting", "The patient already waits for this service type."),
    Entry(
        errors.OffersChanging,
        503,
        "temporarily-unavailable",
        "Offers to this patient are changing at the same time. Try again.",
        headers={"Retry-After": "1"},
    ),
    # packages
    Entry(errors.PackagePaused, 409, "package-paused", "The package is paused. Resume it first."),
    Entry(errors.PackageOver, 409, INVALID_TRANSITION, "A package that is {status} can no longer be changed."),
    Entry(errors.PackageNotPaused, 409, INVALID_TRANSITION, "The package is not paused."),
    Entry(
        errors.NotOutstanding,
        409,
        INVALID_TRANSITION,
        "Session {session_number} of the package already has its appointment, or is no longer due.",
    ),
    Entry(
        errors.NoAppointmentToMove,
        409,
        INVALID_TRANSITION,
        "Only a SCHEDULED session has an appointment that can be moved.",
    ),
    Entry(
        errors.LastOfPackage,
        409,
        INVALID_TRANSITION,
        "This session is the only one left in the package. Cancel the package instead.",
    ),
    Entry(
        errors.CannotBeGivenUp,
        409,
        INVALID_TRANSITION,
        "A session that has started, is over or is no longer due cannot be given up.",
    ),
    Entry(
        errors.NothingToShift,
        409,
        INVALID_TRANSITION,
        "None of these sessions has an appointment that can be moved.",
    ),
    Entry(errors.NothingToTakeOver, 409, INVALID_TRANSITION, "None of these sessions can be taken over."),
    # set-up
    Entry(
        errors.UnknownZone,
        409,
        "unknown-zone",
        (
            "The time zone of clinic {clinic_code} is not known. A manager can correct it with PATCH "
            "/scheduling/v1/clinics/{clinic_id}, which needs timezone and a reason."
        ),
        members=("clinic_id", "clinic_code", "timezone"),
    ),
    Entry(errors.ClinicCodeTaken, 409, "code-taken", "Another clinic has this code."),
    Entry(errors.ServiceTypeCodeTaken, 409, "code-taken", "Another service type has this code."),
    Entry(errors.RoomNameTaken, 409, "name-taken", "Another room of the clinic has this name."),
    Entry(errors.UserTaken, 409, "user-taken", "Another provider has this user_id."),
)

#: The errors for violated constraints of the database, where the operation could not see the conflict itself.
CONSTRAINTS = {
    "sessions_provider_busy": errors.ProviderBusy,
    "sessions_room_busy": errors.RoomBusy,
    "participants_patient_busy": errors.PatientBusy,
    "participants_enrolled_once": errors.AlreadyEnrolled,
    "series_members_once": errors.OnRoster,
    "participants_capacity": errors.SessionFull,
    "waitlist_entries_session_once": errors.WaitsForSession,
    "waitlist_entries_service_once": errors.WaitsForServiceType,
    "participants_package_session_once": errors.PackageSessionBooked,
    "clinics_code_key": errors.ClinicCodeTaken,
    "rooms_name_key": errors.RoomNameTaken,
    "rooms_name_folded": errors.RoomNameTaken,
    "providers_user_folded": errors.UserTaken,
    "providers_user_key": errors.UserTaken,
    "service_types_code_key": errors.ServiceTypeCodeTaken,
}
