"""The schemas of the search for free times."""

from datetime import date, datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import PageArgs
from jalsa.http.fields import DayOrInstant, Instant, Name, WallTime
from jalsa.service.errors import Message
from scheduling.availability.commands import FindFreeTimes
from scheduling.domain import MAX_MINUTES
from scheduling.timetable.hours import PARTS_OF_DAY

MAX_DAYS = 92


class AvailabilityArgs(PageArgs):
    into = FindFreeTimes

    service_type = Name(max=20, required=True, metadata={"description": "A service type's code"})
    clinic_id = fields.UUID(load_default=None, metadata={"description": "Any clinic if absent"})
    provider_id = fields.UUID(
        load_default=None, metadata={"description": "Any provider of the service type's discipline if absent"}
    )
    room_required = fields.Boolean(
        load_default=False,
        metadata={"description": "Only times with a free room of the clinic, of which the first by name is chosen"},
    )
    room_id = fields.UUID(load_default=None, metadata={"description": "Only times at which this room is free"})
    patient_id = fields.UUID(
        load_default=None, metadata={"description": "Only times at which this patient has no other session"}
    )
    start = DayOrInstant(
        required=True,
        data_key="from",
        metadata={"description": "The earliest start. A date starts at the clinic's midnight"},
    )
    end = DayOrInstant(
        required=True,
        data_key="to",
        metadata={
            "description": f"An instant before which the slots start, or their last date. At most {MAX_DAYS} days later"
        },
    )
    duration_minutes = fields.Integer(
        validate=validate.Range(1, MAX_MINUTES), metadata={"description": "The service type's default if absent"}
    )
    part_of_day = fields.String(
        load_default=None,
        validate=validate.OneOf(PARTS_OF_DAY),
        metadata={"description": "When a slot starts by the clinic's clock: before 12:00, before 17:00, from 17:00"},
    )
    weekdays = fields.List(
        fields.Integer(validate=validate.Range(0, 6)),
        load_default=list,
        validate=validate.Length(0, 7),
        metadata={"description": "0 = Sunday … 6 = Saturday, any day if absent"},
    )
    step_minutes = fields.Integer(
        load_default=15,
        validate=validate.Range(5, 120),
        metadata={"description": "Minutes between the starts of slots, in the clinic's wall time from midnight on"},
    )

    @validates_schema
    def _in_order_and_near(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data["start"], data["end"]
        apart, slack = _apart(start, end)
        if apart < -slack:
            raise ValidationError("Must not be before `from`.", "to")
        if apart > timedelta(days=MAX_DAYS) + slack:
            raise ValidationError(Message("Must be at most {days} days after from.", days=MAX_DAYS), "to")


class SlotProvider(Schema):
    id = fields.UUID()
    name_en = fields.String()
    name_ar = fields.String()


class SlotRoom(Schema):
    id = fields.UUID()
    name = fields.String()


class SlotAnswer(Schema):
    """A slot. A booking of the slot uses its times and ids."""

    starts_at = Instant()
    ends_at = Instant()
    local_date = fields.Date(metadata={"description": "The local day of the start, in the clinic's time zone"})
    local_time = WallTime(metadata={"description": "The wall time of the start, in the clinic's time zone"})
    timezone = fields.String()
    duration_minutes = fields.Integer()
    service_type = fields.String()
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    provider = fields.Nested(SlotProvider())
    room_id = fields.UUID(allow_none=True)
    room = fields.Nested(SlotRoom(), allow_none=True, metadata={"description": "The free room, if one was requested"})


def _apart(start: date, end: date) -> tuple[timedelta, timedelta]:
    """Return how far two bounds are apart, and how inaccurate that is.

    The instants of a day depend on the clinic, so a day and an instant can only be compared to the day.
    """
    if isinstance(start, datetime) is isinstance(end, datetime):
        return end - start, timedelta(0)
    return _day(end) - _day(start), timedelta(days=1)


def _day(bound: date) -> date:
    return bound.date() if isinstance(bound, datetime) else bound
