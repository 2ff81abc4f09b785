"""The table of pairs of records that may be one person's."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


def _of_a_patient(column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", column], ["patients.tenant_id", "patients.id"])


class DuplicatePair(TenantRow, Base):
    """Two patients who may be one person, `a` before `b`, and what was decided: OPEN, NOT_DUPLICATE or MERGED.

    `grade` and `reasons` say how sure it seemed when the pair was noticed.
    """

    __tablename__ = "duplicate_pairs"
    __table_args__ = (_of_a_patient("patient_a_id"), _of_a_patient("patient_b_id"))

    patient_a_id: Mapped[UUID]
    patient_b_id: Mapped[UUID]
    grade: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    decision: Mapped[str]
    decision_reason: Mapped[str | None]
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
