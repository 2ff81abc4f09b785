"""What a centre sets up: clinics, rooms, providers and their hours, absences, service types, settings."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import Computed, ForeignKeyConstraint, LargeBinary, Time
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow


class Base(DeclarativeBase):
    """The base of this service's tables.

    Other services have tables with the same names and may run in the same process.
    """


def _folded(names: str) -> MappedColumn[str]:
    """A column with the folded names, for searches and comparisons.

    The database computes it, and it is not read here.
    """
    return mapped_column(Computed(f"fold({names})", persisted=True), deferred=True)


class Clinic(TenantRow, Base):
    """A clinic of a tenant. Its time zone turns wall times into instants."""

    __tablename__ = "clinics"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    timezone: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    change_reason: Mapped[str | None]  # The reason of the last correction. The audit log has the earlier ones.
    folded: Mapped[str] = _folded("name_en || ' ' || name_ar")


class Room(TenantRow, Base):
    """A room of a clinic."""

    __tablename__ = "rooms"

    clinic_id: Mapped[UUID]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    # The room was named before names were compared in folded form, and another room of the clinic has the same name.
    twin: Mapped[bool] = mapped_column(default=False)
    folded: Mapped[str] = _folded("name")


class Provider(TenantRow, Base):
    """A therapist or doctor. `user_id` is the login."""

    __tablename__ = "providers"

    name_en: Mapped[str]
    name_ar: Mapped[str]
    user_id: Mapped[str]
    discipline: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    change_reason: Mapped[str | None]  # The reason of the last correction. The audit log has the earlier ones.
    twin: Mapped[bool] = mapped_column(default=False)  # As for a room, but about the login.
    folded: Mapped[str] = _folded("name_en || ' ' || name_ar")
    user_folded: Mapped[str] = _folded("user_id")
    clinics: Mapped[list["ProviderClinic"]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    @property
    def clinic_ids(self) -> list[UUID]:
        """The clinics in which the provider works, in a fixed order because the entity tag depends on it."""
        return sorted(c.clinic_id for c in self.clinics)


class ProviderClinic(TenantRow, Base):
    """The row that says that a provider works in a clinic."""

    __tablename__ = "provider_clinics"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "provider_id"], ["providers.tenant_id", "providers.id"]),
        ForeignKeyConstraint(["tenant_id", "clinic_id"], ["clinics.tenant_id", "clinics.id"]),
    )

    provider_id: Mapped[UUID]
    clinic_id: Mapped[UUID]


class WorkingHoursRow(TenantRow, Base):
    """One period of a provider's week, in the clinic's wall time."""

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
    """Whole local days on which a clinic is closed, or every clinic of the tenant without `clinic_id`."""

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
    """A tenant's settings. A tenant without a row has `domain.DEFAULT_SETTINGS`."""

    __tablename__ = "settings"

    no_show_grace_minutes: Mapped[int]
    offer_minutes: Mapped[int]
    decision_lead_hours: Mapped[int]
    make_up_no_shows: Mapped[bool]
    early_start_minutes: Mapped[int]


class ServiceType(TenantRow, Base):
    """A service that can be booked, with its duration and buffers in minutes."""

    __tablename__ = "service_types"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    discipline: Mapped[str]
    default_duration_minutes: Mapped[int]
    buffer_before_minutes: Mapped[int] = mapped_column(default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    folded: Mapped[str] = _folded("name_en || ' ' || name_ar")


class CalendarLink(TenantRow, Base):
    """The secret of a provider's calendar feed. Only its hash is stored."""

    __tablename__ = "calendar_links"

    provider_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
