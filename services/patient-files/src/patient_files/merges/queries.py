"""The read side of merges."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from patient_files.merges import rules
from patient_files.merges.rules import Written
from patient_files.models import (
    Alert,
    AppointmentProjection,
    Consent,
    Encounter,
    Guardian,
    MainFile,
    PatientIdentifier,
    PatientMerge,
    SubFile,
)

#: How much of what was written between a merge and its undoing is answered.
MOST_TO_REVIEW = 500


def current_merge(db: Session, loser_id: UUID) -> PatientMerge | None:
    """The merge of a record that holds at present."""
    return db.scalar(select(PatientMerge).where(PatientMerge.loser_id == loser_id, PatientMerge.undone_at.is_(None)))


def counts(db: Session, patient_ids: Sequence[UUID]) -> dict[str, int]:
    """How many records name these ids, by their kind."""
    kinds = {
        rules.SUB_FILE: select(func.count(SubFile.id)).join(MainFile).where(MainFile.patient_id.in_(patient_ids)),
        rules.CONSENT: select(func.count(Consent.id)).where(Consent.patient_id.in_(patient_ids)),
        rules.APPOINTMENT: select(func.count(AppointmentProjection.id)).where(
            AppointmentProjection.patient_id.in_(patient_ids)
        ),
        rules.ENCOUNTER: select(func.count(Encounter.id)).where(Encounter.patient_id.in_(patient_ids)),
    }
    return {kind: db.scalar(query) or 0 for kind, query in kinds.items()}


def written_since(db: Session, patient_ids: Sequence[UUID], since: datetime) -> list[Written]:
    """What was written of these ids from an instant on, oldest first, one more than are answered at most."""
    queries = {
        rules.CONSENT: select(Consent.id, Consent.patient_id, Consent.created_at.label("at")),
        rules.REVOCATION: select(Consent.id, Consent.patient_id, Consent.revoked_at.label("at")),
        rules.SUB_FILE: select(SubFile.id, MainFile.patient_id, SubFile.opened_at.label("at")).join(MainFile),
        rules.ENCOUNTER: select(Encounter.id, Encounter.patient_id, Encounter.created_at.label("at")),
        rules.IDENTIFIER: select(
            PatientIdentifier.id, PatientIdentifier.patient_id, PatientIdentifier.created_at.label("at")
        ),
        rules.GUARDIAN: select(Guardian.id, Guardian.patient_id, Guardian.created_at.label("at")),
        rules.ALERT: select(Alert.id, Alert.patient_id, Alert.created_at.label("at")),
    }
    found = [_appointments(db, patient_ids, since)]
    for kind, query in queries.items():
        _, owner, at = query.selected_columns
        rows = db.execute(query.where(owner.in_(patient_ids), at >= since).order_by(at).limit(MOST_TO_REVIEW + 1))
        found.append([Written(kind, row.id, row.patient_id, row.at) for row in rows])
    return sorted((each for kind in found for each in kind), key=lambda each: (each.at, each.id))[: MOST_TO_REVIEW + 1]


def _appointments(db: Session, patient_ids: Sequence[UUID], since: datetime) -> list[Written]:
    """Those that were booked from an instant on, as their ids of version 7 tell: no time of booking is kept here."""
    booked = select(AppointmentProjection.id, AppointmentProjection.patient_id)
    booked = booked.where(AppointmentProjection.patient_id.in_(patient_ids))
    booked = booked.where(AppointmentProjection.id >= rules.first_id_of(since)).order_by(AppointmentProjection.id)
    return [
        Written(rules.APPOINTMENT, row.id, row.patient_id, datetime.fromtimestamp((row.id.int >> 80) / 1000, UTC))
        for row in db.execute(booked.limit(MOST_TO_REVIEW + 1))
        if row.id.version == 7
    ]
