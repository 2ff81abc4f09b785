"""The shapes of scheduling's requests and answers."""

from datetime import time
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.web import PageArgs
from jalsa.web.fields import FreeText, Instant, Name, Zone, code
from scheduling.domain import DISCIPLINES, GROUP, INDIVIDUAL, MAX_GROUP, MAX_MINUTES, SESSION

_minutes = validate.Range(1, MAX_MINUTES)
_discipline = validate.OneOf(DISCIPLINES)
_places = validate.Range(1, MAX_GROUP)


class ClinicBody(Schema):
    code = code(10)
    name_en = Name(required=True)
    name_ar = Name(required=True)
    timezone = Zone(load_default="Asia/Riyadh")


class ClinicPatch(Schema):
    name_en = Name()
    name_ar = Name()
    active = fields.Boolean()


class ClinicAnswer(ClinicBody):
    id = fields.UUID()
    active = fields.Boolean()


class RoomBody(Schema):
    clinic_id = fields.UUID(required=True)
    name = Name(required=True)


class RoomPatch(Schema):
    name = Name()
    active = fields.Boolean()


class RoomAnswer(RoomBody):
    id = fields.UUID()
    active = fields.Boolean()


class ProviderBody(Schema):
    name_en = Name(required=True)
    name_ar = Name(required=True)
    user_id = Name(required=True)
    discipline = fields.String(required=True, validate=_discipline)
    clinic_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(1, 50))


class ProviderPatch(Schema):
    name_en = Name()
    name_ar = Name()
    clinic_ids = fields.List(fields.UUID(), validate=validate.Length(1, 50))
    active = fields.Boolean()


class ProviderAnswer(ProviderBody):
    id = fields.UUID()
    active = fields.Boolean()


class WallTime(fields.Time):
    """A wall time, `HH:MM`; 24:00, as an end, is written 00:00."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", **kwargs)


class Stretch(Schema):
    weekday = fields.Integer(required=True, strict=True, validate=validate.Range(0, 6))
    start = WallTime(required=True)
    end = WallTime(required=True)
    clinic_id = fields.UUID(required=True)

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data["end"] != time(0) and data["end"] <= data["start"]:
            raise ValidationError("Must be after the start.", "end")


class WorkingHours(Schema):
    items = fields.List(fields.Nested(Stretch()), required=True, validate=validate.Length(0, 100))


class ServiceTypeBody(Schema):
    code = code()
    name_en = Name(required=True)
    name_ar = Name(required=True)
    discipline = fields.String(required=True, validate=_discipline)
    default_duration_minutes = fields.Integer(required=True, strict=True, validate=_minutes)
    buffer_before_minutes = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, MAX_MINUTES))
    buffer_after_minutes = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, MAX_MINUTES))


class ServiceTypePatch(Schema):
    name_en = Name()
    name_ar = Name()
    default_duration_minutes = fields.Integer(strict=True, validate=_minutes)
    buffer_before_minutes = fields.Integer(strict=True, validate=validate.Range(0, MAX_MINUTES))
    buffer_after_minutes = fields.Integer(strict=True, validate=validate.Range(0, MAX_MINUTES))
    active = fields.Boolean()


class ServiceTypeAnswer(ServiceTypeBody):
    id = fields.UUID()
    active = fields.Boolean()


class _Place(Schema):
    """Where and when: what a session and an appointment both name."""

    clinic_id = fields.UUID(required=True)
    provider_id = fields.UUID(required=True)
    room_id = fields.UUID(allow_none=True)
    service_type = Name(max=20, required=True, metadata={"description": "A service type's code"})
    starts_at = Instant(required=True)
    duration_minutes = fields.Integer(
        strict=True, validate=_minutes, metadata={"description": "The service type's default if absent"}
    )


class SessionBody(_Place):
    session_type = fields.String(required=True, validate=validate.OneOf([INDIVIDUAL, GROUP]))
    max_capacity = fields.Integer(strict=True, validate=_places)
    min_participants = fields.Integer(strict=True, allow_none=True, validate=_places)
    group_notes = FreeText(allow_none=True)

    @validates_schema
    def _fits_its_type(self, data: dict[str, Any], **_: Any) -> None:
        if data["session_type"] == GROUP and "max_capacity" not in data:
            raise ValidationError("Required for a group session.", "max_capacity")
        if data["session_type"] == INDIVIDUAL and data.get("max_capacity", 1) != 1:
            raise ValidationError("An individual session has a capacity of 1.", "max_capacity")
        if (data.get("min_participants") or 1) > data.get("max_capacity", 1):
            raise ValidationError("Must not be more than the capacity.", "min_participants")


class AppointmentBody(_Place):
    patient_id = fields.UUID(required=True)
    notes = FreeText(allow_none=True, load_default=None)


class SessionAnswer(Schema):
    id = fields.UUID()
    session_number = fields.String()
    session_type = fields.String()
    status = fields.String()
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
    group_notes = fields.String(allow_none=True)
    current_capacity = fields.Integer(metadata={"description": "Live participants"})
    available_spots = fields.Integer()
    is_full = fields.Boolean()
    capacity_percentage = fields.Float()
    created_at = Instant()
    created_by = fields.String()
    cancelled_at = Instant(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    cancel_reason = fields.String(allow_none=True)


class ParticipantBody(Schema):
    patient_id = fields.UUID(required=True)
    notes = FreeText(allow_none=True, load_default=None)


class ParticipantPatch(Schema):
    notes = FreeText(allow_none=True)


class ParticipantAnswer(Schema):
    id = fields.UUID(metadata={"description": "`appointment_id` in the other services"})
    appointment_number = fields.String()
    patient_id = fields.UUID()
    status = fields.String()
    notes = fields.String(allow_none=True)
    finance_cleared = fields.Boolean()
    consent_verified = fields.Boolean()
    can_check_in = fields.Boolean()
    check_in_blockers = fields.List(fields.String())
    booked_at = Instant()
    booked_by = fields.String()
    confirmed_at = Instant(allow_none=True)
    cancelled_at = Instant(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    cancel_reason = fields.String(allow_none=True)
    session = fields.Nested(SessionAnswer())


class CancelBody(Schema):
    reason = FreeText(max=500, allow_none=True, load_default=None)


class RoomArgs(PageArgs):
    clinic_id = fields.UUID(load_default=None)


class SessionArgs(PageArgs):
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    session_type = fields.String(validate=validate.OneOf([INDIVIDUAL, GROUP]))
    service_type = Name(max=20)
    status = fields.String(validate=validate.OneOf(SESSION.states))
    starts_from = Instant(data_key="from")
    starts_before = Instant(data_key="to")
