"""The shapes of requests and answers about patients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Day, Instant, Name, Pattern, Value
from jalsa.service.commands import Loaded
from jalsa.service.policy import Principal, Readers
from patient_files import policy
from patient_files.http.rights import right_to
from patient_files.http.schemas.contacts import Email, PhoneNumber
from patient_files.http.schemas.guardians import CurrentGuardian, GuardianBody
from patient_files.http.schemas.identity import (
    BirthAnswer,
    BirthBody,
    Country,
    CurrentIdentifier,
    DateOfBirth,
    IdentifierBody,
    NamePart,
    NationalId,
)
from patient_files.patients.commands import (
    FindPatients,
    GivenMother,
    GivenPhone,
    IdentifyPatient,
    RegisterPatient,
    UpdatePatient,
)
from patient_files.patients.rules import phones, records
from patient_files.patients.rules.guardians import TELLS
from patient_files.patients.rules.names import IDENTITY_STATUSES, KNOWN
from patient_files.patients.rules.records import LANGUAGES, SEXES

F = TypeVar("F", bound=fields.Field[Any])

_sex = validate.OneOf(SEXES)
_SEX = {"description": "M: male, F: female, U: unknown"}
_language = validate.OneOf(LANGUAGES)
_status = validate.OneOf(IDENTITY_STATUSES)


@dataclass(frozen=True)
class RecordReaders(Readers):
    """Readers of a restricted record, beside whom those who treat the patient or hold a grant read it as well."""

    def include(self, principal: Principal, record: Mapping[str, object]) -> bool:
        """Whether the caller reads the field of this record, which has the patient's `id`."""
        if super().include(principal, record):
            return True
        return right_to(UUID(str(record["id"]))) is not None


_WHOLE = RecordReaders(policy.WHOLE_RECORD.roles, only_if=policy.WHOLE_RECORD.only_if)
_TELEPHONES = RecordReaders(policy.TELEPHONES.roles, only_if=policy.TELEPHONES.only_if)


def _private(field: F) -> F:
    """What of a restricted record is not for everybody."""
    return restricted(_WHOLE, field)


def _telephone(field: F) -> F:
    """What of a restricted record the front desk needs as well."""
    return restricted(_TELEPHONES, field)


class PhoneBody(Loaded):
    """A telephone number."""

    number = PhoneNumber(required=True)
    label = Name(max=60, allow_none=True, load_default=None)

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> GivenPhone:
        return GivenPhone(phone=data["number"], label=data["label"])


class PhoneAnswer(Schema):
    number = fields.String()
    number_type = fields.String(validate=validate.OneOf(phones.NUMBER_TYPES))
    label = fields.String(allow_none=True)


class MotherBody(Loaded):
    """The mother of a newborn."""

    into = GivenMother

    patient_id = fields.UUID(allow_none=True, load_default=None)
    name_en = NamePart(load_default=None)
    name_ar = NamePart(load_default=None)


class MotherAnswer(Schema):
    patient_id = fields.UUID(allow_none=True)
    name_en = fields.String(allow_none=True)
    name_ar = fields.String(allow_none=True)


class _Named(Loaded):
    """The parts of a name."""

    first_name_en = NamePart()
    father_name_en = NamePart()
    grandfather_name_en = NamePart()
    last_name_en = NamePart()
    first_name_ar = NamePart()
    father_name_ar = NamePart()
    grandfather_name_ar = NamePart()
    last_name_ar = NamePart()


class _Identified(_Named):
    """Who somebody is. DESIGN's plain field and its fuller form say the same, and only one of the two is given."""

    birth = fields.Nested(BirthBody())
    date_of_birth = DateOfBirth()
    nationality = Country(allow_none=True)

    @validates_schema
    def _check_forms(self, data: dict[str, Any], **_: Any) -> None:
        for plain, full in (("date_of_birth", "birth"), ("phone", "phones")):
            if data.get(plain) is not None and data.get(full) is not None:
                raise ValidationError("Both forms are given. One of them is enough.", full)


def _phones() -> fields.List[Any]:
    most = validate.Length(max=phones.MOST)
    return fields.List(fields.Nested(PhoneBody()), validate=most)


def _identifiers() -> fields.List[Any]:
    most = validate.Length(max=records.MOST_IDENTIFIERS)
    return fields.List(fields.Nested(IdentifierBody()), validate=most)


class OverrideBody(Schema):
    """Why the person is somebody else than the certain candidates."""

    reason = Name(max=500, required=True)


