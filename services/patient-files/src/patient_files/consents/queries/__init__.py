"""The read side of consents and standings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, text
from sqlalchemy.orm import Session

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


def locked_standing(db: Session, patient_id: UUID, consent_type: str) -> ConsentStanding | None:
    """What was announced last of a patient and a type, its row locked until the transaction ends."""
    query = select(ConsentStanding).where(
        ConsentStanding.patient_id == patient_id, ConsentStanding.consent_type == consent_type
    )
    return db.scalar(query.with_for_update().execution_options(populate_existing=True))


def list_consents(
    db: Session, asked: FindConsents, *, without: Collection[UUID], now: datetime, after: UUID | None, limit: int
) -> Sequence[Consent]:
    """Consents in the order in which they were stored, but those of the patients `without`.

    `state` is the one that they have at `now`.
    """
    query = keyset(select(Consent), Consent.id, after=after, limit=limit).where(Consent.patient_id.not_in(without))
    for name in ("patient_id", "consent_type", "clinic_id"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(Consent, name) == value)
    if asked.state is not None:
        query = query.where(*_in_state(asked.state, now))
    return db.scalars(query).all()


def valid_consents(db: Session, patient_id: UUID, consent_type: str | None, now: datetime) -> Sequence[Consent]:
    """A patient's consents that count at `now`, of one type or of all."""
    query = select(Consent).where(Consent.patient_id == patient_id, *_in_state(VALID, now))
    if consent_type is not None:
        query = query.where(Consent.consent_type == consent_type)
    return db.scalars(query).all()


def ended_consents(db: Session, patient_id: UUID, consent_type: str, now: datetime) -> Sequence[Consent]:
    """A patient's consents of a type that have expired or were revoked, in the order in which they ended."""
    of_patient = (Consent.patient_id == patient_id, Consent.consent_type == consent_type)
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
