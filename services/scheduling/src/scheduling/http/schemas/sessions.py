"""The schemas of sessions, participants and appointments."""

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import DayOrInstant, FreeText, Instant, Name, Words, state
from jalsa.service.commands import Loaded
from scheduling.appointments.commands import appointments, placements, sessions
from scheduling.domain import (
    GROUP,
    INDIVIDUAL,
    MAX_GROUP,
    MAX_MINUTES,
    PARTICIPANT,
    SCOPES,
    SESSION,
    THIS,
    WALK_IN_MINUTES,
)
from scheduling.policy import CARE

DECISIONS = ("NEEDED", "MET", "RUN", "MERGED", "CANCELLED")
_minutes = validate.Range(1, MAX_MINUTES)
group_places = validate.Range(1, MAX_GROUP)


class Override(Loaded):
    """A manager's override of rules. The reason is stored and audited."""

    into = placements.Override

    reason = Name(max=500, required=True)


#: The override of a request that takes a spot in an existing session.
OVER_ABSENCES = {"description": "For managers only. The absences in the session's `blocked_by` are overridden"}


class ReasonBody(Loaded):
    into: ClassVar[type[Any] | None] = sessions.Reason

    reason = FreeText(max=500, allow_none=True, load_default=None)


class UntimelyBody(Loaded):
    """What a manager may do before or after the usual time, with a reason."""

    into: ClassVar[type[Any] | None] = sessions.Untimely

    override = fields.Nested(
        Override(),
        metadata={"description": "For managers only. Allows outcomes before the start, and cancelling after it"},
    )


class OverridingBody(ReasonBody, UntimelyBody):
    """A reason, and perhaps a manager's reason for doing it at an unusual time."""

    into: ClassVar[type[Any] | None] = appointments.EndAppointment


class Where(Loaded):
    """The fields that a session, an appointment and a series have in common."""

    clinic_id = fields.UUID(required=True)
    provider_id = fields.UUID(required=True)
    room_id = fields.UUID(allow_none=True)
    service_type = Name(max=20, required=True, metadata={"description": "A service type's code"})
    duration_minutes = fields.Integer(
        strict=True, validate=_minutes, metadata={"description": "The service type's default if absent"}
    )
    override = fields.Nested(
        Override(),
        metadata={"description": "For managers only. Working hours, absences, closures and buffers are overridden"},
    )


class WalkIn(Loaded):
    """A session that has already started is entered."""

    walk_in = fields.Boolean(
        load_default=False,
        metadata={
            "description": (
                f"For the front desk only. The session started at most {WALK_IN_MINUTES} minutes ago. Managers"
                f" and records enter earlier ones with an `override`"
            )
        },
    )


class _Place(Where, WalkIn):
    """The place and time of a session."""

    starts_at = Instant(required=True)


def check_minimum(data: dict[str, Any]) -> None:
    """Raise ValidationError for a minimum of participants above the capacity."""
    if (data.get("min_participants") or 1) > data.get("max_capacity", 1):
        raise ValidationError("Must not be more than the capacity.", "min_participants")


class SessionBody(_Place):
    into = sessions.CreateSession

    session_type = fields.String(required=True, validate=validate.OneOf([INDIVIDUAL, GROUP]))
    max_capacity = fields.Integer(strict=True, validate=group_places)
    min_participants = fields.Integer(strict=True, allow_none=True, validate=group_places)
    decision_at = Instant(
        metadata={"description": "When a decision is due if there are too few participants. Not after the start"}
    )
    group_notes = FreeText(
        allow_none=True, metadata={"description": "Notes about the whole session, which all participants share"}
    )

    @validates_schema
    def _fits_its_type(self, data: dict[str, Any], **_: Any) -> None:
        if data["session_type"] == GROUP and "max_capacity" not in data:
            raise ValidationError("Required for a group session.", "max_capacity")
        if data["session_type"] == INDIVIDUAL and data.get("max_capacity", 1) != 1:
            raise ValidationError("An individual session has a capacity of 1.", "max_capacity")
        check_minimum(data)


class _Scoped(Loaded):
    """A change to a session that may also apply to other sessions of its series."""

    scope = fields.String(
        load_default=THIS,
        validate=validate.OneOf(SCOPES),
        metadata={
            "description": (
                "For a session of a series, whether the change applies to THIS session alone, to this and the"
                " FOLLOWING ones, or to ALL. The order is that of the series' rule, even if sessions were "
                "moved since. Only sessions that are SCHEDULED and have not started are changed"
            )
        },
    )


class SessionPatch(_Scoped):
    into = sessions.ChangeSession

    max_capacity = fields.Integer(strict=True, validate=group_places)
    min_participants = fields.Integer(strict=True, allow_none=True, validate=group_places)
    decision_at = Instant()
    group_notes = FreeText(allow_none=True)


