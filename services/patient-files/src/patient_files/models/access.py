"""The table of break-glass grants. The access log is a mechanism's table (jalsa.db.access_log)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class BreakGlass(TenantRow, Base):
    """One person's grant to read of one patient what is not for everybody, with its reason and its review.

    It holds until `until`, or until it is closed. `due_at` is when a review is asked for that has not come by then.
    """

    __tablename__ = "break_glass"

    patient_id: Mapped[UUID]
    opened_by: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str]
    scope: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(Instant)
    until: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None]
    due_at: Mapped[datetime | None] = mapped_column(Instant)
    outcome: Mapped[str | None]
    comment: Mapped[str | None]
    reviewed_at: Mapped[datetime | None] = mapped_column(Instant)
    reviewed_by: Mapped[str | None]
