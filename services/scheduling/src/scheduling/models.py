"""Scheduling's tables, and the constraints that hold its promises."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import ARRAY, Date, FetchedValue, ForeignKeyConstraint, LargeBinary, SmallInteger, Text, Time, Uuid
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
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]


class TimeOff(TenantRow, Base):
    """A time in which a provider is away, whatever the working hours say."""

    __tablename__ = "time_off"

    provider_id: Mapped[UUID]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class Closure(TenantRow, Base):
    """Whole local days on which a clinic, or without one every clinic of the tenant, is closed."""

    __tablename__ = "closures"

    clinic_id: Mapped[UUID | None]
    kind: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class Settings(TenantRow, Base):
    """A tenant's own rules; `domain.DEFAULT_SETTINGS` where it has set none."""

    __tablename__ = "settings"

    no_show_grace_minutes: Mapped[int]
    offer_minutes: Mapped[int]
    decision_lead_hours: Mapped[int]
    make_up_no_shows: Mapped[bool]


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
    # as the service type had them when the session was placed
    buffer_before_minutes: Mapped[int] = mapped_column(default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(default=0)
    # made in one step with its appointment, and of no use without it
    closes_when_empty: Mapped[bool] = mapped_column(default=False)
    series_id: Mapped[UUID | None]
    occurs_on: Mapped[date | None]  # the local day that the series' rule gave it
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    started_by: Mapped[str | None]
    completed_at: Mapped[datetime | None] = mapped_column(Instant)
    completed_by: Mapped[str | None]
    reschedule_count: Mapped[int] = mapped_column(default=0)
    change_reason: Mapped[str | None]  # of the last change: the audit log keeps those before
    overridden: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    override_reason: Mapped[str | None]
    decision_at: Mapped[datetime | None] = mapped_column(Instant)
    decision: Mapped[str | None]

    clinic: Mapped[Clinic] = relationship(viewonly=True, primaryjoin="foreign(ClinicalSession.clinic_id) == Clinic.id")
    provider: Mapped[Provider] = relationship(
        viewonly=True, primaryjoin="foreign(ClinicalSession.provider_id) == Provider.id"
    )
    room: Mapped[Room | None] = relationship(viewonly=True, primaryjoin="foreign(ClinicalSession.room_id) == Room.id")
    service_type: Mapped[ServiceType] = relationship(
        viewonly=True, primaryjoin="foreign(ClinicalSession.service_type_id) == ServiceType.id"
    )

    @property
    def duration_minutes(self) -> int:
        """From the start to the end."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


class Participant(TenantRow, Base):
    """One patient's place in one session; its id is the `appointment_id` of the other services."""

    __tablename__ = "participants"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "session_id"], ["sessions.tenant_id", "sessions.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "package_session_id"], ["package_sessions.tenant_id", "package_sessions.id"]
        ),
    )

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
    reschedule_count: Mapped[int] = mapped_column(default=0)
    change_reason: Mapped[str | None]  # of the last change: the audit log keeps those before
    arrived_at: Mapped[datetime | None] = mapped_column(Instant)
    arrived_by: Mapped[str | None]
    # what was known when the patient arrived
    arrived_cleared: Mapped[bool | None]
    arrived_consented: Mapped[bool | None]
    check_in_override_reason: Mapped[str | None]
    attended_at: Mapped[datetime | None] = mapped_column(Instant)
    attended_by: Mapped[str | None]
    no_show_at: Mapped[datetime | None] = mapped_column(Instant)
    no_show_by: Mapped[str | None]
    no_show_reason: Mapped[str | None]
    package_session_id: Mapped[UUID | None]

    session: Mapped[ClinicalSession] = relationship(
        viewonly=True, primaryjoin="foreign(Participant.session_id) == ClinicalSession.id"
    )
    package_session: Mapped["PackageSession | None"] = relationship(
        viewonly=True, primaryjoin="foreign(Participant.package_session_id) == PackageSession.id"
    )


class SessionSeries(TenantRow, Base):
    """A group session that recurs: its rule, in the clinic's wall time. The sessions themselves are the truth."""

    __tablename__ = "session_series"

    clinic_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    room_id: Mapped[UUID | None]
    service_type_id: Mapped[UUID]
    starts_on: Mapped[date]
    start_time: Mapped[time] = mapped_column(Time)
    duration_minutes: Mapped[int]
    rrule: Mapped[str]
    exceptions: Mapped[list[date]] = mapped_column(ARRAY(Date))
    max_capacity: Mapped[int]
    min_participants: Mapped[int | None]
    group_notes: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]

    clinic: Mapped[Clinic] = relationship(
        viewonly=True, primaryjoin="foreign(SessionSeries.clinic_id) == Clinic.id", lazy="joined"
    )
    service_type: Mapped[ServiceType] = relationship(
        viewonly=True, primaryjoin="foreign(SessionSeries.service_type_id) == ServiceType.id", lazy="joined"
    )