class _NewPlace(Loaded):
    """A new placement. Values that are not in the request stay as they are."""

    provider_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)
    duration_minutes = fields.Integer(strict=True, validate=_minutes)
    reason = FreeText(max=500, allow_none=True, load_default=None)
    override = fields.Nested(Override())


class RescheduleSessionBody(_NewPlace, _Scoped):
    into = sessions.RescheduleSession

    starts_at = Instant(
        metadata={
            "description": (
                "The new start. Stays if absent. The other sessions in the scope get the same local time, and"
                " move by as many local days from the day of the series"
            )
        },
    )
    include_moved = fields.Boolean(
        load_default=False,
        metadata={
            "description": (
                "Whether a new time also applies to sessions in the scope that were moved individually. "
                "Otherwise they keep their own time and are listed in `kept`"
            )
        },
    )


class CancelSessionBody(OverridingBody, _Scoped):
    """A reason, a scope, and perhaps a manager's reason for doing it at an unusual time."""

    into = sessions.CancelSession


class RescheduleParticipantBody(_NewPlace):
    into = appointments.RescheduleParticipant

    session_id = fields.UUID(metadata={"description": "Another session of the same service type"})
    starts_at = Instant(metadata={"description": "The new start of an individual session"})

    @validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        if ("session_id" in data) == ("starts_at" in data):
            raise ValidationError("Either session_id or starts_at is required, not both.", "session_id")
        if "session_id" in data and {"provider_id", "room_id", "duration_minutes"} & set(data):
            raise ValidationError("The other session has its own provider, room and duration.", "session_id")


class DecisionBody(UntimelyBody):
    into = sessions.DecideSession

    action = fields.String(required=True, validate=validate.OneOf(["RUN", "MERGE", "CANCEL"]))
    into_session_id = fields.UUID()
    reason = FreeText(max=500, allow_none=True, load_default=None)
    override = fields.Nested(Override(), metadata=OVER_ABSENCES)

    @validates_schema
    def _names_the_other(self, data: dict[str, Any], **_: Any) -> None:
        if (data["action"] == "MERGE") != ("into_session_id" in data):
            raise ValidationError("Required for MERGE, and only allowed there.", "into_session_id")


class AppointmentBody(_Place):
    into = appointments.BookAppointment

    patient_id = fields.UUID(required=True)
    notes = FreeText(allow_none=True, load_default=None)