class PatientBody(_Identified):
    """A registration. A patient whose identity is known needs one part of the name in one script."""

    national_id = NationalId(allow_none=True, load_default=None, metadata={"description": "Unique within the tenant"})
    identifiers = _identifiers()
    sex = fields.String(required=True, validate=_sex, metadata=_SEX)
    phone = PhoneNumber(allow_none=True, load_default=None, metadata={"description": "Answered as E.164"})
    phones = _phones()
    email = Email(allow_none=True, load_default=None)
    preferred_language = fields.String(required=True, validate=_language)
    identity_status = fields.String(load_default=KNOWN, validate=_status)
    mother = fields.Nested(MotherBody(), allow_none=True, load_default=None)
    birth_order = fields.Integer(
        strict=True, allow_none=True, load_default=None, validate=validate.Range(1, records.MOST_BIRTH_ORDER)
    )
    guardians = fields.List(
        fields.Nested(GuardianBody()), load_default=list, validate=validate.Length(max=records.MOST_GUARDIANS)
    )
    duplicate_override = fields.Nested(OverrideBody(), allow_none=True, load_default=None)

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> Any:
        return self.registration(data)

    def registration(self, data: dict[str, Any]) -> RegisterPatient:
        """The command of what was loaded."""
        phone, national_id, day = (data.pop(name, None) for name in ("phone", "national_id", "date_of_birth"))
        given = tuple(data.pop("phones", ())) or ((GivenPhone(phone=phone),) if phone else ())
        identifiers = (*((national_id,) if national_id else ()), *data.pop("identifiers", ()))
        guardians = tuple(data.pop("guardians"))
        birth = data.pop("birth", None) or day
        override = data.pop("duplicate_override")
        return RegisterPatient(
            **data,
            phones=given,
            identifiers=identifiers,
            guardians=guardians,
            birth=birth,
            duplicate_override=override["reason"] if override else None,
        )


class PatientPatch(_Identified):
    """A change. What tells a patient from others, and whether the record is restricted, takes a reason."""

    phone = PhoneNumber(allow_none=True)
    phones = _phones()
    email = Email(allow_none=True)
    preferred_language = fields.String(validate=_language)
    active = fields.Boolean()
    sex = fields.String(validate=_sex, metadata=_SEX)
    national_id = NationalId(allow_none=True)
    deceased_on = Day(allow_none=True)
    restricted = fields.Boolean()
    reason = Name(max=500)

    @validates_schema
    def _check_reason(self, data: dict[str, Any], **_: Any) -> None:
        explained = {"birth", "date_of_birth", "sex", "national_id", "nationality", "deceased_on", "restricted"}
        if explained & data.keys() and "reason" not in data:
            raise ValidationError("Missing data for required field.", "reason")

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> UpdatePatient:
        return UpdatePatient(**_with_birth(data, "phones"))


class IdentifyBody(_Identified):
    """Who somebody is who was registered as a newborn or as unknown."""

    sex = fields.String(validate=_sex, metadata=_SEX)
    national_id = NationalId(allow_none=True, load_default=None)
    identifiers = _identifiers()
    reason = Name(max=500, required=True)

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> IdentifyPatient:
        national_id = data.pop("national_id")
        data["identifiers"] = (*((national_id,) if national_id else ()), *data.get("identifiers", ()))
        return IdentifyPatient(**_with_birth(data, "identifiers"))


def _with_birth(data: dict[str, Any], listed: str) -> dict[str, Any]:
    """The fields of a command: a birth in one form, and what is listed as a tuple."""
    day = data.pop("date_of_birth", None)
    birth = {"birth": data.get("birth") or day} if day or "birth" in data else {}
    return {**data, **birth, **({listed: tuple(data[listed])} if listed in data else {})}


class FileReference(Schema):
    id = fields.UUID()
    file_number = fields.String()


class PatientAnswer(Answer):
    """A patient. Of a restricted record, most is for a few only."""

    id = fields.UUID()
    file = fields.Nested(FileReference())
    name_en = fields.String()
    name_ar = fields.String()
    first_name_en = fields.String(allow_none=True)
    father_name_en = fields.String(allow_none=True)
    grandfather_name_en = fields.String(allow_none=True)
    last_name_en = fields.String(allow_none=True)
    first_name_ar = fields.String(allow_none=True)
    father_name_ar = fields.String(allow_none=True)
    grandfather_name_ar = fields.String(allow_none=True)
    last_name_ar = fields.String(allow_none=True)
    identity_status = fields.String(validate=_status)
    mother = _private(fields.Nested(MotherAnswer(), allow_none=True))
    birth_order = _private(fields.Integer(allow_none=True))
    national_id = _private(fields.String(allow_none=True))
    identifiers = _private(fields.List(fields.Nested(CurrentIdentifier()), allow_none=True))
    nationality = _private(fields.String(allow_none=True))
    date_of_birth = _private(fields.Date(allow_none=True))
    birth = _private(fields.Nested(BirthAnswer(), allow_none=True))
    sex = _private(fields.String(allow_none=True, validate=_sex, metadata=_SEX))
    phone = _telephone(fields.String(allow_none=True, metadata={"description": "E.164"}))
    phone_type = _telephone(fields.String(allow_none=True))
    phones = _telephone(fields.List(fields.Nested(PhoneAnswer()), allow_none=True))
    email = _private(fields.String(allow_none=True))
    preferred_language = fields.String(validate=_language)
    guardians = _private(fields.List(fields.Nested(CurrentGuardian()), allow_none=True))
    tell = _private(fields.String(allow_none=True, validate=validate.OneOf(TELLS)))
    deceased_on = _private(fields.Date(allow_none=True))
    active = fields.Boolean()
    alert = fields.Boolean()
    restricted = fields.Boolean()
    created_at = Instant()


class PatientArgs(PageArgs):
    """No search by name or contact here: a URL is logged on its way, and a patient's data must not be."""

    into = FindPatients

    file_number = Value(load_default=None, validate=Pattern(r"^FILE-[0-9]{4}-[0-9]{6,9}$", error="Not a file number."))
