"""What is published of consents."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.events.outbox import publish
from patient_files.consents.rules import Standing
from patient_files.events import catalogue


def consent_standing_changed(
    db: Session, patient_id: UUID, standing: Standing, ended: Mapping[UUID | None, str], now: datetime
) -> None:
    """Publish ConsentStandingChanged; `ended` says how consents ended, by their clinic, the latest last."""
    data: dict[str, object] = {
        "patient_id": patient_id,
        "consented": standing.consented,
        "clinic_ids": standing.clinic_ids,
        "changed_at": now,
    }
    if ended:
        data["ended"] = [{"clinic_id": clinic_id, "reason": reason} for clinic_id, reason in ended.items()]
    publish(db, catalogue.CONSENT_STANDING_CHANGED, patient_id, data, now=now)
