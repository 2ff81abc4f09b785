"""The tables of consents, of what is consented to and in which words, and of what consents make together."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, Computed, ForeignKeyConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class ConsentType(TenantRow, Base):
    """What patients may consent to. One of the built-in types has a row once something of it was changed."""

    __tablename__ = "consent_types"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    validity_days: Mapped[int | None]
    active: Mapped[bool] = mapped_column(default=True)


class ConsentWording(TenantRow, Base):
    """A version of a consent's text; once it is published, nothing of it changes.

    `spread_due_at` is set until all consents to earlier versions know when they end because of it.
    """

    __tablename__ = "consent_wordings"

    type: Mapped[str]
    version: Mapped[int]
    text_en: Mapped[str | None]
    text_ar: Mapped[str | None]
    sha256: Mapped[str]
    effective_on: Mapped[date]
    requires_resign: Mapped[bool]
    grace_days: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    published_by: Mapped[str | None]
    spread_due_at: Mapped[datetime | None] = mapped_column(Instant)


class Consent(TenantRow, Base):
    """What a patient, or who may sign for the patient, has agreed to: in one clinic, or in all where there is none.

    It counts through `last_day`, that is until `ends_at`: the first of the day on which it expires, the last one before
    a newer wording has to be signed, and the last one on which a guardian's signature counts.
    """

    __tablename__ = "consents"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "wording_id"], ["consent_wordings.tenant_id", "consent_wordings.id"]),
    )

    patient_id: Mapped[UUID]
    consent_type: Mapped[str]
    clinic_id: Mapped[UUID | None]
    wording_id: Mapped[UUID | None]
    language: Mapped[str | None]
    signed_by: Mapped[str]
    signer_kind: Mapped[str]
    guardian_id: Mapped[UUID | None]
    method: Mapped[str | None]
    evidence: Mapped[str | None]
    signed_at: Mapped[datetime] = mapped_column(Instant)
    expires_on: Mapped[date | None]
    resign_through: Mapped[date | None]
    outgrown_through: Mapped[date | None]
    last_day: Mapped[date | None] = mapped_column(
        Computed("least(expires_on, resign_through, outgrown_through)", persisted=True)
    )
    ends_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_by: Mapped[str | None]
    revoke_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class ConsentStanding(TenantRow, Base):
    """What was announced last of a patient's consent of one type. The id of that to treatment is the patient's.

    `due_at` is when the first of the consents that it is made of ends.
    """

    __tablename__ = "consent_standings"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),)

    patient_id: Mapped[UUID]
    consent_type: Mapped[str]
    consented: Mapped[bool]
    clinic_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    due_at: Mapped[datetime | None] = mapped_column(Instant)
