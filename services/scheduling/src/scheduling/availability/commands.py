"""The input of the search for free times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFreeTimes:
    """A search for free times. The service type is a code, and its default duration applies unless one is given.

    A bound is an instant in UTC, or a local day of the clinic. Weekdays are 0 (Sunday) to 6, and empty for any day. The
    slots start every `step_minutes` of the clinic's wall time. If a patient is given, the slots are free for the
    patient too.
    """

    service_type: str
    start: date | datetime
    end: date | datetime
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    room_required: bool = False
    room_id: UUID | None = None
    patient_id: UUID | None = None
    duration_minutes: int | None = None
    part_of_day: str | None = None
    weekdays: Sequence[int] = ()
    step_minutes: int = 15
