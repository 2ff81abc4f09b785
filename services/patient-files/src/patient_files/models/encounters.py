"""The tables of encounters."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class Encounter(TenantRow, Base):
    """One contact of a patient with a provider. Nobody else's records are part of it: they refer to it.

    A patient, a clinic or a provider may be unknown here. `text_version` is that of the clinical text that counts, in
    `encounter_texts`; it is 0 where there is none. `replaced_by` is the encounter into which it was merged.
    """

    __tablename__ = "encounters"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "replaced_by"], ["encounters.tenant_id", "encounters.id"]),)

    encounter_number: Mapped[str]
    patient_id: Mapped[UUID]
    provider_id: Mapped[UUID | None]
    clinic_id: Mapped[UUID | None]
    encounter_type: Mapped[str]
    encounter_class: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    status: Mapped[str]
    location: Mapped[str | None]
    room_number: Mapped[str | None]
    appointment_id: Mapped[UUID | None]
    admission_id: Mapped[UUID | None]
    priority: Mapped[str]
    acuity_level: Mapped[int | None]
    documentation_complete: Mapped[bool]
    signed_off: Mapped[bool]
    signed_by: Mapped[str | None]
    signed_at: Mapped[datetime | None] = mapped_column(Instant)
    billable: Mapped[bool]
    billing_codes: Mapped[list[dict[str, object]]] = mapped_column(JSONB)
    quality_measures: Mapped[dict[str, object]] = mapped_column(JSONB)
    text_version: Mapped[int]
    text_sha256: Mapped[str | None]
    source: Mapped[str]
    replaced_by: Mapped[UUID | None]
    correction_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class EncounterText(Base):
    """A version of the clinical text of an encounter, counted from 1. It is stored here and nowhere else."""

    __tablename__ = "encounter_texts"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "encounter_id"], ["encounters.tenant_id", "encounters.id"]),)

    encounter_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(server_default=func.current_setting("jalsa.tenant"))
    chief_complaint: Mapped[str | None]
    reason_for_visit: Mapped[str | None]
    written_at: Mapped[datetime] = mapped_column(Instant)
    written_by: Mapped[str]
