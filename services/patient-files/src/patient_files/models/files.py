"""The tables of main files and sub-files."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.domain import ACTIVE
from patient_files.models.base import Base


class MainFile(TenantRow, Base):
    """A patient's record, opened with the patient."""

    __tablename__ = "main_files"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),)

    file_number: Mapped[str]
    patient_id: Mapped[UUID]
    opened_at: Mapped[datetime] = mapped_column(Instant)


class SubFile(TenantRow, Base):
    """The part of a main file that belongs to one clinic."""

    __tablename__ = "sub_files"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "main_file_id"], ["main_files.tenant_id", "main_files.id"]),)

    sub_file_number: Mapped[str]
    main_file_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    # kept here because a booking may be known before its clinic is: nothing orders the two streams
    clinic_code: Mapped[str]
    assigned_provider_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default=ACTIVE)
    opened_at: Mapped[datetime] = mapped_column(Instant)
