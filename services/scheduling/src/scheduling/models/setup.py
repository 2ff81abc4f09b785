"""What a centre sets up: clinics, rooms, providers and their hours, absences, service types, the tenant's rules."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import Computed, ForeignKeyConstraint, LargeBinary, Time
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow


class Base(DeclarativeBase):
    """This service's own tables: others have some of the same name, and may live in the same process."""


def _folded(names: str) -> MappedColumn[str]:
    """What is looked for and compared; the database makes it, and nobody reads it here."""
    return mapped_column(Computed(f"fold({names})", persisted=True), deferred=True)


class Clinic(TenantRow, Base):
    """A clinic of a tenant. Its time zone turns wall times into instants."""

    __tablename__ = "clinics"

    code: Mapped[str]
    name_en: Mapped[str]
    name_ar: Mapped[str]
    timezone: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    change_reason: Mapped[str | None]  # of the last correction: the audit log keeps those before
    folded: Mapped[str] = _folded("name_en || ' ' || name_ar")


class Room(TenantRow, Base):
    """A room of a clinic."""

    __tablename__ = "rooms"

    clinic_id: Mapped[UUID]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    # it was named before names were compared as folded, and another room of the clinic is its namesake
    twin: Mapped[bool] = mapped_column(default=False)
    folded: Mapped[str] = _folded("name")


class Provider(TenantRow, Base):
    """A therapist or doctor; `user_id` is the login."""

    __tablename__ = "providers"

    name_en: Mapped[str]
    name_ar: Mapped[str]
    user_id: Mapped[str]
    discipline: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    change_reason: Mapped[str | None]  # of the last correction: the audit log keeps those before
    twin: Mapped[bool] = mapped_column(default=False)  # as a room's, of the login
    folded: Mapped[str] = _folded("name_en || ' ' || name_ar")
    user_folded: Mapped[str] = _folded("user_id")
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
    early_start_minutes: Mapped[int]


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
    folded: Mapped[str] = _folded("name_en || ' ' || name_ar")


class CalendarLink(TenantRow, Base):
    """The secret of a provider's calendar feed; only its hash is kept."""

    __tablename__ = "calendar_links"

    provider_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
