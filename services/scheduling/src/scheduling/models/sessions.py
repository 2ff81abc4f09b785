"""Sessions, their participants, and series."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Computed, Date, FetchedValue, ForeignKeyConstraint, Text, Time, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from scheduling.domain import LIVE_PARTICIPANT, LIVE_SESSION
from scheduling.models.setup import Base, Clinic, Provider, Room, ServiceType

if TYPE_CHECKING:
    from scheduling.models.packages import PackageSession


class ClinicalSession(TenantRow, Base):
    """A block of time with a provider, a clinic and perhaps a room (the table `sessions`)."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "clinic_id"], ["clinics.tenant_id", "clinics.id"]),
        ForeignKeyConstraint(["tenant_id", "provider_id"], ["providers.tenant_id", "providers.id"]),
        ForeignKeyConstraint(["tenant_id", "room_id"], ["rooms.tenant_id", "rooms.id"]),
        ForeignKeyConstraint(["tenant_id", "service_type_id"], ["service_types.tenant_id", "service_types.id"]),
    )

    session_number: Mapped[str] = mapped_column(server_default=FetchedValue())  # The INSERT returns it.
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
    # The buffers of the service type at the time when the session was placed.
    buffer_before_minutes: Mapped[int] = mapped_column(default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(default=0)
    # Made together with its appointment, and cancelled together with it.
    closes_when_empty: Mapped[bool] = mapped_column(default=False)
    series_id: Mapped[UUID | None]
    occurs_on: Mapped[date | None]  # The local day on which the series' rule placed the session.
    # When the session starts according to its series. A change of the time with a scope changes this too. A move of the
    # session alone does not.
    series_starts_at: Mapped[datetime | None] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    started_by: Mapped[str | None]
    completed_at: Mapped[datetime | None] = mapped_column(Instant)
    completed_by: Mapped[str | None]
    reschedule_count: Mapped[int] = mapped_column(default=0)
    change_reason: Mapped[str | None]  # The reason of the last change. The audit log has the earlier ones.
    overridden: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    override_reason: Mapped[str | None]
    decision_at: Mapped[datetime | None] = mapped_column(Instant)
    decision: Mapped[str | None]
    corrected_at: Mapped[datetime | None] = mapped_column(Instant)  # When an outcome was last undone.
    corrected_by: Mapped[str | None]

    clinic: Mapped[Clinic] = relationship(viewonly=True, primaryjoin="foreign(ClinicalSession.clinic_id) == Clinic.id")
    provider: Mapped[Provider] = relationship(
        viewonly=True, primaryjoin="foreign(ClinicalSession.provider_id) == Provider.id"
    )
    room: Mapped[Room | None] = relationship(viewonly=True, primaryjoin="foreign(ClinicalSession.room_id) == Room.id")
    service_type: Mapped[ServiceType] = relationship(
        viewonly=True, primaryjoin="foreign(ClinicalSession.service_type_id) == ServiceType.id"
    )

    @hybrid_property
    def live(self) -> bool:
        """Whether the session occupies its provider and room.

        In SQL it is the function `live_session` of the database.
        """
        return self.status in LIVE_SESSION

    @live.inplace.expression
    @classmethod
    def _live(cls) -> ColumnElement[bool]:
        return func.live_session(cls.status)

    @property
    def time(self) -> tuple[datetime, datetime]:
        """The time from the start to the end."""
        return self.starts_at, self.ends_at

    @property
    def duration_minutes(self) -> int:
        """The length of the session in minutes."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)

    @property
    def moved_singly(self) -> bool:
        """Whether the session starts at another time than its series says, because it was moved individually."""
        return self.series_starts_at is not None and self.starts_at != self.series_starts_at


class Participant(TenantRow, Base):
    """One patient's spot in one session. Its id is the `appointment_id` of the other services."""

    __tablename__ = "participants"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "session_id"], ["sessions.tenant_id", "sessions.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "package_session_id"], ["package_sessions.tenant_id", "package_sessions.id"]
        ),
    )

    appointment_number: Mapped[str] = mapped_column(server_default=FetchedValue())  # The INSERT returns it.
    session_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="BOOKED")
    # Whether it occupies a spot. The database computes it.
    live: Mapped[bool] = mapped_column(Computed(f"status IN {LIVE_PARTICIPANT}", persisted=True), deferred=True)
    notes: Mapped[str | None]
    # The session's time. A foreign key with ON UPDATE CASCADE keeps it up to date for the patient's exclusion
    # constraint.
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    booked_at: Mapped[datetime] = mapped_column(Instant)
    booked_by: Mapped[str]
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    reschedule_count: Mapped[int] = mapped_column(default=0)
    change_reason: Mapped[str | None]  # The reason of the last change. The audit log has the earlier ones.
    arrived_at: Mapped[datetime | None] = mapped_column(Instant)
    arrived_by: Mapped[str | None]
    # What was known when the patient arrived.
    arrived_cleared: Mapped[bool | None]
    arrived_consented: Mapped[bool | None]
    check_in_override_reason: Mapped[str | None]
    attended_at: Mapped[datetime | None] = mapped_column(Instant)
    attended_by: Mapped[str | None]
    no_show_at: Mapped[datetime | None] = mapped_column(Instant)
    no_show_by: Mapped[str | None]
    no_show_reason: Mapped[str | None]
    corrected_at: Mapped[datetime | None] = mapped_column(Instant)  # When an outcome was last undone.
    corrected_by: Mapped[str | None]
    package_session_id: Mapped[UUID | None]
    # The rules that were overridden for the booking. Those for the session are stored with the session.
    booking_overridden: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    booking_override_reason: Mapped[str | None]

    @property
    def recorded_late(self) -> bool:
        """Whether it was entered after the session started, as a walk-in or as a visit that already took place."""
        return self.starts_at <= self.booked_at

    session: Mapped[ClinicalSession] = relationship(
        viewonly=True, primaryjoin="foreign(Participant.session_id) == ClinicalSession.id"
    )
    package_session: Mapped["PackageSession | None"] = relationship(
        viewonly=True, primaryjoin="foreign(Participant.package_session_id) == PackageSession.id"
    )


class SessionSeries(TenantRow, Base):
    """A group session that recurs, and its rule in the clinic's wall time.

    The stored sessions decide what takes place.
    """

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
    """A patient on the roster of a series, from one local day until before another."""

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
