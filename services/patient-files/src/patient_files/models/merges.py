"""The table of merges."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class PatientMerge(TenantRow, Base):
    """One record of a patient was merged into another one; it is kept after it was undone."""

    __tablename__ = "patient_merges"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "loser_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "survivor_id"], ["patients.tenant_id", "patients.id"]),
    )

    loser_id: Mapped[UUID]
    survivor_id: Mapped[UUID]
    reason: Mapped[str]
    override_reason: Mapped[str | None]
    merged_at: Mapped[datetime] = mapped_column(Instant)
    merged_by: Mapped[str]
    undone_at: Mapped[datetime | None] = mapped_column(Instant)
    undone_by: Mapped[str | None]
    undo_reason: Mapped[str | None]
