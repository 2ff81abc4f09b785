"""The schemas of changes to a package after it was created."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from jalsa.http.fields import Day, FreeText, Instant
from jalsa.service.commands import Loaded
from scheduling.http.schemas.packages import PackageAnswer, SchedulingError
from scheduling.http.schemas.sessions import Override, ReasonBody
from scheduling.packages.commands import changes as commands
from scheduling.packages.rules.planning import MAX_SESSIONS

_number = validate.Range(1, MAX_SESSIONS)
_MAX_SHIFT_DAYS = 366


class SchedulePackageSessionBody(ReasonBody):
    into = commands.SchedulePackageSession

    starts_at = Instant(required=True)
    provider_id = fields.UUID(metadata={"description": "The assigned provider of the session if absent"})
    room_id = fields.UUID(allow_none=True, metadata={"description": "The package's room if absent"})
    override = fields.Nested(
        Override(),
        metadata={"description": "For managers only. Working hours, absences, closures and buffers are overridden"},
    )


class CancelPackageSessionBody(ReasonBody):
    into = commands.CancelPackageSession

    owed = fields.Boolean(load_default=False, metadata={"description": "Whether the session is to be made up for"})


class _Some(Loaded):
    """A change to the sessions from a number on."""

    from_session_number = fields.Integer(required=True, strict=True, validate=_number)
    reason = FreeText(max=500, allow_none=True, load_default=None)
    all_or_nothing = fields.Boolean(
        load_default=True,
        metadata={
            "description": "Whether to change nothing, and answer 409 `package-conflicts`, unless all sessions fit."
            " Otherwise those that do not fit are cancelled and FAILED"
        },
    )


class ShiftBody(_Some):
    into = commands.ShiftPackage

    days = fields.Integer(
        strict=True,
        validate=[validate.Range(-_MAX_SHIFT_DAYS, _MAX_SHIFT_DAYS), validate.NoneOf([0])],
        metadata={"description": "How many local days later, or earlier if negative, at the same time of day"},
    )
    start_date = Day(
        metadata={
            "description": "Plan the sessions again from this local day on. The end of a period moves by as many days"
        }
    )

    @validates_schema
    def _in_one_way(self, data: dict[str, Any], **_: Any) -> None:
        if ("days" in data) == ("start_date" in data):
            raise ValidationError("Either days or start_date is required, not both.", "days")


class SubstituteBody(_Some):
    into = commands.SubstituteProvider

    provider_id = fields.UUID(required=True, metadata={"description": "The provider who takes over the sessions"})
    to_session_number = fields.Integer(
        strict=True, validate=_number, metadata={"description": "The last one of the package if absent"}
    )

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("to_session_number", MAX_SESSIONS) < data["from_session_number"]:
            raise ValidationError("Must not be less than from_session_number.", "to_session_number")


class PauseBody(ReasonBody):
    into = commands.PausePackage

    from_date = Day(metadata={"description": "Appointments before this local day stay. Today if absent"})


class ResumeBody(Loaded):
    into = commands.ResumePackage

    start_date = Day(
        metadata={"description": "The first local day on which sessions take place again. Today if absent"}
    )
    end_date = Day(
        allow_none=True,
        metadata={"description": "The new end of the period. As many days later as the package was paused if absent"},
    )
    auto_schedule = fields.Boolean(
        load_default=True,
        metadata={
            "description": "Whether sessions without an appointment are planned immediately, with the same providers"
        },
    )
    all_or_nothing = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Whether to change nothing, and answer 409 `package-conflicts`, unless all sessions fit"
        },
    )


class ChangedPackageAnswer(PackageAnswer):
    warnings = fields.List(
        fields.Nested(SchedulingError()),
        metadata={
            "description": (
                "Warnings about sessions that have not started: `out-of-order`, after one with a higher "
                "number; `gap`, too close to the one before"
            )
        },
    )
