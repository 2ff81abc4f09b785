"""The schemas of series and their rosters."""

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Day, FreeText, Instant, Name, WallTime, sometimes, state
from jalsa.service.commands import Loaded
from scheduling.domain import PARTICIPANT
from scheduling.http.schemas.sessions import OVER_ABSENCES, Override, Where, check_minimum, group_places
from scheduling.policy import CARE
from scheduling.series.commands import CreateSeries, FindSeries, JoinSeries, LeaveSeries
from scheduling.series.rules import MAX_OCCURRENCES

_RULE = (
    "RFC 5545: FREQ=WEEKLY, with INTERVAL (1 to 4), BYDAY (one or more weekdays) and either COUNT or "
    "UNTIL (a local day, included), such as FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20270630. At most "
    "100 occurrences within 2 years. Weeks start on Sunday unless WKST says otherwise, and the answer "
    "always contains WKST."
)


class SeriesBody(Where):
    into = CreateSeries

    starts_on = Day(
        required=True,
        metadata={"description": "A local day. The first occurrence is on the first day of the rule on or after it"},
    )
    start_time = WallTime(required=True, metadata={"description": "HH:MM by the clinic's clock, the same on every day"})
    rrule = Name(max=200, required=True, metadata={"description": _RULE})
    exceptions = fields.List(
        Day(),
        load_default=list,
        validate=validate.Length(0, MAX_OCCURRENCES),
        metadata={"description": "Local days that are left out. Days that are not in the rule are ignored"},
    )
    max_capacity = fields.Integer(required=True, strict=True, validate=group_places)
    min_participants = fields.Integer(strict=True, allow_none=True, validate=group_places)
    group_notes = FreeText(
        allow_none=True, metadata={"description": "Notes about the whole session, which all participants share"}
    )
    skip_conflicts = fields.Boolean(
        load_default=False, metadata={"description": "Whether to leave out the occurrences that have conflicts"}
    )

    @validates_schema
    def _has_a_fitting_minimum(self, data: dict[str, Any], **_: Any) -> None:
        check_minimum(data)


class Refusal(Schema):
    """A conflict of one session of a series. It is also an item of `conflicts` in 409 `series-conflicts`."""

    occurs_on = fields.String(metadata={"format": "date"})
    starts_at = fields.String(metadata={"format": "date-time"})
    session_id = sometimes(fields.String(metadata={"format": "uuid", "description": "The session, if it exists"}))
    session_number = sometimes(
        fields.String(metadata={"description": "The number of the session that conflicts, if a session does"})
    )
    code = fields.String(metadata={"description": "The code with which a single session would be refused"})
    detail = fields.String()
    rule = fields.String(allow_none=True)
    overridable = fields.Boolean(metadata={"description": "Whether a manager can override it"})


class Occurrence(Schema):
    occurs_on = fields.Date()
    starts_at = Instant()
    ends_at = Instant()
    shifted = fields.Boolean(
        metadata={"description": "Whether the clock skips the time on that day, so that the session starts later"}
    )


class PlannedOccurrence(Occurrence):
    conflicts = fields.List(fields.Nested(Refusal()))


class NewOccurrence(Occurrence):
    session_id = fields.UUID()


class Plan(Schema):
    occurrences = fields.List(fields.Nested(PlannedOccurrence()))


class SessionCounts(Schema):
    """How many of the series' sessions are in each state."""

    scheduled = fields.Integer(attribute="SCHEDULED")
    in_progress = fields.Integer(attribute="IN_PROGRESS")
    completed = fields.Integer(attribute="COMPLETED")
    cancelled = fields.Integer(attribute="CANCELLED")


class SeriesAnswer(Answer):
    """A series as it was created. Later changes are only in its sessions."""

    id = fields.UUID()
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)
    service_type = fields.String()
    starts_on = fields.Date()
    start_time = WallTime()
    timezone = fields.String()
    duration_minutes = fields.Integer()
    rrule = fields.String()
    exceptions = fields.List(
        fields.Date(),
        metadata={"description": "Days of the rule that were left out, by request or because of a conflict"},
    )
    max_capacity = fields.Integer()
    min_participants = fields.Integer(allow_none=True)
    group_notes = restricted(CARE, fields.String(allow_none=True))
    created_at = Instant()
    created_by = fields.String()
    sessions = fields.Nested(SessionCounts())


class NewSeriesAnswer(SeriesAnswer):
    occurrences = fields.List(fields.Nested(NewOccurrence()))
    skipped = fields.List(fields.Nested(Refusal()), metadata={"description": "Why occurrences were left out"})


class SeriesArgs(PageArgs):
    into = FindSeries

    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    service_type = Name(max=20)


class MemberBody(Loaded):
    into = JoinSeries

    patient_id = fields.UUID(required=True)
    from_date = Day(metadata={"description": "The first local day. Today if absent"})
    notes = FreeText(allow_none=True, load_default=None, metadata={"description": "Notes of every appointment"})
    skip_conflicts = fields.Boolean(
        load_default=False,
        metadata={"description": "Whether to leave out the sessions in which the patient cannot be booked"},
    )
    override = fields.Nested(Override(), metadata=OVER_ABSENCES)


class LeaveBody(Loaded):
    into = LeaveSeries

    from_date = Day(metadata={"description": "The first local day without the patient. Today if absent"})
    reason = FreeText(max=500, allow_none=True, load_default=None)


class SeriesSpot(Schema):
    participant_id = fields.UUID(attribute="id")
    appointment_number = fields.String()
    session_id = fields.UUID()
    starts_at = Instant()
    status = state(PARTICIPANT)


class MemberAnswer(Answer):
    id = fields.UUID()
    series_id = fields.UUID()
    patient_id = fields.UUID()
    joined_on = fields.Date()
    joined_at = Instant()
    joined_by = fields.String()
    left_on = fields.Date(allow_none=True)
    left_at = Instant(allow_none=True)
    left_by = fields.String(allow_none=True)
    leave_reason = restricted(CARE, fields.String(allow_none=True))
    appointments = fields.List(
        fields.Nested(SeriesSpot()),
        metadata={"description": "The patient's live spots in the series during the membership"},
    )


class NewMemberAnswer(MemberAnswer):
    skipped = fields.List(fields.Nested(Refusal()), metadata={"description": "Why sessions were left out"})
