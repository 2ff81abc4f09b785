"""Clinical notes' tables are the notes, and the projections of what they are about."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow


class Base(DeclarativeBase):
    """This service's own tables. Others have some of the same name, and may live in the same process."""


class ClinicProjection(TenantRow, Base):
    """A clinic, as worklists name it."""

    __tablename__ = "clinics"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    timezone: Mapped[str | None]  # unknown until the clinic is next saved, where it was heard of long ago


class ProviderProjection(TenantRow, Base):
    """A provider, as worklists name it."""

    __tablename__ = "providers"

    name_en: Mapped[str]
    name_ar: Mapped[str]


class PatientProjection(TenantRow, Base):
    """What is known here of a patient: the file, and no name."""

    __tablename__ = "patients"

    file_number: Mapped[str]
    active: Mapped[bool]


class SessionProjection(TenantRow, Base):
    """A session that can be documented."""

    __tablename__ = "sessions"

    session_number: Mapped[str]
    session_type: Mapped[str]
    discipline: Mapped[str]
    status: Mapped[str]
    clinic_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    timezone: Mapped[str]


class ParticipantProjection(TenantRow, Base):
    """One patient's spot in a session. The id is the appointment's."""

    __tablename__ = "participants"

    appointment_number: Mapped[str]
    session_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    status: Mapped[str]


class Note(TenantRow, Base):
    """A session note, of the whole session (`GROUP`) or of one participant (`INDIVIDUAL`).

    `provider_id` is the provider who writes and signs it. `version` counts the revisions of its content.
    """

    __tablename__ = "notes"

    discipline: Mapped[str]
    scope: Mapped[str]
    session_id: Mapped[UUID]
    participant_id: Mapped[UUID | None]
    provider_id: Mapped[UUID]
    content: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(Instant)
    signed_at: Mapped[datetime | None] = mapped_column(Instant)
    signed_by: Mapped[str | None]
