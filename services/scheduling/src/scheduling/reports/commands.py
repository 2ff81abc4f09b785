"""The inputs of the reports."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReport:
    """A report on local days of each clinic, both included, for one clinic or provider, or for all of them.

    Clinics that are `left_out` are not counted. Their zones are not known, so their sessions are on no local day.
    """

    first: date
    last: date
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    left_out: frozenset[UUID] = frozenset()

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Instants before and after all of these days.

        They are a day wider, because no zone is more than a day from UTC.
        """
        first, last = (datetime.combine(day, time(), UTC) for day in (self.first, self.last))
        return first - timedelta(days=1), last + timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeGroupedReport(MakeReport):
    """A report with one row for each `provider`, `room`, `service_type` or `weekday`, as far as it supports them."""

    by: str = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePackageReport(MakeReport):
    """A report on the packages created on these days, with a service type (a code) or a provider of any session."""

    service_type: str | None = None
