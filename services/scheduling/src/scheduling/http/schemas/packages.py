"""The schemas of packages, their plans and their progress."""

from collections.abc import Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Day, Instant, Name, WallTime, state
from jalsa.service.commands import Loaded
from jalsa.service.errors import Message
from scheduling.domain import MAX_MINUTES, PACKAGE, PACKAGE_SESSION, PARTICIPANT
from scheduling.packages.commands import planning as commands
from scheduling.packages.rules.planning import MAX_SESSIONS, MIN_SESSIONS, OPEN_PERIOD_DAYS
from scheduling.policy import CARE
from scheduling.timetable.hours import PARTS_OF_DAY

_number = validate.Range(1, MAX_SESSIONS)
_UNKNOWN_NUMBER = "There is no session with this number."
_TWICE = "This number occurs twice."
_NO_START = "Required with all_or_nothing."


class PreferredTime(fields.String):
    """A wall time, `HH:MM`, or a part of the day. It is loaded as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        written = super()._deserialize(value, attr, data, **kwargs)
        if written in PARTS_OF_DAY:
            return written
        try:
            return f"{WallTime().deserialize(written):%H:%M}"
        except ValidationError:
            raise ValidationError(
                Message("Must be HH:MM or one of: {choices}.", choices=", ".join(PARTS_OF_DAY))
            ) from None


class Wishes(Loaded):
    """When the sessions of a package should take place."""

    start_date = Day(metadata={"description": "The first local day"})
    end_date = Day(
        allow_none=True,
        metadata={
            "description": f"The last local day. If absent, the period has {OPEN_PERIOD_DAYS} days including the first"
        },
    )
    preferred_days = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, 6)),
        validate=validate.Length(0, 7),
        metadata={"description": "0 = Sunday … 6 = Saturday, empty for any day. Sessions are on no other days"},
    )
    preferred_time = PreferredTime(
        allow_none=True,
        metadata={
            "description": (
                "HH:MM, or MORNING, AFTERNOON or EVENING by the clinic's clock. A session gets the free time "
                "of its day that is nearest to it. Without a preferred time, a session gets the time of the "
                "other sessions"
            )
        },
    )
    gap_days = fields.Integer(
        strict=True,
        validate=validate.Range(1, 30),
        metadata={"description": "The least number of days between two sessions"},
    )
    tolerance_days = fields.Integer(
        strict=True,
        validate=validate.Range(0, 30),
        metadata={
            "description": (
                "How many days later than possible a session may be, in order to get the preferred time, or "
                "the time and weekday of the other sessions"
            )
        },
    )

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("end_date") and data.get("start_date") and data["end_date"] < data["start_date"]:
            raise ValidationError("Must not be before start_date.", "end_date")


class WantedPlace(Loaded):
    """The requested place and time of one session. The answer of a plan can be used as it is."""

    into = commands.SessionPlacement

    class Meta:
        unknown = EXCLUDE

    session_number = fields.Integer(required=True, strict=True, validate=_number)
    starts_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When the session starts. A session with null is not scheduled, as in a plan"},
    )
    provider_id = fields.UUID(required=True, allow_none=True)
    room_id = fields.UUID(allow_none=True, load_default=None)

    @validates_schema
    def _names_who_holds_it(self, data: dict[str, Any], **_: Any) -> None:
        if data["starts_at"] and not data["provider_id"]:
            raise ValidationError("Required when starts_at is given.", "provider_id")


class Commitment(Loaded):
    """What happens to a plan in which some sessions have no time."""

    all_or_nothing = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Whether to store nothing, and answer 409 `package-conflicts`, unless all sessions fit"
        },
    )
    sessions = fields.List(
        fields.Nested(WantedPlace()),
        attribute="placements",
        validate=validate.Length(1, MAX_SESSIONS),
        metadata={"description": "The placements of a plan, or of a person. Each is used as it is, or refused"},
    )

    @validates_schema
    def _names_each_once(self, data: dict[str, Any], **_: Any) -> None:
        check_numbers(data.get("placements", ()), "sessions", MAX_SESSIONS)

    @validates_schema
    def _leaves_none_out(self, data: dict[str, Any], **_: Any) -> None:
        without = [place for place, one in enumerate(data.get("placements", ())) if one.starts_at is None]
        if data["all_or_nothing"] and without:
            raise ValidationError({"sessions": {place: {"starts_at": [_NO_START]} for place in without}})


class Assignment(Loaded):
    into = commands.SessionProvider

    session_number = fields.Integer(required=True, strict=True, validate=_number)
    provider_id = fields.UUID(required=True)


class _PackageFields(Wishes):
    patient_id = fields.UUID(required=True)
    clinic_id = fields.UUID(required=True)
    service_type = Name(max=20, required=True, metadata={"description": "A service type's code"})
    total_sessions = fields.Integer(required=True, strict=True, validate=validate.Range(MIN_SESSIONS, MAX_SESSIONS))
    session_duration_minutes = fields.Integer(
        strict=True,
        validate=validate.Range(1, MAX_MINUTES),
        metadata={"description": "The service type's default if absent"},
    )
    use_multiple_providers = fields.Boolean(
        load_default=False,
        metadata={
            "description": (
                "Whether sessions may have different providers, either the assigned ones or any qualified "
                "one. Otherwise one provider holds all: `provider_id`, or the qualified provider with the "
                "best plan"
            )
        },
    )
    provider_id = fields.UUID(
        allow_none=True, metadata={"description": "Holds every session for which no other provider is assigned"}
    )
    room_id = fields.UUID(allow_none=True, metadata={"description": "The only room of all sessions"})
    room_required = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Whether each session needs a free room of the clinic. It is the same room where possible"
        },
    )


class PackagePlanBody(_PackageFields):
    into = commands.PlanPackage

    start_date = Day(required=True, metadata={"description": "The first local day"})
    provider_assignments = fields.List(
        fields.Nested(Assignment()),
        load_default=list,
        validate=validate.Length(0, MAX_SESSIONS),
        metadata={"description": "Which provider holds which session. Only with use_multiple_providers"},
    )
    auto_schedule = fields.Boolean(
        load_default=True,
        metadata={"description": "Whether the sessions are scheduled immediately. Otherwise the package is a DRAFT"},
    )

    @validates_schema
    def _assigns_its_own_sessions(self, data: dict[str, Any], **_: Any) -> None:
        if data["provider_assignments"] and not data["use_multiple_providers"]:
            raise ValidationError("Requires use_multiple_providers.", "provider_assignments")
        check_numbers(data["provider_assignments"], "provider_assignments", data["total_sessions"])


class PackageBody(PackagePlanBody, Commitment):
    into = commands.CreatePackage

    @validates_schema
    def _names_each_once(self, data: dict[str, Any], **_: Any) -> None:
        check_numbers(data.get("placements", ()), "sessions", data["total_sessions"])


class ScheduleBody(Wishes, Commitment):
    """The given values of the period and of the preferred times replace those of the package."""

    into = commands.SchedulePackage

    session_numbers = fields.List(
        fields.Integer(strict=True, validate=_number),
        validate=validate.Length(1, MAX_SESSIONS),
        metadata={"description": "The numbers of the sessions to schedule. If absent, all outstanding sessions"},
    )

    @validates_schema
    def _in_one_way(self, data: dict[str, Any], **_: Any) -> None:
        if "placements" in data and "session_numbers" in data:
            raise ValidationError(
                "Must be absent when sessions is given, because each item there has its number.", "session_numbers"
            )
        if len(set(data.get("session_numbers", ()))) < len(data.get("session_numbers", ())):
            raise ValidationError(_TWICE, "session_numbers")


class Alternative(Schema):
    kind = fields.String(
        validate=validate.OneOf(["OTHER_DAY", "OTHER_PROVIDER", "LATER"]),
        metadata={
            "description": (
                "OTHER_DAY is not on a preferred day, OTHER_PROVIDER has another provider, LATER is after the period"
            )
        },
    )
    starts_at = Instant()
    ends_at = Instant()
    provider_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)


class PlannedSession(Schema):
    session_number = fields.Integer()
    status = fields.String(
        validate=validate.OneOf(["SCHEDULED", "FAILED"]),
        metadata={"description": "The state that the session would have"},
    )
    provider_id = fields.UUID(allow_none=True)
    room_id = fields.UUID(allow_none=True)
    starts_at = Instant(allow_none=True)
    ends_at = Instant(allow_none=True)
    scheduled_date = fields.Date(allow_none=True, metadata={"description": "The local day, by the clinic's clock"})
    scheduled_time = WallTime(allow_none=True, metadata={"description": "The wall time, by the clinic's clock"})
    scheduling_error_code = fields.String(allow_none=True)
    scheduling_error = fields.String(allow_none=True)
    scheduling_error_ar = fields.String(allow_none=True, metadata={"description": "The same reason in Arabic"})
    alternatives = fields.List(
        fields.Nested(Alternative()),
        metadata={"description": "Other placements of a session that failed. All of one kind can be booked together"},
    )


class PackagePlan(Schema):
    timezone = fields.String()
    scheduled_sessions_count = fields.Integer()
    failed_sessions_count = fields.Integer()
    sessions = fields.List(fields.Nested(PlannedSession()))


class SchedulingError(Schema):
    """Why a session could not be scheduled. It is also an item of `conflicts` in 409 `package-conflicts`."""

    session_number = fields.Integer()
    code = fields.String()
    detail = fields.String()
    detail_ar = fields.String(metadata={"description": "The same reason in Arabic"})


class AssignmentAnswer(Answer, Assignment):
    kind = fields.String(
        validate=validate.OneOf(["REQUESTED", "CHOSEN", "SUBSTITUTE"]),
        metadata={"description": "REQUESTED by a person, CHOSEN by the plan, or SUBSTITUTE for another provider"},
    )
    reason = restricted(CARE, fields.String(allow_none=True))
    assigned_at = Instant()
    assigned_by = fields.String()


class PackageSessionAnswer(Schema):
    session_number = fields.Integer()
    status = state(PACKAGE_SESSION)
    owed = fields.Boolean(metadata={"description": "Whether a cancelled session is to be made up for"})
    provider_id = fields.UUID(allow_none=True)
    room_id = fields.UUID(allow_none=True)
    scheduled_date = fields.Date(allow_none=True, metadata={"description": "The local day, by the clinic's clock"})
    scheduled_time = WallTime(allow_none=True, metadata={"description": "The wall time, by the clinic's clock"})
    starts_at = Instant(allow_none=True)
    ends_at = Instant(allow_none=True)
    session_id = fields.UUID(allow_none=True)
    appointment_id = fields.UUID(allow_none=True, metadata={"description": "The participant's id"})
    appointment_number = fields.String(allow_none=True)
    appointment_status = state(
        PARTICIPANT,
        allow_none=True,
        metadata={"description": "The state of the session's appointment, or of its last one"},
    )
    scheduling_attempts = fields.Integer()
    scheduling_error_code = fields.String(allow_none=True)
    scheduling_error = fields.String(allow_none=True)
    scheduling_error_ar = fields.String(allow_none=True, metadata={"description": "The same reason in Arabic"})


class PackageSummary(Answer, _PackageFields):
    """A package with its progress, which is counted from its sessions whenever it is read."""

    id = fields.UUID()
    package_number = fields.String()
    status = state(PACKAGE)
    is_paused = fields.Boolean()
    timezone = fields.String()
    auto_schedule = fields.Boolean()
    progress_percentage = fields.Float(metadata={"description": "The percentage of the sessions that are completed"})
    completed_sessions_count = fields.Integer()
    scheduled_sessions_count = fields.Integer()
    pending_sessions_count = fields.Integer(
        metadata={"description": "How many sessions have no placement and did not fail"}
    )
    failed_sessions_count = fields.Integer()
    cancelled_sessions_count = fields.Integer()
    owed_sessions_count = fields.Integer(
        metadata={"description": "How many of the cancelled sessions are to be made up for"}
    )
    created_at = Instant()
    created_by = fields.String()
    paused_at = Instant(allow_none=True)
    paused_by = fields.String(allow_none=True)
    pause_reason = restricted(CARE, fields.String(allow_none=True))
    completed_at = Instant(allow_none=True)
    cancelled_at = Instant(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    cancel_reason = restricted(CARE, fields.String(allow_none=True))


class PackageAnswer(PackageSummary):
    scheduling_errors = fields.List(fields.Nested(SchedulingError()))
    provider_assignments = fields.List(
        fields.Nested(AssignmentAnswer()),
        metadata={"description": "All assignments. The last one for a session number is in force"},
    )
    sessions = fields.List(fields.Nested(PackageSessionAnswer()))


class PackageArgs(PageArgs):
    into = commands.FindPackages

    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))
    patient_id = fields.UUID()
    clinic_id = fields.UUID()
    provider_id = fields.UUID(metadata={"description": "The provider of any session of the package"})
    service_type = Name(max=20)
    status = fields.String(validate=validate.OneOf(PACKAGE.states))
    package_number = Name(max=30)


def check_numbers(
    named: Sequence[commands.SessionPlacement | commands.SessionProvider], field: str, total: int
) -> None:
    """Raise ValidationError, by position, for session numbers above the total, and for numbers that occur twice."""
    seen: set[int] = set()
    errors: dict[int, dict[str, list[str]]] = {}
    for place, one in enumerate(named):
        number = one.session_number
        if number > total:
            errors[place] = {"session_number": [_UNKNOWN_NUMBER]}
        elif number in seen:
            errors[place] = {"session_number": [_TWICE]}
        seen.add(number)
    if errors:
        raise ValidationError({field: errors})
