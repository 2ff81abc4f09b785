"""Waitlist entries, and the spots that are offered to them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from scheduling.models.setup import Base, ServiceType


class WaitlistEntry(TenantRow, Base):
    """A patient who waits for a spot in one session, or in any session of a service type that meets the wishes."""

    __tablename__ = "waitlist_entries"

    patient_id: Mapped[UUID]
    session_id: Mapped[UUID | None]
    service_type_id: Mapped[UUID]
    clinic_id: Mapped[UUID | None]
    provider_id: Mapped[UUID | None]
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), default=list)  # Empty for any day.
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
    # When, and in which session, a spot was last not offered because the patient could not be contacted.
    passed_over_at: Mapped[datetime | None] = mapped_column(Instant)
    passed_over_session_id: Mapped[UUID | None]

    service_type: Mapped[ServiceType] = relationship(
        viewonly=True, primaryjoin="foreign(WaitlistEntry.service_type_id) == ServiceType.id", lazy="joined"
    )


class WaitlistOffer(TenantRow, Base):
    """A spot of a session that is held for an entry until the offer is answered or lapses."""

    __tablename__ = "waitlist_offers"

    entry_id: Mapped[UUID]
    session_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="OPEN")
    offered_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None]
