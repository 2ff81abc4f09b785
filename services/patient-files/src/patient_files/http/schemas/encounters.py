"""The shapes of requests and answers about encounters."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from marshmallow import Schema, fields, validate

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import FreeText, Instant, Pattern, Value, state
from jalsa.service.commands import Loaded
from jalsa.service.policy import Principal, Readers
from patient_files.access.rules import ENCOUNTERS
from patient_files.encounters.commands import (
    CancelEncounter,
    Correct,
    FindEncounters,
    MergeEncounter,
    MoveOn,
    MoveToPatient,
    OpenEncounter,
    UpdateEncounter,
)
from patient_files.encounters.rules import (
    AMBULATORY,
    CLASSES,
    ENCOUNTER,
    MOST_BILLING_CODES,
    OPENED_AS,
    PLANNED,
    PRIORITIES,
    ROUTINE,
    SOURCES,
)
from patient_files.http.rights import right_in
from patient_files.policy import CARE, CLINICAL, CODES

F = TypeVar("F", bound=fields.Field[Any])


class ClinicalReaders(Readers):
    """Readers of what an encounter says of the patient's condition.

    Beside them, those who treat the patient or hold a grant for the patient's encounters read it as well.
    """

    def include(self, principal: Principal, record: Mapping[str, object]) -> bool:
        """Whether the caller reads the field of this record, which has the encounter's `patient_id`."""
        if super().include(principal, record):
            return True
        return right_in(ENCOUNTERS, UUID(str(record["patient_id"]))) is not None


_CLINICAL = ClinicalReaders(CLINICAL.roles, own=CLINICAL.own)


def _clinical(field: F) -> F:
    """What an encounter says of the patient's condition."""
    return restricted(_CLINICAL, field)


_class = validate.OneOf(CLASSES)
_priority = validate.OneOf(PRIORITIES)
_acuity = validate.Range(1, 5)


def _code(longest: int) -> Pattern:
    return Pattern(rf"^[!-~]{{1,{longest}}}$", error="Must be visible ASCII characters without blanks.")


