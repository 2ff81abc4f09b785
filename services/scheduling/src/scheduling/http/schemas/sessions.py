"""The shapes of sessions, participants and appointments."""

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
    """A manager overrides rules; the reason is kept and audited."""

    into = placements.Override

    reason = Name(max=500, required=True)


#: Of what takes a spot in a session that is there already.
OVER_ABSENCES = {"description": "Managers only: in spite of the absences in the session's `blocked_by`"}


class ReasonBody(Loaded):
    into: ClassVar[type[Any] | None] = sessions.Reason

    reason = FreeText(max=500, allow_none=True, load_default=None)


class UntimelyBody(Loaded):
    """What a manager may do before the start, or after it, with a reason."""

    into: ClassVar[type[Any] | None] = sessions.Untimely

    override = fields.Nested(
        Override(),
        metadata={"description": "Managers only: outcomes before the start, cancelling after it"},
    )


class OverridingBody(ReasonBody, UntimelyBody):
    """Why, and perhaps why at that time."""

    into: ClassVar[type[Any] | None] = appointments.EndAppointment


class Where(Loaded):
    """What a session, an appointment and a series all name."""

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
    """What has begun already is entered."""

    walk_in = fields.Boolean(
        load_default=False,
        metadata={
            "description": f"It began up to {WALK_IN_MINUTES} minutes ago; only for the desk. Managers and records"
            " enter what began any earlier with an `override`"
        },
    )


class _Place(Where, WalkIn):
    """Where and when."""

    starts_at = Instant(required=True)


def check_minimum(data: dict[str, Any]) -> None:
    """Raises ValidationError for a minimum of participants above the capacity."""
    if (data.get("min_participants") or 1) > data.get("max_capacity", 1):
        raise ValidationError("Must not be more than the capacity.", "min_participants")


class SessionBody(_Place):
    into = sessions.CreateSession

    session_type = fields.String(required=True, validate=validate.OneOf([INDIVIDUAL, GROUP]))
    max_capacity = fields.Integer(strict=True, validate=group_places)
    min_participants = fields.Integer(strict=True, allow_none=True, validate=group_places)
    decision_at = Instant(metadata={"description": "When too few participants are decided upon; before the start"})
    group_notes = FreeText(allow_none=True, metadata={"description": "Shared by all who take part"})

    @validates_schema
    def _fits_its_type(self, data: dict[str, Any], **_: Any) -> None:
        if data["session_type"] == GROUP and "max_capacity" not in data:
            raise ValidationError("Required for a group session.", "max_capacity")
        if data["session_type"] == INDIVIDUAL and data.get("max_capacity", 1) != 1:
            raise ValidationError("An individual session has a capacity of 1.", "max_capacity")
        check_minimum(data)


class _Scoped(Loaded):
    """A change of a session that may be made to others of its series, too."""

    scope = fields.String(
        load_default=THIS,
        validate=validate.OneOf(SCOPES),
        metadata={
            "description": "For a session of a series: THIS alone, with the FOLLOWING ones, or with ALL, as the"
            " series' rule has them, wherever they were moved since; only sessions that are still SCHEDULED and have"
            " not begun change"
        },
    )


class SessionPatch(_Scoped):
    into = sessions.ChangeSession

    max_capacity = fields.Integer(strict=True, validate=group_places)
    min_participants = fields.Integer(strict=True, allow_none=True, validate=group_places)
    decision_at = Instant()
    group_notes = FreeText(allow_none=True)


class _NewPlace(Loaded):
    """What does not stand in the request stays as it is."""

    provider_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)
    duration_minutes = fields.Integer(strict=True, validate=_minutes)
    reason = FreeText(max=500, allow_none=True, load_default=None)
    override = fields.Nested(Override())


class RescheduleSessionBody(_NewPlace, _Scoped):
    into = sessions.RescheduleSession

    starts_at = Instant(
        metadata={
            "description": "Stays as it is if absent. Others in the scope get the same local time, as many local days"
            " from where the series has them"
        },
    )
    include_moved = fields.Boolean(
        load_default=False,
        metadata={
            "description": "A new time is also of those sessions in the scope that were moved alone; otherwise they"
            " keep their own, and `kept` names them"
        },
    )


class CancelSessionBody(OverridingBody, _Scoped):
    """Why, how many, and perhaps why at that time."""

    into = sessions.CancelSession


