"""What the reports are given."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReport:
    """A report on local days of each clinic, both included: of one clinic or provider if they are named, else of all.

    Nothing of the clinics that are `left_out` is counted: their zones are not known, so that it is of no day.
    """

    first: date
    last: date
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    left_out: frozenset[UUID] = frozenset()

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Instants before and after all of these days: no zone is more than a day from UTC."""
        first, last = (datetime.combine(day, time(), UTC) for day in (self.first, self.last))
        return first - timedelta(days=1), last + timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeGroupedReport(MakeReport):
    """A report with a row for each `provider`, `room`, `service_type` or `weekday`, as far as it knows them."""

    by: str = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePackageReport(MakeReport):
    """A report on the packages created on these days: of a service type (a code), or with a session of a provider."""

    service_type: str | None = None