class Code(Value):
    """A code of another system: visible ASCII characters without blanks."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(validate=_code(longest), **kwargs)


class BillingCode(Schema):
    system = Code(60, required=True)
    code = Code(30, required=True)
    quantity = fields.Integer(load_default=1, validate=validate.Range(1, 9999))
    modifiers = fields.List(Code(10), load_default=list, validate=validate.Length(max=10))
    primary = fields.Boolean(load_default=False)


class BillingCodeAnswer(Schema):
    system = fields.String()
    code = fields.String()
    quantity = fields.Integer()
    modifiers = fields.List(fields.String())
    primary = fields.Boolean()


def _billing_codes(**kwargs: Any) -> fields.Field[Any]:
    return fields.List(fields.Nested(BillingCode()), validate=validate.Length(max=MOST_BILLING_CODES), **kwargs)


def _measures(**kwargs: Any) -> fields.Field[Any]:
    return fields.Dict(keys=fields.String(validate=validate.Length(1, 100)), validate=validate.Length(max=50), **kwargs)


class EncounterBody(Loaded):
    into = OpenEncounter

    patient_id = fields.UUID(required=True)
    provider_id = fields.UUID(
        allow_none=True,
        load_default=None,
        metadata={"description": "The provider who is responsible; that of the appointment, or you, if absent"},
    )
    clinic_id = fields.UUID(
        allow_none=True, load_default=None, metadata={"description": "That of the appointment if absent"}
    )
    encounter_type = Code(30, required=True)
    encounter_class = fields.String(load_default=AMBULATORY, validate=_class)
    status = fields.String(load_default=PLANNED, validate=validate.OneOf(OPENED_AS))
    started_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "The arrival, or the planned start of one that is PLANNED; now if absent"},
    )
    location = FreeText(max=100, allow_none=True, load_default=None)
    room_number = FreeText(max=20, allow_none=True, load_default=None)
    appointment_id = fields.UUID(allow_none=True, load_default=None)
    admission_id = fields.UUID(allow_none=True, load_default=None)
    priority = fields.String(load_default=ROUTINE, validate=_priority)
    acuity_level = fields.Integer(allow_none=True, load_default=None, validate=_acuity)
    documentation_complete = fields.Boolean(
        load_default=False, metadata={"description": "For one without an appointment: else the notes say it"}
    )
    billable = fields.Boolean(load_default=True)
    billing_codes = _billing_codes(load_default=list)
    quality_measures = _measures(load_default=dict)
    chief_complaint = FreeText(max=4000, allow_none=True, load_default=None)
    reason_for_visit = FreeText(max=4000, allow_none=True, load_default=None)


class EncounterPatch(Loaded):
    into = UpdateEncounter

    provider_id = fields.UUID(allow_none=True)
    clinic_id = fields.UUID(allow_none=True)
    encounter_type = Code(30)
    encounter_class = fields.String(validate=_class)
    started_at = Instant()
    location = FreeText(max=100, allow_none=True)
    room_number = FreeText(max=20, allow_none=True)
    admission_id = fields.UUID(allow_none=True)
    priority = fields.String(validate=_priority)
    acuity_level = fields.Integer(allow_none=True, validate=_acuity)
    documentation_complete = fields.Boolean(metadata={"description": "Only of one without an appointment"})
    billable = fields.Boolean()
    billing_codes = _billing_codes()
    quality_measures = _measures()
    chief_complaint = FreeText(max=4000, allow_none=True)
    reason_for_visit = FreeText(max=4000, allow_none=True)


class MoveOnBody(Loaded):
    into = MoveOn

    at = Instant(allow_none=True, load_default=None)


class CancelBody(Loaded):
    into = CancelEncounter

    reason = FreeText(max=500, allow_none=True, load_default=None)


def _reason() -> fields.String:
    return FreeText(max=500, required=True, validate=validate.Length(min=1))


class CorrectBody(Loaded):
    into = Correct

    reason = _reason()


class MoveBody(Loaded):
    into = MoveToPatient

    patient_id = fields.UUID(required=True, metadata={"description": "The patient whose encounter it is"})
    reason = _reason()


class MergeBody(Loaded):
    into = MergeEncounter

    into_ = fields.UUID(
        required=True,
        data_key="into",
        attribute="into",
        metadata={"description": "The encounter as which it is read from now on"},
    )
    reason = _reason()


class EncounterArgs(PageArgs):
    into = FindEncounters

    ids = fields.List(
        fields.UUID(),
        load_default=None,
        validate=validate.Length(1, 200),
        metadata={"description": "Only these encounters: the parameter may be repeated"},
    )
    patient_id = fields.UUID(load_default=None)
    provider_id = fields.UUID(load_default=None)
    clinic_id = fields.UUID(load_default=None)
    appointment_id = fields.UUID(load_default=None)
    encounter_number = Value(load_default=None, validate=validate.Length(1, 80))
    status = fields.String(load_default=None, validate=validate.OneOf(ENCOUNTER.states))
    from_ = Instant(data_key="from", load_default=None, metadata={"description": "Started at this instant or later"})
    until = Instant(data_key="to", load_default=None, metadata={"description": "Started before this instant"})


class EncounterAnswer(Answer):
    id = fields.UUID()
    encounter_number = fields.String()
    patient_id = fields.UUID()
    provider_id = fields.UUID(allow_none=True)
    clinic_id = fields.UUID(allow_none=True)
    encounter_type = fields.String()
    encounter_class = fields.String(validate=_class)
    started_at = Instant()
    ended_at = Instant(allow_none=True)
    status = state(ENCOUNTER)
    location = fields.String(allow_none=True)
    room_number = fields.String(allow_none=True)
    appointment_id = fields.UUID(allow_none=True)
    admission_id = fields.UUID(allow_none=True)
    chief_complaint = _clinical(fields.String(allow_none=True))
    reason_for_visit = _clinical(fields.String(allow_none=True))
    text_version = fields.Integer()
    priority = fields.String(validate=_priority)
    acuity_level = _clinical(fields.Integer(allow_none=True))
    documentation_complete = fields.Boolean()
    signed_off = fields.Boolean()
    signed_by = fields.String(allow_none=True)
    signed_at = Instant(allow_none=True)
    billable = fields.Boolean()
    billing_codes = restricted(CODES, fields.List(fields.Nested(BillingCodeAnswer()), allow_none=True))
    quality_measures = _clinical(fields.Dict(allow_none=True))
    source = fields.String(validate=validate.OneOf(SOURCES))
    replaced_by = fields.UUID(allow_none=True)
    correction_reason = restricted(CARE, fields.String(allow_none=True))
    created_at = Instant()
    updated_at = Instant()
    created_by = fields.String()
