"""The tables of patient files, and what is kept of scheduling's."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from jalsa.db import Instant, TenantRow
from patient_files.domain import ACTIVE


class Base(DeclarativeBase):
    """The tables of this service alone: others have tables of the same names, and may live in the same process."""


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

    file: Mapped["MainFile"] = relationship()


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


class ClinicProjection(TenantRow, Base):
    """What is known of a clinic; scheduling owns the rest."""

    __tablename__ = "clinics"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
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
