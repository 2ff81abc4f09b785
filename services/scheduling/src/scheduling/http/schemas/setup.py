"""The schemas of the set-up: clinics, rooms, providers and their hours, service types, absences, settings."""

from datetime import time
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_dump, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Day, FreeText, Instant, Login, Name, PlaceZone, WallTime, code
from jalsa.service.commands import Loaded
from scheduling.absences import commands as absences
from scheduling.directory import commands as setup
from scheduling.domain import DEFAULT_SETTINGS, DISCIPLINES, MAX_BUFFER_MINUTES, MAX_MINUTES
from scheduling.policy import ABSENCE
from scheduling.timetable import hours

#: The description of every field for a weekday.
WEEKDAY = "0 = Sunday … 6 = Saturday"
CLOSURE_KINDS = ("CLOSURE", "PUBLIC_HOLIDAY")
_minutes = validate.Range(1, MAX_MINUTES)
_discipline = validate.OneOf(list(DISCIPLINES))
_buffer = validate.Range(0, MAX_BUFFER_MINUTES)


class ClinicBody(Loaded):
    into = setup.OpenClinic

    code = code(10)
    name_en = Name(required=True)
    name_ar = Name(required=True)
    timezone = PlaceZone(load_default="Asia/Riyadh")


class _Correction(Loaded):
    reason = Name(
        max=500,
        load_default=None,
        metadata={"description": "Why this is corrected. Required with fields whose correction needs a reason"},
    )


class ClinicPatch(_Correction):
    into = setup.ChangeClinic

    name_en = Name()
    name_ar = Name()
    active = fields.Boolean()
    code = code(10, required=False, description="A correction needs a reason. Existing numbers keep the old code")
    timezone = PlaceZone(
        metadata={
            "description": (
                "A correction needs a reason. Sessions keep their instants. Working hours, closures, series "
                "and all other wall times follow the new zone"
            )
        }
    )


class ClinicAnswer(ClinicBody):
    id = fields.UUID()
    active = fields.Boolean()


class RoomBody(Loaded):
    into = setup.AddRoom

    clinic_id = fields.UUID(required=True)
    name = Name(required=True)


class RoomPatch(Loaded):
    into = setup.ChangeRoom

    name = Name()
    active = fields.Boolean()


class RoomAnswer(RoomBody):
    id = fields.UUID()
    active = fields.Boolean()


class ProviderBody(Loaded):
    into = setup.RegisterProvider

    name_en = Name(required=True)
    name_ar = Name(required=True)
    user_id = Login(required=True)
    discipline = fields.String(required=True, validate=_discipline)
    clinic_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(1, 50))


class ProviderPatch(_Correction):
    into = setup.ChangeProvider

    name_en = Name()
    name_ar = Name()
    user_id = Login(metadata={"description": "A correction needs a reason"})
    discipline = fields.String(validate=_discipline, metadata={"description": "A correction needs a reason"})
    clinic_ids = fields.List(fields.UUID(), validate=validate.Length(1, 50))
    active = fields.Boolean()


class ProviderAnswer(ProviderBody):
    id = fields.UUID()
    active = fields.Boolean()


class Stretch(Loaded):
    into = hours.WorkingHours

    weekday = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, 6), metadata={"description": WEEKDAY}
    )
    start = WallTime(required=True)
    end = WallTime(required=True)
    clinic_id = fields.UUID(required=True)
    valid_from = Day(
        load_default=None,
        allow_none=True,
        metadata={"description": "The first local day on which these hours apply, if there is one"},
    )
    valid_to = Day(
        load_default=None,
        allow_none=True,
        metadata={"description": "The last local day on which these hours apply, if there is one"},
    )

    @post_dump
    def _without_limits_that_are_not_set(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None}

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data["end"] != time(0) and data["end"] <= data["start"]:
            raise ValidationError("Must be after the start.", "end")
        if data["valid_from"] and data["valid_to"] and data["valid_to"] < data["valid_from"]:
            raise ValidationError("Must not be before valid_from.", "valid_to")


