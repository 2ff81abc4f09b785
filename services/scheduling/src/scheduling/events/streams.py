"""The few fields that scheduling reads of what the others publish."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from marshmallow import fields

from jalsa.events.contracts import Fields, Stream
from jalsa.service.commands import UNSET, Unset
from scheduling.domain import EndedConsent


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSaved:
    """A patient: PatientRegistered, PatientUpdated. Events of earlier versions say nothing of telephone and e-mail."""

    patient_id: UUID
    file_number: str
    active: bool
    phone: str | Unset | None = UNSET
    email: str | Unset | None = UNSET

    @property
    def reachable(self) -> bool | None:
        """Whether there is a telephone or an e-mail; None where the event says nothing of either."""
        contacts = [contact for contact in (self.phone, self.email) if contact is not UNSET]
        return any(contacts) if contacts else None


class PatientFields(Fields):
    into = PatientSaved

    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)
    # only whether there is one is kept
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)


class EndedFields(Fields):
    into = EndedConsent

    clinic_id = fields.UUID(required=True, allow_none=True)
    reason = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStandingChanged:
    """Whether a patient has consented to treatment everywhere, else in which clinics; and how consents ended."""

    patient_id: UUID
    consented: bool
    clinic_ids: Sequence[UUID]
    ended: Sequence[EndedConsent] = ()


class ConsentFields(Fields):
    into = ConsentStandingChanged

    patient_id = fields.UUID(required=True)
    consented = fields.Boolean(required=True)
    clinic_ids = fields.List(fields.UUID(), required=True)
    ended = fields.List(fields.Nested(EndedFields()), load_default=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancialClearanceChanged:
    """Whether billing has cleared an appointment, else why not."""

    appointment_id: UUID
    cleared: bool
    reason: str | None = None


class ClearanceFields(Fields):
    into = FinancialClearanceChanged

    appointment_id = fields.UUID(required=True)
    cleared = fields.Boolean(required=True)
    reason = fields.String(load_default=None)


STREAMS = (
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientFields(),
            "PatientUpdated.v1": PatientFields(),
            "ConsentStandingChanged.v1": ConsentFields(),
        },
        ignores=frozenset({"PatientsMerged.v1"}),
    ),
    Stream("billing", "clearance", reads={"FinancialClearanceChanged.v1": ClearanceFields()}),
)
