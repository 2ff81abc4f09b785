"""A patient in a few fields, as lists and candidates show them."""

from marshmallow import fields, validate

from jalsa.http import Answer, restricted
from patient_files import policy
from patient_files.http.schemas.identity import BirthAnswer
from patient_files.http.schemas.patients import RecordReaders
from patient_files.patients.rules.records import SEXES

_WHOLE = RecordReaders(policy.WHOLE_RECORD.roles, only_if=policy.WHOLE_RECORD.only_if)
_TELEPHONES = RecordReaders(policy.TELEPHONES.roles, only_if=policy.TELEPHONES.only_if)


class PatientSummary(Answer):
    """A patient among others. Of a restricted record everybody reads the names."""

    id = fields.UUID()
    survivor_id = fields.UUID(allow_none=True)
    file_number = fields.String()
    name_en = fields.String()
    name_ar = fields.String()
    birth = restricted(_WHOLE, fields.Nested(BirthAnswer(), allow_none=True))
    sex = restricted(
        _WHOLE,
        fields.String(
            allow_none=True,
            validate=validate.OneOf(SEXES),
            metadata={"description": "M: male, F: female, U: unknown"},
        ),
    )
    phone = restricted(_TELEPHONES, fields.String(allow_none=True, metadata={"description": "E.164"}))
    alert = fields.Boolean()
    restricted = fields.Boolean()
