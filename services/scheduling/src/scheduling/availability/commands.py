"""What the search for free times is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFreeTimes:
    """Which free times are looked for; the service type is a code, whose default duration counts unless one is given.

    A bound is an instant in UTC, or a local day of the clinic. Weekdays are 0 (Sunday) to 6; none means any. The
    slots begin every `step_minutes` of the clinic's wall time, and are free for the patient, if one is named.
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
