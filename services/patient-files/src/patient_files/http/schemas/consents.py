"""The shapes of requests and answers about consents."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Day, FreeText, Instant, Name, Pattern, PlainDate, state
from jalsa.service.commands import Loaded
from patient_files.consents import rules
from patient_files.consents.commands import (
    AddConsentType,
    ChangeConsentType,
    FindConsents,
    FindDueConsents,
    GiveConsent,
    RevokeConsent,
    Signer,
    WriteWording,
)
from patient_files.policy import CARE

_CODE = Pattern(r"^[A-Z][A-Z0-9_-]{0,29}$", error="Must be capital letters, digits, - or _.")
_language = validate.OneOf(rules.LANGUAGES)
_validity = validate.Range(1, 36_500, error="Must be 1 to 36500 days.")
#: Two languages of the longest text, each letter of which may take three bytes.
MAX_WORDING_BYTES = 256 * 1024


def _code(value: str) -> None:
    """Refuse what is no code. The document names no pattern where an earlier one listed the codes themselves."""
    _CODE(value)


class SignerBody(Loaded):
    into = Signer

    kind = fields.String(required=True, validate=validate.OneOf((rules.PATIENT, rules.GUARDIAN)))
    guardian_id = fields.UUID(allow_none=True, load_default=None)

    @validates_schema
    def _one_signer(self, data: dict[str, Any], **_: Any) -> None:
        if (data["kind"] == rules.GUARDIAN) != (data["guardian_id"] is not None):
            raise ValidationError("Must be given for a guardian, and for nobody else.", "guardian_id")


class ConsentBody(Loaded):
    into = GiveConsent

    patient_id = fields.UUID(required=True)
    consent_type = fields.String(
        required=True,
        validate=_code,
        metadata={"description": "A code of GET /consent-types; TREATMENT is the one that check-in needs"},
    )
    clinic_id = fields.UUID(allow_none=True, load_default=None, metadata={"description": "Every clinic if absent"})
    signed_by = Name(required=True, metadata={"description": "The patient, or who may sign for the patient"})
    signed_at = Instant(required=True, metadata={"description": "At most 5 minutes ahead, which is stored as now"})
    expires_on = PlainDate(
        allow_none=True,
        load_default=None,
        validate=validate.Range(max=rules.LATEST_EXPIRY, error="Must not be after 2200."),
        metadata={
            "description": "The last day on which it is valid; not before the day of signing, and not after the last "
            "one that the type allows, which it is if absent"
        },
    )
    wording_id = fields.UUID(allow_none=True, load_default=None, metadata={"description": "The wording that was shown"})
    language = fields.String(allow_none=True, load_default=None, validate=_language)
    signer = fields.Nested(SignerBody(), allow_none=True, load_default=None)
    method = fields.String(allow_none=True, load_default=None, validate=validate.OneOf(rules.METHODS))
    evidence = Name(max=500, allow_none=True, load_default=None)


class RevokeBody(Loaded):
    into = RevokeConsent

    reason = FreeText(max=500, allow_none=True, load_default=None)


class ConsentArgs(PageArgs):
    into = FindConsents

    patient_id = fields.UUID(load_default=None)
    consent_type = fields.String(load_default=None, validate=_code)
    clinic_id = fields.UUID(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(rules.CONSENT.states))


class DueArgs(PageArgs):
    into = FindDueConsents

    reason = fields.String(load_default=None, validate=validate.OneOf(rules.DUE))
    within_days = fields.Integer(load_default=30, validate=validate.Range(0, 366))


class SignerAnswer(Schema):
    kind = fields.String(validate=validate.OneOf(rules.SIGNERS))
    guardian_id = fields.UUID(allow_none=True)


class ConsentAnswer(Answer):
    id = fields.UUID()
    patient_id = fields.UUID()
    consent_type = fields.String()
    clinic_id = fields.UUID(allow_none=True)
    signed_by = fields.String()
    signed_at = Instant()
    expires_on = fields.Date(allow_none=True)
    wording_id = fields.UUID(allow_none=True)
    language = fields.String(allow_none=True, validate=_language)
    signer = fields.Nested(SignerAnswer())
    method = fields.String(allow_none=True, validate=validate.OneOf(rules.METHODS))
    evidence = fields.String(allow_none=True)
    status = state(rules.CONSENT)
    counts = fields.Boolean()
    counts_until = Instant(allow_none=True)
    counts_reason = fields.String(allow_none=True, validate=validate.OneOf(rules.ENDS))
    revoked_at = Instant(allow_none=True)
    revoked_by = fields.String(allow_none=True)
    revoke_reason = restricted(CARE, fields.String(allow_none=True))
    created_at = Instant()
    created_by = fields.String()


class DueConsentAnswer(ConsentAnswer):
    due_on = fields.Date()
    due_reason = fields.String(validate=validate.OneOf(rules.DUE))


class StandingAnswer(Schema):
    consent_type = fields.String()
    consented = fields.Boolean()
    clinic_ids = fields.List(fields.UUID())
    changes_at = Instant(allow_none=True)


class StandingsAnswer(Schema):
    patient_id = fields.UUID()
    standings = fields.List(fields.Nested(StandingAnswer()))


class ConsentTypeBody(Loaded):
    into = AddConsentType

    code = fields.String(required=True, validate=_CODE)
    name_en = Name(required=True)
    name_ar = Name(required=True)
    validity_days = fields.Integer(allow_none=True, load_default=None, validate=_validity)


class ConsentTypePatch(Loaded):
    into = ChangeConsentType

    name_en = Name()
    name_ar = Name()
    validity_days = fields.Integer(allow_none=True, validate=_validity)
    active = fields.Boolean()


class ConsentTypeAnswer(Schema):
    code = fields.String()
    name_en = fields.String()
    name_ar = fields.String()
    validity_days = fields.Integer(allow_none=True)
    active = fields.Boolean()


class WordingBody(Loaded):
    into = WriteWording

    text_en = FreeText(max=20_000, allow_none=True, load_default=None)
    text_ar = FreeText(max=20_000, allow_none=True, load_default=None)
    effective_on = Day(required=True)
    requires_resign = fields.Boolean(load_default=False)
    grace_days = fields.Integer(load_default=0, validate=validate.Range(0, 366))

    @validates_schema
    def _some_text(self, data: dict[str, Any], **_: Any) -> None:
        for name in ("text_en", "text_ar"):
            if data[name] is not None and not data[name].strip():
                raise ValidationError("Must contain a letter, a digit or a symbol.", name)
        if data["text_en"] is None and data["text_ar"] is None:
            raise ValidationError("A text in one language is needed.", "text_ar")


class WordingAnswer(Schema):
    id = fields.UUID()
    consent_type = fields.String(attribute="type")
    version = fields.Integer()
    text_en = fields.String(allow_none=True)
    text_ar = fields.String(allow_none=True)
    sha256 = fields.String()
    effective_on = fields.Date()
    requires_resign = fields.Boolean()
    grace_days = fields.Integer()
    status = state(rules.WORDING)
    created_at = Instant()
    created_by = fields.String()
    published_at = Instant(allow_none=True)
    published_by = fields.String(allow_none=True)
