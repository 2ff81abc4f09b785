"""The fields that scheduling reads from the events of other services."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jalsa.events.contracts import Stream
from jalsa.events.data import Data
from jalsa.service.commands import UNSET, Unset
from scheduling.domain import EndedConsent


class PatientSaved(Data):
    """A patient was registered or changed. Events of earlier versions do not contain telephone and e-mail."""

    patient_id: UUID
    file_number: str
    active: bool
    phone: str | Unset | None = UNSET
    email: str | Unset | None = UNSET

    @property
    def reachable(self) -> bool | None:
        """Whether the patient has a telephone number or an e-mail address, or None if the event has neither field."""
        contacts = [contact for contact in (self.phone, self.email) if contact is not UNSET]
        return any(contacts) if contacts else None


class ConsentStandingChanged(Data):
    """Whether a patient has consented to treatment everywhere, or in which clinics, and how former consents ended."""

    patient_id: UUID
    consented: bool
    clinic_ids: Sequence[UUID]
    ended: Sequence[EndedConsent] = ()


class PatientsMerged(Data):
    """A patient's record was merged into another one at an instant."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime


class PatientsUnmerged(Data):
    """A merged patient's record stands for itself again."""

    loser_id: UUID


class FinancialClearanceChanged(Data):
    """Whether billing has cleared an appointment, or else the reason why not."""

    appointment_id: UUID
    cleared: bool
    reason: str | None = None


STREAMS = (
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientSaved,
            "PatientUpdated.v1": PatientSaved,
            "ConsentStandingChanged.v1": ConsentStandingChanged,
            "PatientsMerged.v1": PatientsMerged,
            "PatientsUnmerged.v1": PatientsUnmerged,
        },
    ),
    Stream("billing", "clearance", reads={"FinancialClearanceChanged.v1": FinancialClearanceChanged}),
)
