"""The events that scheduling publishes about the set-up, one function for each."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.events.outbox import publish
from scheduling.events import catalogue
from scheduling.models import Clinic, Provider


def clinic_saved(db: Session, clinic: Clinic, now: datetime) -> None:
    """Publish ClinicSaved."""
    publish(db, catalogue.CLINIC_SAVED, clinic.id, _clinic(clinic), now=now)


def provider_saved(db: Session, provider: Provider, now: datetime) -> None:
    """Publish ProviderSaved."""
    data = {
        "provider_id": provider.id,
        "user_id": provider.user_id,
        **names_of(provider),
        "discipline": provider.discipline,
        "clinic_ids": provider.clinic_ids,
        "active": provider.active,
    }
    publish(db, catalogue.PROVIDER_SAVED, provider.id, data, now=now)


def _clinic(clinic: Clinic) -> dict[str, object]:
    return {
        "clinic_id": clinic.id,
        "code": clinic.code,
        **names_of(clinic),
        "timezone": clinic.timezone,
        "active": clinic.active,
    }


def names_of(named: Clinic | Provider) -> dict[str, str]:
    """Return the names in English and Arabic."""
    return {"name_en": named.name_en, "name_ar": named.name_ar}
