"""The table of patients."""

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base
from patient_files.models.files import MainFile


class Patient(TenantRow, Base):
    """A person in the tenant's care. Phone is E.164."""

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

    file: Mapped[MainFile] = relationship()
