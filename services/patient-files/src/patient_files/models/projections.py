"""The tables of what is kept of the records of other services."""

from datetime import date, datetime
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
    """What is known of an appointment; its id is the participant's in scheduling.

    Of one that was placed before they were read, session, service type, zone, room and who booked it are not known.
    """

    __tablename__ = "appointments"

    appointment_number: Mapped[str]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[str]
    # null for an appointment that was booked before these were read
    session_id: Mapped[UUID | None]
    service_type: Mapped[str | None]
    timezone: Mapped[str | None]
    room_id: Mapped[UUID | None]
    room_name: Mapped[str | None]
    booked_by: Mapped[str | None]


class PatientActivity(TenantRow, Base):
    """The local day, by the clinic's clock, on which a patient was here last. The id is the patient's."""

    __tablename__ = "patient_activity"

    last_visit_on: Mapped[date | None]


class SignedNote(TenantRow, Base):
    """What was said last of a note of clinical-notes; a group's note has no appointment.

    `complete` is whether the documentation was complete then; None where the event says nothing of it.
    """

    __tablename__ = "signed_notes"

    session_id: Mapped[UUID]
    appointment_id: Mapped[UUID | None]
    complete: Mapped[bool | None]
    at: Mapped[datetime] = mapped_column(Instant)


class InvoiceProjection(TenantRow, Base):
    """Whose an invoice is; billing owns the rest."""

    __tablename__ = "invoices"

    patient_id: Mapped[UUID]
    appointment_id: Mapped[UUID]
