"""When consents end is reckoned again, because a clinic's zone, a wording or a day of birth is another one now."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from patient_files import domain
from patient_files.consents import rules
from patient_files.consents.queries import ends as queries
from patient_files.consents.queries import signers
from patient_files.models import Consent, ConsentWording
from patient_files.settings import queries as settings

# By the right zone, the day of signing may have been over before: what was signed then has ended with its signature.
_RECKON_ENDS = text("""
    UPDATE consents c SET ends_at = greatest(reckoned.ends_at, c.signed_at + interval '1 microsecond')
    FROM unnest(CAST(:days AS date[]), CAST(:ends AS timestamptz[])) AS reckoned (day, ends_at)
    WHERE c.clinic_id = :clinic_id AND c.last_day = reckoned.day
      AND c.ends_at <> greatest(reckoned.ends_at, c.signed_at + interval '1 microsecond')
    RETURNING c.patient_id
""")
# in one order, so that no two clinics wait for each other
_MAKE_DUE = text("""
    UPDATE consent_standings SET due_at = :now
    WHERE id IN (SELECT id FROM consent_standings WHERE patient_id = ANY(:patients) ORDER BY id FOR UPDATE)
""")
_SET_ENDS = text("""
    UPDATE consents c SET resign_through = least(c.resign_through, :through), ends_at = reckoned.ends_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ends AS timestamptz[])) AS reckoned (id, ends_at)
    WHERE c.id = reckoned.id
""")
_MAKE_DUE_BY = text("""
    WITH ends AS (
      SELECT patient_id, min(ends_at) AS ends_at
      FROM unnest(CAST(:patients AS uuid[]), CAST(:ends AS timestamptz[])) AS each (patient_id, ends_at)
      GROUP BY patient_id
    ), standings AS (
      SELECT s.id, ends.ends_at FROM consent_standings s JOIN ends ON ends.patient_id = s.patient_id
      WHERE s.consent_type = :consent_type ORDER BY s.id FOR UPDATE OF s
    )
    UPDATE consent_standings s SET due_at = least(s.due_at, standings.ends_at)
    FROM standings WHERE s.id = standings.id
""")
#: How many consents learn of a new wording in one transaction.
BATCH = 500


def reckon_ends(db: Session, clinic_id: UUID, zone: str, *, now: datetime) -> None:
    """Reckon the ends of a clinic's consents by its zone, an IANA name, which this transaction has stored.

    If a consent now ends at another instant, the patient's standings become due immediately. The worker brings them up
    to date and announces what has become of them.
    """
    # storing the clinic has locked its row, and `give_consent` holds it while a consent is stored
    days = db.scalars(select(Consent.last_day).where(Consent.clinic_id == clinic_id).distinct()).all()
    ends = {day: rules.end_of_day(day, zone) for day in days if day is not None}
    reckoned = {"clinic_id": clinic_id, "days": list(ends), "ends": list(ends.values())}
    _make_due(db, db.scalars(_RECKON_ENDS, reckoned).all(), now)


def spread_wording(db: Session, wording_id: UUID, *, zone: str, now: datetime) -> bool:
    """Let the next consents to earlier wordings end with the grace after a published one. Returns whether it did any.

    The standings that are made of them become due when the consents end. Days are those of the clinics; of `zone`, an
    IANA name, for consents to every clinic.
    """
    wording = db.get_one(ConsentWording, wording_id, with_for_update=True)
    if wording.spread_due_at is None:
        return False
    demand = rules.NewSignature(wording.version, wording.effective_on, wording.grace_days)
    zones = queries.zones_of_clinics(db)
    waiting = queries.consents_before(db, wording, zones, zone, now=now, limit=BATCH)
    if not waiting:
        wording.spread_due_at = None
        db.flush()
        return True
    ends = [_end_by(consent, demand.through, _zone_of(consent, zones, zone)) for consent in waiting]
    changed = {"through": demand.through, "ids": [consent.id for consent in waiting], "ends": ends}
    db.execute(_SET_ENDS, changed)
    patients = [consent.patient_id for consent in waiting]
    db.execute(_MAKE_DUE_BY, {"patients": patients, "ends": ends, "consent_type": wording.type})
    return True


def reckon_majority(db: Session, patient_id: UUID, *, zone: str, now: datetime) -> None:
    """Reckon until when the signatures of others count for a patient whose day of birth this transaction has corrected.

    The caller holds the patient's row. Days are those of the clinics; of `zone`, an IANA name, for consents to every
    clinic. The patient's standings become due immediately.
    """
    zones, days = queries.zones_of_clinics(db), settings.settings(db).days_after_majority
    for consent in queries.signed_by_others(db, patient_id):
        own_zone = _zone_of(consent, zones, zone)
        signed_on = domain.local_date(consent.signed_at, own_zone)
        authority = signers.authority(db, patient_id, consent.signer_kind, consent.guardian_id, signed_on)
        consent.outgrown_through = rules.outgrown_through(authority.of_age_on, days)
        consent.ends_at = rules.end_of_consent(_days(consent).last, own_zone, consent.signed_at)
    db.flush()
    _make_due(db, [patient_id], now)


def _make_due(db: Session, patients: Collection[UUID], now: datetime) -> None:
    db.execute(_MAKE_DUE, {"patients": sorted(set(patients)), "now": now})


def _zone_of(consent: Consent, zones: dict[UUID, str], otherwise: str) -> str:
    return otherwise if consent.clinic_id is None else zones.get(consent.clinic_id, otherwise)


def _end_by(consent: Consent, through: date, zone: str) -> datetime | None:
    """When a consent ends that counts through a day at most."""
    last = min(_days(consent).last or through, through)
    return rules.end_of_consent(last, zone, consent.signed_at)


def _days(consent: Consent) -> rules.LastDays:
    return rules.LastDays(consent.expires_on, consent.resign_through, consent.outgrown_through)
