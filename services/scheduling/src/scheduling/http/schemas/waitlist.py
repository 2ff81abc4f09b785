"""The schemas of the waitlist."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Day, FreeText, Instant, Name, state
from jalsa.service.commands import Loaded
from scheduling.domain import ATTENTION, ENTRY
from scheduling.http.schemas.sessions import OVER_ABSENCES, Override
from scheduling.policy import CARE
from scheduling.timetable.hours import PARTS_OF_DAY
from scheduling.waitlist.commands import AcceptOffer, AddEntry, ChangeEntry, FindEntries

_PRIORITY = {"description": "1 (most urgent) to 5"}


class _Wishes(Loaded):
    """The restrictions of an entry for a service type, in the clinic's wall time. An absent field means any."""

    clinic_id = fields.UUID(allow_none=True)
    provider_id = fields.UUID(allow_none=True)
    weekdays = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, 6)),
        validate=validate.Length(max=7),
        metadata={"description": "0 = Sunday … 6 = Saturday, empty for any day"},
    )
    part_of_day = fields.String(
        allow_none=True,
        validate=validate.OneOf(PARTS_OF_DAY),
        metadata={
            "description": "The part of the day in which the session starts: before 12:00, 12:00 to 17:00, from 17:00"
        },
    )
    from_date = Day(allow_none=True)
    until_date = Day(
        allow_none=True, metadata={"description": "The last local day, included. The entry lapses after it"}
    )


class WaitlistBody(_Wishes):
    into = AddEntry

    patient_id = fields.UUID(required=True)
    session_id = fields.UUID(metadata={"description": "The only session that the patient waits for"})
    service_type = Name(
        max=20, metadata={"description": "The code of the service type, any session of which the patient waits for"}
    )
    priority = fields.Integer(strict=True, load_default=3, validate=validate.Range(1, 5), metadata=_PRIORITY)
    notes = FreeText(allow_none=True, load_default=None)

    @validates_schema
    def _waits_for_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        if ("session_id" in data) == ("service_type" in data):
            raise ValidationError("Either session_id or service_type is required, not both.", "session_id")
        wishes = sorted(set(_Wishes().fields) & set(data))
        if "session_id" in data and wishes:
            raise ValidationError("Only an entry for a service type can have preferences.", wishes[0])


class WaitlistPatch(_Wishes):
    into = ChangeEntry

    priority = fields.Integer(strict=True, validate=validate.Range(1, 5), metadata=_PRIORITY)
    notes = FreeText(allow_none=True)


class AcceptBody(Loaded):
    into = AcceptOffer

    override = fields.Nested(Override(), metadata=OVER_ABSENCES)


class OfferAnswer(Schema):
    """A spot that is held for an entry, with the place and time of its session."""

    id = fields.UUID()
    session_id = fields.UUID()
    session_number = fields.String()
    starts_at = Instant()
    ends_at = Instant()
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    offered_at = Instant()
    expires_at = Instant(metadata={"description": "Until when the spot is held"})


class WaitlistEntryAnswer(Answer):
    id = fields.UUID()
    patient_id = fields.UUID()
    session_id = fields.UUID(allow_none=True)
    service_type = fields.String()
    clinic_id = fields.UUID(allow_none=True)
    provider_id = fields.UUID(allow_none=True)
    weekdays = fields.List(fields.Integer(), metadata={"description": "0 = Sunday … 6 = Saturday, empty for any day"})
    part_of_day = fields.String(allow_none=True)
    from_date = fields.Date(allow_none=True)
    until_date = fields.Date(allow_none=True)
    priority = fields.Integer()
    notes = restricted(CARE, fields.String(allow_none=True))
    status = state(
        ENTRY,
        metadata={
            "description": (
                "ACCEPTED if the offered spot was taken. FULFILLED if the patient was booked in another way, "
                "into the session itself or into one that meets all wishes of the entry"
            )
        },
    )
    created_at = Instant()
    created_by = fields.String()
    closed_at = Instant(allow_none=True)
    closed_by = fields.String(allow_none=True)
    offer = fields.Nested(OfferAnswer(), allow_none=True, metadata={"description": "The open offer, or null"})
    passed_over_at = Instant(
        allow_none=True,
        metadata={"description": "When a free spot was last not offered, because the patient could not be contacted"},
    )
    passed_over_session_id = fields.UUID(allow_none=True, metadata={"description": "The session with that spot"})
    attention = fields.String(
        validate=validate.OneOf(ATTENTION),
        allow_none=True,
        metadata={
            "description": (
                "`unreachable` if the entry was passed over and the patient still has neither a telephone "
                "number nor an e-mail address. The front desk books the patient or asks for a number"
            )
        },
    )


class WaitlistArgs(PageArgs):
    into = FindEntries

    session_id = fields.UUID()
    service_type = Name(max=20)
    clinic_id = fields.UUID()
    patient_id = fields.UUID()
    status = fields.String(validate=validate.OneOf(ENTRY.states))
    attention = fields.String(
        validate=validate.OneOf(ATTENTION),
        metadata={"description": "Only entries that the front desk must handle, by reason"},
    )
