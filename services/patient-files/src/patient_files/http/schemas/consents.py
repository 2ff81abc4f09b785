"""The shapes of requests and answers about consents."""

from marshmallow import fields, validate

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import FreeText, Instant, Name, PlainDate, state
from jalsa.service.commands import Loaded
from patient_files.consents.commands import FindConsents, GiveConsent, RevokeConsent
from patient_files.consents.rules import CONSENT, CONSENT_TYPES, LATEST_EXPIRY
from patient_files.policy import CARE

_consent_type = validate.OneOf(CONSENT_TYPES)


class ConsentBody(Loaded):
    into = GiveConsent

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


class RevokeBody(Loaded):
    into = RevokeConsent

    reason = FreeText(max=500, allow_none=True, load_default=None)


class ConsentArgs(PageArgs):
    into = FindConsents

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