class RescheduleParticipantBody(_NewPlace):
    into = appointments.RescheduleParticipant

    session_id = fields.UUID(metadata={"description": "Another session of the same service type"})
    starts_at = Instant(metadata={"description": "For an individual session: its new time"})

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
    booked_count = fields.Integer(metadata={"description": "How many participants take up a spot"})
    current_capacity = fields.Integer(
        metadata={"description": "The same number as `booked_count`, which replaces it", "deprecated": True}
    )
    held_spots = fields.Integer(metadata={"description": "Held by open offers to those who wait"})
    available_spots = fields.Integer()
    is_full = fields.Boolean()
    capacity_percentage = fields.Float()
    blocked_by = fields.List(
        fields.String(),
        metadata={
            "description": "Absences over a session to come, for which nobody joins it: `time-off` of its provider,"
            " `closure` of its clinic. Those in `overridden` do not count"
        },
    )
    created_at = Instant()
    created_by = fields.String()
    cancelled_at = Instant(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    cancel_reason = restricted(CARE, fields.String(allow_none=True))
    started_at = Instant(allow_none=True)
    completed_at = Instant(allow_none=True)
    corrected_at = Instant(allow_none=True, metadata={"description": "When a slip was taken back last"})
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
    occurs_on = fields.Date(allow_none=True, metadata={"description": "The local day that the series' rule gave it"})


class KeptSession(Schema):
    """A session in the scope that was moved alone, and has kept its time."""

    id = fields.UUID()
    session_number = fields.String()
    starts_at = Instant()


class ChangedSessionAnswer(SessionAnswer):
    changed_sessions = fields.Integer(metadata={"description": "How many sessions this changed"})
    kept = fields.List(
        fields.Nested(KeptSession()),
        metadata={
            "description": "Those in the scope of several that were moved alone and keep their own time, by their"
            " start; what else the request names has reached them, too"
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

    override = fields.Nested(Override(), metadata={"description": "Managers only: in spite of the blockers"})


class CheckIn(Answer):
    by = fields.String()
    finance_cleared = fields.Boolean()
    consent_verified = fields.Boolean()
    override_reason = restricted(CARE, fields.String(allow_none=True))


class BlockerDetail(Schema):
    blocker = fields.String(metadata={"description": "finance, consent or too-early"})
    reason = fields.String(
        metadata={"description": "payment-due, no-price or invoice-void; missing, expired or revoked; before-its-day"}
    )
    look_at = fields.String(metadata={"description": "An address behind the gateway, where there is more of it"})


class PackagePlace(Schema):
    id = fields.UUID()
    number = fields.String()
    session_number = fields.Integer()
    total_sessions = fields.Integer()


class ParticipantAnswer(Answer):
    id = fields.UUID(metadata={"description": "`appointment_id` in the other services"})
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
    late_minutes = fields.Integer(metadata={"description": "After the start, on arrival"})
    check_in = fields.Nested(CheckIn(), allow_none=True, metadata={"description": "What was known on arrival"})
    attended_at = Instant(allow_none=True)
    no_show_at = Instant(allow_none=True)
    no_show_reason = restricted(CARE, fields.String(allow_none=True))
    corrected_at = Instant(allow_none=True, metadata={"description": "When a slip was taken back last"})
    corrected_by = fields.String(allow_none=True)
    reschedule_count = fields.Integer()
    change_reason = restricted(
        CARE, fields.String(allow_none=True, metadata={"description": "Why the last change was made"})
    )
    package = fields.Nested(
        PackagePlace(), allow_none=True, metadata={"description": "Which session of which package it is, if of one"}
    )
    session = fields.Nested(SessionAnswer())


class SessionArgs(PageArgs):
    into = sessions.FindSessions

    text = Words(
        metadata={
            "description": "Words in any order, each a part of a name (of provider, clinic, room or service type); or a"
            " part, with a digit in it, of the session's or an appointment's number. Case, diacritics, the forms of"
            " alef, ya and ta marbuta, vowel signs, digits and the article make no difference"
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
        data_key="from", metadata={"description": "From this start on: an instant, or a local day of each clinic"}
    )
    starts_before = DayOrInstant(
        data_key="to", metadata={"description": "Before this instant, or until the end of this local day"}
    )