class SessionAnswer(Answer):
    id = fields.UUID()
    session_number = fields.String()
    session_type = fields.String(validate=validate.OneOf([INDIVIDUAL, GROUP]))
    status = state(SESSION)
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)
    service_type = fields.String()
    starts_at = Instant()
    ends_at = Instant()
    duration_minutes = fields.Integer()
    timezone = fields.String()
    max_capacity = fields.Integer()
    min_participants = fields.Integer(allow_none=True)
    group_notes = restricted(CARE, fields.String(allow_none=True))
    booked_count = fields.Integer(metadata={"description": "How many participants occupy a spot"})
    current_capacity = fields.Integer(
        metadata={"description": "The same number as `booked_count`, which replaces it", "deprecated": True}
    )
    held_spots = fields.Integer(
        metadata={"description": "How many free spots are held by open offers to patients on the waitlist"}
    )
    available_spots = fields.Integer()
    is_full = fields.Boolean()
    capacity_percentage = fields.Float()
    blocked_by = fields.List(
        fields.String(),
        metadata={
            "description": (
                "Absences that affect a future session, so that nobody can be booked into it: `time-off` of "
                "its provider, `closure` of its clinic. Those in `overridden` do not count"
            )
        },
    )
    created_at = Instant()
    created_by = fields.String()
    cancelled_at = Instant(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    cancel_reason = restricted(CARE, fields.String(allow_none=True))
    started_at = Instant(allow_none=True)
    completed_at = Instant(allow_none=True)
    corrected_at = Instant(allow_none=True, metadata={"description": "When an outcome was last undone"})
    corrected_by = fields.String(allow_none=True)
    reschedule_count = fields.Integer()
    change_reason = restricted(
        CARE, fields.String(allow_none=True, metadata={"description": "Why the last change was made"})
    )
    overridden = fields.List(fields.String(), metadata={"description": "The rules that a manager has overridden"})
    override_reason = restricted(CARE, fields.String(allow_none=True))
    decision_at = Instant(allow_none=True)
    decision = fields.String(
        validate=validate.OneOf(DECISIONS),
        allow_none=True,
        metadata={"description": "NEEDED, MET, RUN, MERGED or CANCELLED"},
    )
    series_id = fields.UUID(allow_none=True)
    occurs_on = fields.Date(
        allow_none=True, metadata={"description": "The local day on which the series' rule placed the session"}
    )


class KeptSession(Schema):
    """A session in the scope that was moved individually and has kept its time."""

    id = fields.UUID()
    session_number = fields.String()
    starts_at = Instant()


class ChangedSessionAnswer(SessionAnswer):
    changed_sessions = fields.Integer(metadata={"description": "How many sessions this changed"})
    kept = fields.List(
        fields.Nested(KeptSession()),
        metadata={
            "description": (
                "Sessions in the scope that were moved individually and keep their own time, by their start. "
                "All other values of the request apply to them too"
            )
        },
    )


class ParticipantBody(WalkIn):
    into = appointments.BookParticipant

    patient_id = fields.UUID(required=True)
    notes = FreeText(allow_none=True, load_default=None)
    override = fields.Nested(Override(), metadata=OVER_ABSENCES)


class ParticipantPatch(Loaded):
    into = appointments.ChangeParticipant

    notes = FreeText(allow_none=True)


class CheckInBody(Loaded):
    into = appointments.CheckIn

    override = fields.Nested(Override(), metadata={"description": "For managers only. The blockers are overridden"})


class CheckIn(Answer):
    by = fields.String()
    finance_cleared = fields.Boolean()
    consent_verified = fields.Boolean()
    override_reason = restricted(CARE, fields.String(allow_none=True))


class BlockerDetail(Schema):
    blocker = fields.String(metadata={"description": "finance, consent or too-early"})
    reason = fields.String(
        metadata={
            "description": (
                "For `finance`: payment-due, no-price or invoice-void. For `consent`: missing, expired or "
                "revoked. For `too-early`: before-its-day"
            )
        }
    )
    look_at = fields.String(metadata={"description": "An address behind the gateway with more about it"})


class PackagePlace(Schema):
    id = fields.UUID()
    number = fields.String()
    session_number = fields.Integer()
    total_sessions = fields.Integer()


class ParticipantAnswer(Answer):
    id = fields.UUID(
        metadata={"description": "The participant's id, which is the `appointment_id` of the other services"}
    )
    appointment_number = fields.String()
    patient_id = fields.UUID()
    status = state(PARTICIPANT)
    notes = restricted(CARE, fields.String(allow_none=True))
    finance_cleared = fields.Boolean()
    consent_verified = fields.Boolean()
    can_check_in = fields.Boolean()
    check_in_blockers = fields.List(fields.String())
    check_in_blocker_details = fields.List(fields.Nested(BlockerDetail()))
    booked_at = Instant()
    booked_by = fields.String()
    confirmed_at = Instant(allow_none=True)
    cancelled_at = Instant(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    cancel_reason = restricted(CARE, fields.String(allow_none=True))
    arrived_at = Instant(allow_none=True)
    late_minutes = fields.Integer(
        metadata={"description": "How many whole minutes after the start the patient arrived"}
    )
    check_in = fields.Nested(
        CheckIn(), allow_none=True, metadata={"description": "What was known when the patient arrived, or null"}
    )
    attended_at = Instant(allow_none=True)
    no_show_at = Instant(allow_none=True)
    no_show_reason = restricted(CARE, fields.String(allow_none=True))
    corrected_at = Instant(allow_none=True, metadata={"description": "When an outcome was last undone"})
    corrected_by = fields.String(allow_none=True)
    reschedule_count = fields.Integer()
    change_reason = restricted(
        CARE, fields.String(allow_none=True, metadata={"description": "Why the last change was made"})
    )
    package = fields.Nested(
        PackagePlace(),
        allow_none=True,
        metadata={
            "description": (
                "The package of the appointment, and which session of it the appointment is, or null without a package"
            )
        },
    )
    session = fields.Nested(SessionAnswer())


class SessionArgs(PageArgs):
    into = sessions.FindSessions

    text = Words(
        metadata={
            "description": (
                "Words in any order, each a part of the name of the provider, the clinic, the room or the "
                "service type. Alternatively, a part of the session's or an appointment's number that "
                "contains a digit. Case, diacritics, the forms of alef, ya and ta marbuta, vowel signs, "
                "digits and the article make no difference"
            )
        },
    )
    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    room_id = fields.UUID()
    series_id = fields.UUID()
    session_type = fields.String(validate=validate.OneOf([INDIVIDUAL, GROUP]))
    service_type = Name(max=20)
    status = fields.String(validate=validate.OneOf(SESSION.states))
    decision = fields.String(validate=validate.OneOf(DECISIONS))
    starts_from = DayOrInstant(
        data_key="from", metadata={"description": "The earliest start, as an instant or a local day of each clinic"}
    )
    starts_before = DayOrInstant(
        data_key="to",
        metadata={"description": "An instant before which they start, or the last local day on which they start"},
    )
