"""The few fields that scheduling reads of what the others publish."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jalsa.events.contracts import Stream
from jalsa.events.data import Data
from jalsa.service.commands import UNSET, Unset
from scheduling.domain import EndedConsent


class PatientSaved(Data):
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


class ConsentStandingChanged(Data):
    """Whether a patient has consented to treatment everywhere, else in which clinics; and how consents ended."""

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
    """Whether billing has cleared an appointment, else why not."""

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
