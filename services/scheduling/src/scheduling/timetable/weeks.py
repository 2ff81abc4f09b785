"""Providers' working hours as they are stored."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from scheduling.timetable.hours import WorkingHours

_WEEKS = text("""
    SELECT provider_id, weekday, starts, ends, clinic_id, valid_from, valid_to FROM working_hours
    WHERE provider_id = ANY (CAST(:providers AS uuid[]))
""")


def working_weeks(db: Session, provider_ids: Collection[UUID]) -> dict[UUID, list[WorkingHours]]:
    """Return the working hours of several providers, on whichever days they apply."""
    found: dict[UUID, list[WorkingHours]] = {provider_id: [] for provider_id in provider_ids}
    for row in db.execute(_WEEKS, {"providers": list(provider_ids)}):
        found[row.provider_id].append(
            WorkingHours(row.weekday, row.starts, row.ends, row.clinic_id, row.valid_from, row.valid_to)
        )
    return found


def working_hours(db: Session, provider_id: UUID) -> list[WorkingHours]:
    """Return a provider's working hours, ordered by weekday and start."""
    return sorted(
        working_weeks(db, [provider_id])[provider_id], key=lambda h: (h.weekday, h.start, h.valid_from or date.min)
    )
