"""Packages, their sessions, and who was to hold these."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKeyConstraint, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from scheduling.errors import NotOutstanding
from scheduling.models.setup import Base, Clinic, ServiceType


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

    @property
    def outstanding(self) -> bool:
        """Whether it has no placement and is owed to the patient."""
        return self.status in ("PENDING", "FAILED") or (self.status == "CANCELLED" and self.owed)

    def check_outstanding(self) -> None:
        """Raises 409 `invalid-transition` for one that has its placement, or is not owed."""
        if not self.outstanding:
            raise NotOutstanding(self.session_number)


class ProviderAssignment(TenantRow, Base):
    """Who was to hold a session of a package: asked for, chosen by the plan, or put in for another."""

    __tablename__ = "provider_assignments"

    package_session_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    kind: Mapped[str]
    reason: Mapped[str | None]
    assigned_at: Mapped[datetime] = mapped_column(Instant)
    assigned_by: Mapped[str]
