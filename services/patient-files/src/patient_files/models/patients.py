"""The table of patients."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base
from patient_files.models.files import MainFile


class Patient(TenantRow, Base):
    """A person in the tenant's care, or one of two records of a person that `merged_into` the other. Phone is E.164."""

    __tablename__ = "patients"

    first_name_en: Mapped[str]
    last_name_en: Mapped[str]
    first_name_ar: Mapped[str | None]
    last_name_ar: Mapped[str | None]
    national_id: Mapped[str | None]
    date_of_birth: Mapped[date]
    sex: Mapped[str]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    preferred_language: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    merged_into: Mapped[UUID | None]

    file: Mapped[MainFile] = relationship()
