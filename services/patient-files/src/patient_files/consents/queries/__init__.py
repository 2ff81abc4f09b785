"""The read side of consents and standings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, union
from sqlalchemy.orm import Session, aliased

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from patient_files.consents.commands import FindConsents
from patient_files.consents.rules import EXPIRED, REVOKED, VALID
from patient_files.models import Consent, ConsentStanding

# Read by the relay role, which sees where a standing is due to change, but not what it is.
_DUE_STANDINGS = text("""
    SELECT id, tenant_id, due_at FROM consent_standings
    WHERE due_at <= :now AND id <> ALL (CAST(:passed AS uuid[])) ORDER BY due_at, id LIMIT :limit
""")


class DueStanding(NamedTuple):
    """A standing that is due to change, of any tenant."""

    id: UUID
    tenant_id: str
    due_at: datetime


def locked_standings(db: Session, records: Sequence[UUID], consent_type: str | None) -> Sequence[ConsentStanding]:
    """What was announced last of these records, of a type or of all, locked in one order until the transaction ends."""
    query = select(ConsentStanding).where(ConsentStanding.patient_id.in_(records))
    if consent_type is not None:
        query = query.where(ConsentStanding.consent_type == consent_type)
    query = query.order_by(ConsentStanding.id).with_for_update()
    return db.scalars(query.execution_options(populate_existing=True)).all()


def types_of(db: Session, records: Sequence[UUID]) -> Sequence[str]:
    """The types of which these records have a consent or an announced standing, in their order."""
    given = select(Consent.consent_type).where(Consent.patient_id.in_(records))
    told = select(ConsentStanding.consent_type).where(ConsentStanding.patient_id.in_(records))
    return sorted(db.scalars(union(given, told)))


def list_consents(
    db: Session, asked: FindConsents, *, without: Collection[UUID], now: datetime, after: UUID | None, limit: int
) -> Sequence[Consent]:
    """Consents in the order in which they were stored, but those of the patients `without`.

    `state` is the one that they have at `now`.
    """
    query = keyset(select(Consent), Consent.id, after=after, limit=limit).where(Consent.patient_id.not_in(without))
    if asked.patient_id is not None:
        query = query.where(stands_for(Consent.patient_id, asked.patient_id))
    for name in ("consent_type", "clinic_id"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(Consent, name) == value)
    if asked.state is not None:
        query = query.where(*_in_state(asked.state, now))
    return db.scalars(query).all()


def valid_consents(db: Session, records: Sequence[UUID], consent_type: str | None, now: datetime) -> Sequence[Consent]:
    """The consents that count at `now`, of one type or of all, of all records that stand for one patient.

    Whoever revoked a consent did not know of those on another record of the same patient. So it ends those of the type
    to the same clinic that were signed before.
    """
    query = select(Consent).where(Consent.patient_id.in_(records), *_in_state(VALID, now))
    if consent_type is not None:
        query = query.where(Consent.consent_type == consent_type)
    revoked = aliased(Consent)
    elsewhere = (
        select(revoked.id)
        .where(revoked.patient_id.in_(records), revoked.patient_id != Consent.patient_id)
        .where(revoked.consent_type == Consent.consent_type, revoked.revoked_at > Consent.signed_at)
        .where(revoked.clinic_id.is_not_distinct_from(Consent.clinic_id))
    )
    return db.scalars(query if len(records) == 1 else query.where(~elsewhere.exists())).all()


def ended_consents(db: Session, records: Sequence[UUID], consent_type: str, now: datetime) -> Sequence[Consent]:
    """Consents of a type that have expired or were revoked, of all records of a patient, as they ended."""
    of_patient = (Consent.patient_id.in_(records), Consent.consent_type == consent_type)
    ended = or_(Consent.revoked_at.is_not(None), Consent.ends_at <= now)
    query = select(Consent).where(*of_patient, ended)
    return db.scalars(query.order_by(func.coalesce(Consent.revoked_at, Consent.ends_at), Consent.id)).all()


def due_standings(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueStanding]:
    """Standings that are due to change, of all tenants, longest due first."""
    rows = conn.execute(_DUE_STANDINGS, {"now": now, "passed": passed, "limit": limit})
    return [DueStanding(row.id, row.tenant_id, row.due_at) for row in rows]


def _in_state(state: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """As `rules.consent_state` has it."""
    if state == REVOKED:
        return (Consent.revoked_at.is_not(None),)
    if state == EXPIRED:
        return Consent.revoked_at.is_(None), Consent.ends_at <= now
    return Consent.revoked_at.is_(None), or_(Consent.ends_at.is_(None), Consent.ends_at > now)
