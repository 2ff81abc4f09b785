"""The consents whose ends are reckoned again."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from patient_files.consents.rules import PATIENT, NewSignature, end_of_day
from patient_files.models import ClinicProjection, Consent, ConsentWording

# what ended days ago stays ended, whatever zone turns out to be the right one
_BEFORE = text("""
    SELECT c.* FROM consents c
    LEFT JOIN consent_wordings w ON w.id = c.wording_id
    LEFT JOIN unnest(CAST(:clinics AS uuid[]), CAST(:begins AS timestamptz[])) AS b (clinic_id, begins)
      ON b.clinic_id = c.clinic_id
    WHERE c.consent_type = :consent_type AND c.revoked_at IS NULL
      AND (c.ends_at IS NULL OR c.ends_at > :ended_before)
      AND (c.resign_through IS NULL OR c.resign_through > :through)
      AND CASE WHEN w.id IS NULL THEN c.signed_at < coalesce(b.begins, :begins_elsewhere)
               ELSE w.version < :version END
    ORDER BY c.id LIMIT :limit FOR UPDATE OF c
""")
_ENDED_FOR_GOOD = timedelta(days=2)


def zones_of_clinics(db: Session) -> dict[UUID, str]:
    """The IANA zone of each clinic of which it is known. None of them is corrected until the transaction ends."""
    known = select(ClinicProjection).where(ClinicProjection.timezone.is_not(None)).order_by(ClinicProjection.id)
    clinics = db.scalars(known.with_for_update(read=True)).all()
    return {clinic.id: clinic.timezone for clinic in clinics if clinic.timezone is not None}


def consents_before(
    db: Session, wording: ConsentWording, zones: Mapping[UUID, str], zone: str, *, now: datetime, limit: int
) -> Sequence[Consent]:
    """The next consents that end with the grace after a wording and do not know it yet, locked in the order of ids.

    They were given to an earlier wording; or to none that is known, before the day from which this one holds, by the
    clinic's zone or, for every clinic, by `zone`.
    """
    demand = NewSignature(wording.version, wording.effective_on, wording.grace_days)
    eve = wording.effective_on - timedelta(days=1)
    asked = {
        "clinics": list(zones),
        "begins": [end_of_day(eve, each) for each in zones.values()],
        "begins_elsewhere": end_of_day(eve, zone),
        "consent_type": wording.type,
        "version": wording.version,
        "through": demand.through,
        "ended_before": now - _ENDED_FOR_GOOD,
        "limit": limit,
    }
    return db.scalars(select(Consent).from_statement(_BEFORE), asked).all()


def signed_by_others(db: Session, patient_id: UUID) -> Sequence[Consent]:
    """A patient's consents that somebody else has signed, or nobody knows who; without those that were revoked."""
    query = select(Consent).where(
        Consent.patient_id == patient_id, Consent.signer_kind != PATIENT, Consent.revoked_at.is_(None)
    )
    return db.scalars(query.order_by(Consent.id).with_for_update()).all()
