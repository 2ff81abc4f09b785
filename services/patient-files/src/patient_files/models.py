"""The tables of patient files, and what is kept of scheduling's."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKeyConstraint, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
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


class Consent(TenantRow, Base):
    """What a patient, or who may sign for the patient, has agreed to: in one clinic, or in all where there is none.

    It is valid through the day `expires_on`, that is until `ends_at`.
    """

    __tablename__ = "consents"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),)

    patient_id: Mapped[UUID]
    consent_type: Mapped[str]
    clinic_id: Mapped[UUID | None]
    signed_by: Mapped[str]
    signed_at: Mapped[datetime] = mapped_column(Instant)
    expires_on: Mapped[date | None]
    ends_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_by: Mapped[str | None]
    revoke_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class ConsentStanding(TenantRow, Base):
    """What was announced last of a patient's consent to treatment; the id is the patient's.

    `due_at` is when the first of the consents that it is made of ends.
    """

    __tablename__ = "consent_standings"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "id"], ["patients.tenant_id", "patients.id"]),)

    consented: Mapped[bool]
    clinic_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    due_at: Mapped[datetime | None] = mapped_column(Instant)


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