class SeriesMember(TenantRow, Base):
    """A patient on the standing roster of a series, from one local day to another."""

    __tablename__ = "series_members"

    series_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    joined_on: Mapped[date]
    joined_at: Mapped[datetime] = mapped_column(Instant)
    joined_by: Mapped[str]
    left_on: Mapped[date | None]
    left_at: Mapped[datetime | None] = mapped_column(Instant)
    left_by: Mapped[str | None]
    leave_reason: Mapped[str | None]


class Package(TenantRow, Base):
    """2 to 100 sessions of one service for one patient, scheduled together; days and times are the clinic's.

    `provider_id` is the one provider of all, if one was named; a session's own stands with it.
    """

    __tablename__ = "packages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "clinic_id"], ["clinics.tenant_id", "clinics.id"]),
        ForeignKeyConstraint(["tenant_id", "service_type_id"], ["service_types.tenant_id", "service_types.id"]),
    )

    package_number: Mapped[str]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    service_type_id: Mapped[UUID]
    provider_id: Mapped[UUID | None]
    room_id: Mapped[UUID | None]
    room_required: Mapped[bool]
    total_sessions: Mapped[int]
    session_duration_minutes: Mapped[int]
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    preferred_days: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))  # none means any
    preferred_time: Mapped[str | None]  # a wall time, or a part of the day
    gap_days: Mapped[int]
    tolerance_days: Mapped[int]
    use_multiple_providers: Mapped[bool]
    auto_schedule: Mapped[bool]
    status: Mapped[str] = mapped_column(default="DRAFT")
    change_reason: Mapped[str | None]  # of the last change: the audit log keeps those before
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    paused_at: Mapped[datetime | None] = mapped_column(Instant)
    paused_by: Mapped[str | None]
    pause_reason: Mapped[str | None]
    completed_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]

    clinic: Mapped[Clinic] = relationship(viewonly=True, primaryjoin="foreign(Package.clinic_id) == Clinic.id")
    service_type: Mapped[ServiceType] = relationship(
        viewonly=True, primaryjoin="foreign(Package.service_type_id) == ServiceType.id"
    )


class PackageSession(TenantRow, Base):
    """One session of a package; its appointment is the participant that names it.

    `provider_id` is whom it is assigned to, none for any; where the plan has chosen, another may hold it the next time.
    One that is CANCELLED is `owed` if it is to be made up.
    """

    __tablename__ = "package_sessions"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "package_id"], ["packages.tenant_id", "packages.id"]),)

    package_id: Mapped[UUID]
    session_number: Mapped[int]
    provider_id: Mapped[UUID | None]
    provider_chosen: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(default="PENDING")
    owed: Mapped[bool] = mapped_column(default=True)
    scheduling_attempts: Mapped[int] = mapped_column(default=0)
    scheduling_error_code: Mapped[str | None]
    scheduling_error: Mapped[str | None]
    scheduling_error_ar: Mapped[str | None]

    package: Mapped[Package] = relationship(
        viewonly=True, primaryjoin="foreign(PackageSession.package_id) == Package.id"
    )

    @property
    def assigned_to(self) -> UUID | None:
        """Who alone is to hold it, because a person said so."""
        return None if self.provider_chosen else self.provider_id


class ProviderAssignment(TenantRow, Base):
    """Who was to hold a session of a package: asked for, chosen by the plan, or put in for another."""

    __tablename__ = "provider_assignments"

    package_session_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    kind: Mapped[str]
    reason: Mapped[str | None]
    assigned_at: Mapped[datetime] = mapped_column(Instant)
    assigned_by: Mapped[str]


class WaitlistEntry(TenantRow, Base):
    """A patient who waits for a place in one session, or in any session of a service type that suits."""

    __tablename__ = "waitlist_entries"

    patient_id: Mapped[UUID]
    session_id: Mapped[UUID | None]
    service_type_id: Mapped[UUID]
    clinic_id: Mapped[UUID | None]
    provider_id: Mapped[UUID | None]
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), default=list)  # none means any
    part_of_day: Mapped[str | None]
    from_date: Mapped[date | None]
    until_date: Mapped[date | None]
    priority: Mapped[int]
    notes: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="WAITING")
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None]

    service_type: Mapped[ServiceType] = relationship(
        viewonly=True, primaryjoin="foreign(WaitlistEntry.service_type_id) == ServiceType.id", lazy="joined"
    )


class WaitlistOffer(TenantRow, Base):
    """A place of a session, held for one who waits until the offer is answered or lapses."""

    __tablename__ = "waitlist_offers"

    entry_id: Mapped[UUID]
    session_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="OPEN")
    offered_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None]


class CalendarLink(TenantRow, Base):
    """The secret of a provider's calendar feed; only its hash is kept."""

    __tablename__ = "calendar_links"

    provider_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class PatientProjection(TenantRow, Base):
    """What scheduling needs of a patient; patient-files owns the rest."""

    __tablename__ = "patients"

    file_number: Mapped[str]
    active: Mapped[bool]
    consented: Mapped[bool] = mapped_column(default=False)
    consented_clinics: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)


class ClearanceProjection(TenantRow, Base):
    """Whether billing has cleared an appointment; the id is the appointment's."""

    __tablename__ = "clearances"

    cleared: Mapped[bool]
