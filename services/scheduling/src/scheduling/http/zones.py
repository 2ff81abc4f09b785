"""Requests by local days, where the zone of a clinic is not known."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from jalsa.http import current_db
from scheduling.appointments.commands.appointments import FindAppointments
from scheduling.appointments.commands.sessions import FindSessions
from scheduling.directory.operations.setup import unknown_zone
from scheduling.directory.queries import ZonedClinic, clinics_of_unknown_zone


def left_out(clinic_id: UUID | None) -> Sequence[ZonedClinic]:
    """Return the clinics whose local days cannot be calculated.

    Raises 409 `unknown-zone` if the requested clinic is one.
    """
    unknown = clinics_of_unknown_zone(current_db())
    for clinic in unknown:
        if clinic.id == clinic_id:
            raise unknown_zone(clinic)
    return unknown


def told(unknown: Sequence[ZonedClinic]) -> dict[str, Any]:
    """Return the part of an answer about the clinics that it leaves out, which is empty if there are none."""
    shown = [{"id": str(clinic.id), "code": clinic.code, "timezone": clinic.timezone} for clinic in unknown]
    return {"left_out_clinics": shown} if shown else {}


def told_of_days(asked: FindSessions | FindAppointments) -> dict[str, Any]:
    """Return the same for a list. It is only needed if `starts_from` or `starts_before` is a local day."""
    bounds = (asked.starts_from, asked.starts_before)
    by_days = any(isinstance(bound, date) and not isinstance(bound, datetime) for bound in bounds)
    return told(left_out(asked.clinic_id)) if by_days else {}
