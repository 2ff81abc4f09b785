"""The tables of consents, and of what they make together."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKeyConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class Consent(TenantRow, Base):
    """What a patient, or who may sign for the patient, has agreed to: in one clinic, or in all where there is none.

    It is valid through the day `expires_on`, that is until `ends_at`.
    """

    __tablename__ = "consents"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),)

    patient_id: Mapped[UUID]
    consent_type: Mapped[str]
    clinic_id: Mapped[UUID | None]
    signed_by: Mapped[str]
    signed_at: Mapped[datetime] = mapped_column(Instant)
    expires_on: Mapped[date | None]
    ends_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_by: Mapped[str | None]
    revoke_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class ConsentStanding(TenantRow, Base):
    """What was announced last of a patient's consent to treatment; the id is the patient's.

    `due_at` is when the first of the consents that it is made of ends.
    """

    __tablename__ = "consent_standings"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "id"], ["patients.tenant_id", "patients.id"]),)

    consented: Mapped[bool]
    clinic_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    due_at: Mapped[datetime | None] = mapped_column(Instant)
