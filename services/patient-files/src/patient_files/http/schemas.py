"""The shapes of patient files' requests and answers."""

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers
from marshmallow import Schema, ValidationError, fields, validate

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import FreeText, Instant, Name, Pattern, PlainDate, Value, state
from patient_files.domain import ACTIVE, CONSENT, CONSENT_TYPES, EARLIEST_BIRTH, LANGUAGES, LATEST_EXPIRY, SEXES
from patient_files.http.contacts import check_mailbox, check_price
from patient_files.policy import CARE

#: Where a number without a country code is dialled.
_REGION = "SA"
# nothing that the library would drop in silence: letters, extensions
_DIALLED = re.compile(r"[+\d(][\d ().-]{3,31}")


class Phone(Value):
    """A telephone number as it is dialled in Saudi Arabia, or international; loaded as E.164."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        dialled = super()._deserialize(value, attr, data, **kwargs)
        try:
            number = phonenumbers.parse(dialled, _REGION) if _DIALLED.fullmatch(dialled) else None
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_valid_number(number):
            raise ValidationError("Must be a telephone number, for example +966500000001.")
        check_price(number)
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class NationalId(Value):
    """An identity card's, residence permit's or passport's number: letters, digits and `-`; loaded in capitals."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        number = super()._deserialize(value, attr, data, **kwargs).upper()
        if not re.fullmatch(r"[A-Z0-9-]{4,20}", number):
            raise ValidationError("Must be 4 to 20 letters, digits or -.")
        return number


class Email(fields.Email, Value):
    """An address of visible ASCII: what every mail server takes, and nothing that could end a header."""

    def __init__(self, **kwargs: Any) -> None:
        visible = Pattern(r"^[!#-~]{3,254}$", error="Not a valid email address.")
        super().__init__(validate=[visible, check_mailbox], **kwargs)


_sex = validate.OneOf(SEXES)
_language = validate.OneOf(LANGUAGES)


class PatientBody(Schema):
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


class PatientPatch(Schema):
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


class PatientArgs(PageArgs):
    """No search by name or contact here: a URL is logged on its way, and a patient's data must not be."""

    file_number = Value(load_default=None, validate=Pattern(r"^FILE-[0-9]{4}-[0-9]{6,9}$", error="Not a file number."))


class SubFileAnswer(Schema):
    id = fields.UUID()
    sub_file_number = fields.String()
    clinic_id = fields.UUID()
    clinic_code = fields.String()
    assigned_provider_id = fields.UUID()
    status = fields.String(validate=validate.OneOf([ACTIVE]))
    opened_at = Instant()


class FileAnswer(Schema):
    id = fields.UUID()
    file_number = fields.String()
    patient_id = fields.UUID()
    opened_at = Instant()
    sub_files = fields.List(fields.Nested(SubFileAnswer()))


_consent_type = validate.OneOf(CONSENT_TYPES)


class ConsentBody(Schema):
    patient_id = fields.UUID(required=True)
    consent_type = fields.String(
        required=True, validate=_consent_type, metadata={"description": "TREATMENT is the one that check-in needs"}
    )
    clinic_id = fields.UUID(allow_none=True, load_default=None, metadata={"description": "Every clinic if absent"})
    signed_by = Name(required=True, metadata={"description": "The patient, or who may sign for the patient"})
    signed_at = Instant(required=True, metadata={"description": "Not in the future"})
    expires_on = PlainDate(
        allow_none=True,
        load_default=None,
        validate=validate.Range(max=LATEST_EXPIRY, error="Must not be after 2200."),
        metadata={"description": "The last day on which it is valid; not before the day of signing"},
    )


class RevokeBody(Schema):
    reason = FreeText(max=500, allow_none=True, load_default=None)


class ConsentArgs(PageArgs):
    patient_id = fields.UUID(load_default=None)
    consent_type = fields.String(load_default=None, validate=_consent_type)
    clinic_id = fields.UUID(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(CONSENT.states))


class ConsentAnswer(Answer):
    id = fields.UUID()
    patient_id = fields.UUID()
    consent_type = fields.String(validate=_consent_type)
    clinic_id = fields.UUID(allow_none=True)
    signed_by = fields.String()
    signed_at = Instant()
    expires_on = fields.Date(allow_none=True)
    status = state(CONSENT)
    revoked_at = Instant(allow_none=True)
    revoked_by = fields.String(allow_none=True)
    revoke_reason = restricted(CARE, fields.String(allow_none=True))
    created_at = Instant()
    created_by = fields.String()
