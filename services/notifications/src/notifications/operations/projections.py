"""What notifications keeps of patients, clinics and providers, as their owners announce it."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.projections import save, save_if_unknown
from notifications.events import announced
from notifications.models import ClinicProjection, PatientProjection, ProviderProjection
from notifications.operations import messages, notices


def save_patient(db: Session, patient: announced.PatientSaved) -> None:
    """Store or replace how a patient can be reached."""
    values = {
        "active": patient.active,
        "language": patient.preferred_language,
        "phone": patient.phone,
        "email": patient.email,
    }
    save(db, PatientProjection, patient.patient_id, values)


def save_clinic(db: Session, clinic: announced.ClinicSaved, *, now: datetime) -> None:
    """Store or replace a clinic. Where its zone was corrected, messages may have waited for the wrong hour."""
    before = db.get(ClinicProjection, clinic.clinic_id, with_for_update=True)
    save(db, ClinicProjection, clinic.clinic_id, _clinic(clinic, clinic.timezone))
    if before is not None and before.timezone != clinic.timezone:
        messages.look_again(db, clinic.clinic_id, now=now)


def save_provider(db: Session, provider: announced.ProviderSaved) -> None:
    """Store or replace a provider. Where the login was corrected, the provider's notices go to the right one."""
    before = db.get(ProviderProjection, provider.provider_id, with_for_update=True)
    wrong = before.user_id if before is not None and before.user_id != provider.user_id else None
    save(db, ProviderProjection, provider.provider_id, {"user_id": provider.user_id})
    if wrong is not None:
        notices.hand_over(db, wrong, provider.user_id)


def learn_of_clinic(db: Session, clinic: announced.AnnouncedClinic, timezone: str) -> None:
    """Store the clinic that an event of an appointment, an offer or a package names, unless it is known."""
    save_if_unknown(db, ClinicProjection, clinic.id, _clinic(clinic, timezone))


def learn_of_provider(db: Session, provider: announced.AnnouncedProvider) -> None:
    """Store the provider that an event of an appointment or a package names, unless it is known."""
    save_if_unknown(db, ProviderProjection, provider.id, {"user_id": provider.user_id})


def _clinic(named: announced.ClinicSaved | announced.AnnouncedClinic, timezone: str) -> dict[str, str]:
    return {"name_en": named.name_en, "name_ar": named.name_ar, "timezone": timezone}