class WorkingHours(Loaded):
    into = setup.SetWorkingHours

    items = fields.List(fields.Nested(Stretch()), required=True, validate=validate.Length(0, 100))


class ServiceTypeBody(Loaded):
    into = setup.AddServiceType

    code = code()
    name_en = Name(required=True)
    name_ar = Name(required=True)
    discipline = fields.String(required=True, validate=_discipline)
    default_duration_minutes = fields.Integer(required=True, strict=True, validate=_minutes)
    buffer_before_minutes = fields.Integer(load_default=0, strict=True, validate=_buffer)
    buffer_after_minutes = fields.Integer(load_default=0, strict=True, validate=_buffer)


class ServiceTypePatch(Loaded):
    into = setup.ChangeServiceType

    name_en = Name()
    name_ar = Name()
    default_duration_minutes = fields.Integer(strict=True, validate=_minutes)
    buffer_before_minutes = fields.Integer(strict=True, validate=_buffer)
    buffer_after_minutes = fields.Integer(strict=True, validate=_buffer)
    active = fields.Boolean()


class ServiceTypeAnswer(ServiceTypeBody):
    id = fields.UUID()
    active = fields.Boolean()


class Discipline(Schema):
    code = fields.String()
    name_en = fields.String()
    name_ar = fields.String()


class RoomArgs(PageArgs):
    into = setup.FindRooms

    clinic_id = fields.UUID(load_default=None)


class TimeOffBody(Loaded):
    into = absences.AddTimeOff

    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    reason = FreeText(max=500, allow_none=True, load_default=None)

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Must be after the start.", "ends_at")


class Affected(Schema):
    id = fields.UUID()
    session_number = fields.String()
    starts_at = Instant()
    ends_at = Instant()


class TimeOffAnswer(Answer, TimeOffBody):
    id = fields.UUID()
    provider_id = fields.UUID()
    reason = restricted(ABSENCE, FreeText(allow_none=True))
    created_at = Instant()
    created_by = fields.String()
    affected_sessions = fields.List(
        fields.Nested(Affected()),
        metadata={"description": "The live sessions that the absence affects. They stay as they are"},
    )


class ClosureBody(Loaded):
    into = absences.AddClosure

    clinic_id = fields.UUID(allow_none=True, load_default=None, metadata={"description": "Every clinic if absent"})
    kind = fields.String(load_default="CLOSURE", validate=validate.OneOf(CLOSURE_KINDS))
    name_en = Name(required=True)
    name_ar = Name(required=True)
    starts_on = Day(required=True, metadata={"description": "The first local day"})
    ends_on = Day(required=True, metadata={"description": "The last local day"})

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data["ends_on"] < data["starts_on"]:
            raise ValidationError("Must not be before starts_on.", "ends_on")


class ClosureAnswer(ClosureBody):
    id = fields.UUID()
    created_at = Instant()
    created_by = fields.String()
    affected_sessions = fields.List(
        fields.Nested(Affected()),
        metadata={"description": "The live sessions that the closure affects. They stay as they are"},
    )


class SettingsBody(Loaded):
    into = setup.PutSettings

    no_show_grace_minutes = fields.Integer(required=True, strict=True, validate=validate.Range(0, 1440))
    offer_minutes = fields.Integer(required=True, strict=True, validate=validate.Range(5, 10080))
    decision_lead_hours = fields.Integer(required=True, strict=True, validate=validate.Range(0, 720))
    make_up_no_shows = fields.Boolean(
        load_default=DEFAULT_SETTINGS["make_up_no_shows"],
        metadata={"description": "Whether a session of a package that the patient missed is to be made up for"},
    )
    early_start_minutes = fields.Integer(
        load_default=DEFAULT_SETTINGS["early_start_minutes"],
        strict=True,
        validate=validate.Range(0, 240),
        metadata={"description": "How many minutes before its start a session may be started"},
    )


class SettingsAnswer(SettingsBody):
    """The settings in force, which are the tenant's own or the defaults."""
