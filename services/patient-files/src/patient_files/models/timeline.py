"""The table of what happened to patients."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class TimelineEntry(TenantRow, Base):
    """Something that happened to a patient: to the record `ref_id`, of the kind `ref_kind`.

    `visibility` is the class of its readers: ADMIN, CLINICAL, NOTE or BILLING.
    """

    __tablename__ = "timeline_entries"

    patient_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(Instant)
    kind: Mapped[str]
    visibility: Mapped[str]
    ref_kind: Mapped[str]
    ref_id: Mapped[UUID]
    clinic_id: Mapped[UUID | None]
    provider_id: Mapped[UUID | None]
