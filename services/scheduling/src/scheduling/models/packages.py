"""Packages, their sessions, and the providers who were assigned to them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKeyConstraint, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from scheduling.errors import NotOutstanding
from scheduling.models.setup import Base, Clinic, ServiceType


class Package(TenantRow, Base):
    """A package of 2 to 100 sessions of one service for one patient, which are scheduled together.

    Days and times are in the clinic's zone. `provider_id` is the one provider of all sessions, if one was requested.
    The provider of a single session is stored with that session.
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
    preferred_days: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))  # Empty for any day.
    preferred_time: Mapped[str | None]  # A wall time, or a part of the day.
    gap_days: Mapped[int]
    tolerance_days: Mapped[int]
    use_multiple_providers: Mapped[bool]
    auto_schedule: Mapped[bool]
    status: Mapped[str] = mapped_column(default="DRAFT")
    change_reason: Mapped[str | None]  # The reason of the last change. The audit log has the earlier ones.
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
    """One session of a package. Its appointment is the participant that refers to it.

    `provider_id` is the assigned provider, or None for any provider. If the plan has chosen the provider, a later plan
    may choose another one. `owed` says of a CANCELLED session that it is to be made up for.
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
        """The only provider who may hold the session, because a person decided so, or None."""
        return None if self.provider_chosen else self.provider_id

    @property
    def outstanding(self) -> bool:
        """Whether the session has no placement and is still due to the patient."""
        return self.status in ("PENDING", "FAILED") or (self.status == "CANCELLED" and self.owed)

    def check_outstanding(self) -> None:
        """Raise 409 `invalid-transition` for a session that has a placement or is no longer due to the patient."""
        if not self.outstanding:
            raise NotOutstanding(self.session_number)


class ProviderAssignment(TenantRow, Base):
    """An assignment of a session of a package to a provider, who was requested, chosen by the plan, or a substitute."""

    __tablename__ = "provider_assignments"

    package_session_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    kind: Mapped[str]
    reason: Mapped[str | None]
    assigned_at: Mapped[datetime] = mapped_column(Instant)
    assigned_by: Mapped[str]
