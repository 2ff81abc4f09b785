"""The tables of what is kept of scheduling's records."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class ClinicProjection(TenantRow, Base):
    """What is known of a clinic; scheduling owns the rest. No zone is known of one saved long ago."""

    __tablename__ = "clinics"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    timezone: Mapped[str | None]
    active: Mapped[bool]


class ProviderProjection(TenantRow, Base):
    """What is known of a provider; scheduling owns the rest."""

    __tablename__ = "providers"

    user_id: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    active: Mapped[bool]


class AppointmentProjection(TenantRow, Base):
    """What is known of an appointment; its id is the participant's in scheduling."""

    __tablename__ = "appointments"

    appointment_number: Mapped[str]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[str]
