"""Scheduling's tables, and the constraints that hold its promises."""

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKeyConstraint, Time
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from jalsa.db import Instant, TenantRow


class Base(DeclarativeBase):
    """This service's own tables: others have some of the same name, and may live in the same process."""


class Clinic(TenantRow, Base):
    """A place of a tenant; its zone makes wall times instants."""

    __tablename__ = "clinics"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    timezone: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class Room(TenantRow, Base):
    """A room of a clinic."""

    __tablename__ = "rooms"

    clinic_id: Mapped[UUID]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class Provider(TenantRow, Base):
    """A therapist or doctor; `user_id` is the login."""

    __tablename__ = "providers"

    name_en: Mapped[str]
    name_ar: Mapped[str]
    user_id: Mapped[str]
    discipline: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    clinics: Mapped[list["ProviderClinic"]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    @property
    def clinic_ids(self) -> list[UUID]:
        """The clinics in which the provider works, in a fixed order: the entity tag depends on it."""
        return sorted(c.clinic_id for c in self.clinics)


class ProviderClinic(TenantRow, Base):
    """A provider works in a clinic."""

    __tablename__ = "provider_clinics"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "provider_id"], ["providers.tenant_id", "providers.id"]),
        ForeignKeyConstraint(["tenant_id", "clinic_id"], ["clinics.tenant_id", "clinics.id"]),
    )

    provider_id: Mapped[UUID]
    clinic_id: Mapped[UUID]


class WorkingHoursRow(TenantRow, Base):
    """One stretch of a provider's week, in the clinic's wall time."""

    __tablename__ = "working_hours"

    provider_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    weekday: Mapped[int]
    start: Mapped[time] = mapped_column("starts", Time)
    end: Mapped[time] = mapped_column("ends", Time)


class ServiceType(TenantRow, Base):
    """What can be booked."""

    __tablename__ = "service_types"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    discipline: Mapped[str]
    default_duration_minutes: Mapped[int]
    buffer_before_minutes: Mapped[int] = mapped_column(default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


class ClinicalSession(TenantRow, Base):
    """A block of time with a provider, a clinic and perhaps a room (the table `sessions`)."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "clinic_id"], ["clinics.tenant_id", "clinics.id"]),
        ForeignKeyConstraint(["tenant_id", "provider_id"], ["providers.tenant_id", "providers.id"]),
        ForeignKeyConstraint(["tenant_id", "room_id"], ["rooms.tenant_id", "rooms.id"]),
        ForeignKeyConstraint(["tenant_id", "service_type_id"], ["service_types.tenant_id", "service_types.id"]),
    )

    session_number: Mapped[str] = mapped_column(server_default=FetchedValue())  # comes back with the INSERT
    session_type: Mapped[str]
    clinic_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    room_id: Mapped[UUID | None]
    service_type_id: Mapped[UUID]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    max_capacity: Mapped[int]
    min_participants: Mapped[int | None]
    group_notes: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="SCHEDULED")
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]

    clinic: Mapped[Clinic] = relationship(viewonly=True)
    provider: Mapped[Provider] = relationship(viewonly=True)
    room: Mapped[Room | None] = relationship(viewonly=True)
    service_type: Mapped[ServiceType] = relationship(viewonly=True)

    @property
    def duration_minutes(self) -> int:
        """From the start to the end."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


class Participant(TenantRow, Base):
    """One patient's place in one session; its id is the `appointment_id` of the other services."""

    __tablename__ = "participants"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "session_id"], ["sessions.tenant_id", "sessions.id"]),)

    appointment_number: Mapped[str] = mapped_column(server_default=FetchedValue())  # comes back with the INSERT
    session_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="BOOKED")
    notes: Mapped[str | None]
    # the session's time, kept here by a foreign key with ON UPDATE CASCADE, for the patient's exclusion constraint
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    booked_at: Mapped[datetime] = mapped_column(Instant)
    booked_by: Mapped[str]
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]

    session: Mapped[ClinicalSession] = relationship(viewonly=True)


class PatientProjection(TenantRow, Base):
    """What scheduling needs of a patient; patient-files owns the rest."""

    __tablename__ = "patients"

    file_number: Mapped[str]
    active: Mapped[bool]
    consented: Mapped[bool] = mapped_column(default=False)


class ClearanceProjection(TenantRow, Base):
    """Whether billing has cleared an appointment; the id is the appointment's."""

    __tablename__ = "clearances"

    cleared: Mapped[bool]
