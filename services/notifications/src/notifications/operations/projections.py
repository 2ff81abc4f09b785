"""What notifications keeps of patients, clinics and providers, as their owners announce it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.projections import save, save_if_unknown
from notifications.models import ClinicProjection, ProviderProjection
from notifications.operations import messages, notices


def save_clinic(db: Session, clinic_id: UUID, *, now: datetime, **values: Any) -> None:
    """Store or replace a clinic; where its zone was corrected, messages may have waited for the wrong hour."""
    before = db.get(ClinicProjection, clinic_id, with_for_update=True)
    save(db, ClinicProjection, clinic_id, values)
    if before is not None and before.timezone != values["timezone"]:
        messages.look_again(db, clinic_id, now=now)


def save_provider(db: Session, provider_id: UUID, user_id: str) -> None:
    """Store or replace a provider; where the login was corrected, the provider's notices go to the right one."""
    before = db.get(ProviderProjection, provider_id, with_for_update=True)
    wrong = before.user_id if before is not None and before.user_id != user_id else None
    save(db, ProviderProjection, provider_id, {"user_id": user_id})
    if wrong is not None:
        notices.hand_over(db, wrong, user_id)


def learn_of_clinic(db: Session, clinic: Mapping[str, Any], timezone: str) -> None:
    """Store the clinic that an event of an appointment, an offer or a package names, unless it is known."""
    names = {name: clinic[name] for name in ("name_en", "name_ar")}
    save_if_unknown(db, ClinicProjection, clinic["id"], {**names, "timezone": timezone})


def learn_of_provider(db: Session, provider: Mapping[str, Any]) -> None:
    """Store the provider that an event of an appointment or a package names, unless it is known."""
    save_if_unknown(db, ProviderProjection, provider["id"], {"user_id": provider["user_id"]})
