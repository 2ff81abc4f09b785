"""The shapes of requests and answers about patients."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from jalsa.http import PageArgs
from jalsa.http.fields import Instant, Name, Pattern, PlainDate, Value
from jalsa.service.commands import Loaded
from patient_files.http.schemas.contacts import Email, Phone
from patient_files.patients.commands import FindPatients, RegisterPatient, UpdatePatient
from patient_files.patients.rules import EARLIEST_BIRTH, LANGUAGES, SEXES


class NationalId(Value):
    """An identity card's, residence permit's or passport's number: letters, digits and `-`; loaded in capitals."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        number = super()._deserialize(value, attr, data, **kwargs).upper()
        if not re.fullmatch(r"[A-Z0-9-]{4,20}", number):
            raise ValidationError("Must be 4 to 20 letters, digits or -.")
        return number


_sex = validate.OneOf(SEXES)
_language = validate.OneOf(LANGUAGES)


class PatientBody(Loaded):
    into = RegisterPatient

    first_name_en = Name(required=True)
    last_name_en = Name(required=True)
    first_name_ar = Name(allow_none=True, load_default=None)
    last_name_ar = Name(allow_none=True, load_default=None)
    national_id = NationalId(allow_none=True, load_default=None, metadata={"description": "Unique within the tenant"})
    date_of_birth = PlainDate(
        required=True,
        validate=validate.Range(min=EARLIEST_BIRTH, error="Must not be before 1900."),
        metadata={"description": "Not in the future"},
    )
    sex = fields.String(required=True, validate=_sex, metadata={"description": "M: male, F: female"})
    phone = Phone(allow_none=True, load_default=None, metadata={"description": "Answered as E.164"})
    email = Email(allow_none=True, load_default=None)
    preferred_language = fields.String(required=True, validate=_language)


class PatientPatch(Loaded):
    into = UpdatePatient

    first_name_en = Name()
    last_name_en = Name()
    first_name_ar = Name(allow_none=True)
    last_name_ar = Name(allow_none=True)
    phone = Phone(allow_none=True)
    email = Email(allow_none=True)
    preferred_language = fields.String(validate=_language)
    active = fields.Boolean()


class FileReference(Schema):
    id = fields.UUID()
    file_number = fields.String()


class PatientAnswer(Schema):
    id = fields.UUID()
    file = fields.Nested(FileReference())
    first_name_en = fields.String()
    last_name_en = fields.String()
    first_name_ar = fields.String(allow_none=True)
    last_name_ar = fields.String(allow_none=True)
    national_id = fields.String(allow_none=True)
    date_of_birth = fields.Date()
    sex = fields.String(validate=_sex, metadata={"description": "M: male, F: female"})
    phone = fields.String(allow_none=True, metadata={"description": "E.164"})
    email = fields.String(allow_none=True)
    preferred_language = fields.String(validate=_language)
    active = fields.Boolean()
    created_at = Instant()
    merged_into = fields.UUID(
        allow_none=True, metadata={"description": "The record into which this one was merged; null if it was not"}
    )


class PatientArgs(PageArgs):
    """No search by name or contact here: a URL is logged on its way, and a patient's data must not be."""

    into = FindPatients

    file_number = Value(load_default=None, validate=Pattern(r"^FILE-[0-9]{4}-[0-9]{6,9}$", error="Not a file number."))
