"""Reports on sessions: no-shows, use of groups, lead times, and booked time.

A session belongs to the local day of its clinic on which it starts. Cancelled sessions and appointments are in no
report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Date, FromClause, Integer, SQLColumnExpression, Text, cast, extract, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, join

from scheduling.domain import GROUP
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, ServiceType
from scheduling.reports.commands import MakeGroupedReport, MakeReport
from scheduling.timetable.statements import spots_taken

_LOCAL_START = func.local_time(Clinic.timezone, ClinicalSession.starts_at)
_SESSIONS = join(ClinicalSession, Clinic, Clinic.id == ClinicalSession.clinic_id)
_APPOINTMENTS = join(_SESSIONS, Participant, Participant.session_id == ClinicalSession.id)
#: What a report can be grouped by: the records, their keys in the report, and the session's column that refers to them.
_OWNERS: dict[str, tuple[type[Provider | ServiceType], SQLColumnExpression[str], InstrumentedAttribute[UUID]]] = {
    "provider": (Provider, cast(Provider.id, Text), ClinicalSession.provider_id),
    "service_type": (ServiceType, ServiceType.code, ClinicalSession.service_type_id),
}
_WEEKDAYS = {
    "0": ("Sunday", "الأحد"),
    "1": ("Monday", "الاثنين"),
    "2": ("Tuesday", "الثلاثاء"),
    "3": ("Wednesday", "الأربعاء"),
    "4": ("Thursday", "الخميس"),
    "5": ("Friday", "الجمعة"),
    "6": ("Saturday", "السبت"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The subject of a row of a report: a record's id or code, or a weekday."""

    key: str
    name_en: str
    name_ar: str


R = TypeVar("R", bound=Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShows(Named):
    """The number of appointments with an outcome, and how many of the patients came."""

    attended: int
    arrived: int
    no_shows: int

    @property
    def expected(self) -> int:
        """The number of all appointments with an outcome."""
        return self.attended + self.arrived + self.no_shows

    @property
    def no_show_percent(self) -> float:
        """The percentage of no-shows."""
        return percent(self.no_shows, self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity(Named):
    """The group sessions, their spots, and the spots that live participants have."""

    sessions: int
    places_offered: int
    places_used: int

    @property
    def used_percent(self) -> float:
        """The percentage of the spots that are used."""
        return percent(self.places_used, self.places_offered)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime(Named):
    """The number of days between booking and start, with two decimal places."""

    appointments: int
    median_days: float | Decimal
    mean_days: float | Decimal
    percentile_90_days: float | Decimal


@dataclass(frozen=True, slots=True)
class Booked:
    """The number of sessions, and their minutes."""

    sessions: int
    minutes: int


def no_shows(db: Session, asked: MakeGroupedReport) -> list[NoShows]:
    """Report by `provider`, `service_type` or `weekday` how many of the appointments with an outcome are no-shows."""
    attended, arrived, missed = (
        func.count().filter(Participant.status == status) for status in ("ATTENDED", "ARRIVED", "NO_SHOW")
    )
    return _grouped(
        db,
        NoShows,
        asked,
        asked.by,
        _APPOINTMENTS,
        [attended.label("attended"), arrived.label("arrived"), missed.label("no_shows")],
        Participant.status.in_(("ATTENDED", "ARRIVED", "NO_SHOW")),
    )


def capacity(db: Session, asked: MakeGroupedReport) -> list[Capacity]:
    """Report by `provider`, `service_type` or `weekday` how many of the spots of group sessions were used."""
    counted = [
        func.count().label("sessions"),
        func.sum(ClinicalSession.max_capacity).label("places_offered"),
        cast(func.sum(spots_taken()), Integer).label("places_used"),
    ]
    return _grouped(db, Capacity, asked, asked.by, _SESSIONS, counted, ClinicalSession.session_type == GROUP)


def lead_time(db: Session, asked: MakeReport) -> list[LeadTime]:
    """Report by service type how many days lie between booking and start, for what was booked before the start."""
    days = extract("epoch", Participant.starts_at - Participant.booked_at) / 86400
    counted = [
        func.count().label("appointments"),
        func.percentile_cont(0.5).within_group(days).label("median_days"),
        func.avg(days).label("mean_days"),
        func.percentile_cont(0.9).within_group(days).label("percentile_90_days"),
    ]
    ahead = Participant.status != "CANCELLED", Participant.booked_at < Participant.starts_at
    return [
        replace(
            row,
            median_days=_in_days(row.median_days),
            mean_days=_in_days(row.mean_days),
            percentile_90_days=_in_days(row.percentile_90_days),
        )
        for row in _grouped(db, LeadTime, asked, "service_type", _APPOINTMENTS, counted, *ahead)
    ]


def booked(db: Session, asked: MakeReport, by: str) -> dict[UUID, Booked]:
    """Return the number and the minutes of the sessions of each `provider` or `room`."""
    key = {"provider": ClinicalSession.provider_id, "room": ClinicalSession.room_id}[by]
    minutes = extract("epoch", ClinicalSession.ends_at - ClinicalSession.starts_at) / 60
    query = (
        select(key, func.count(), func.sum(minutes))
        .select_from(_SESSIONS)
        .where(*_within(asked), key.is_not(None))
        .group_by(key)
    )
    return {owner: Booked(sessions, int(total)) for owner, sessions, total in db.execute(query) if owner}


def percent(part: float, whole: float) -> float:
    """Return a percentage with one decimal place."""
    return round(100 * float(part) / float(whole), 1)


def _in_days(value: float | Decimal) -> float:
    return round(float(value), 2)


def _within(asked: MakeReport) -> list[SQLColumnExpression[bool]]:
    """Return the conditions for the sessions of a report. The bounds only serve the index."""
    day, (earliest, latest) = cast(_LOCAL_START, Date), asked.bounds
    conditions: list[SQLColumnExpression[bool]] = [
        ClinicalSession.live,
        ClinicalSession.starts_at >= earliest,
        ClinicalSession.starts_at < latest,
        day.between(asked.first, asked.last),
    ]
    if asked.clinic_id:
        conditions.append(ClinicalSession.clinic_id == asked.clinic_id)
    if asked.provider_id:
        conditions.append(ClinicalSession.provider_id == asked.provider_id)
    return conditions


def _grouped(
    db: Session,
    kind: type[R],
    asked: MakeReport,
    by: str,
    source: FromClause,
    counted: Sequence[ColumnElement[int]],
    *conditions: ColumnElement[bool],
) -> list[R]:
    """Return the rows of a report, each with the key and the names of its subject.

    Columns have the names of its fields.
    """
    query = select(*counted).select_from(source).where(*_within(asked), *conditions)
    if by == "weekday":
        key = cast(extract("dow", _LOCAL_START), Text).label("key")
        rows = db.execute(query.add_columns(key).group_by(key).order_by(key)).mappings()
        return [kind(**row, name_en=_WEEKDAYS[row["key"]][0], name_ar=_WEEKDAYS[row["key"]][1]) for row in rows]
    record, code, owner = _OWNERS[by]
    named = query.join(record, record.id == owner).add_columns(code.label("key"), record.name_en, record.name_ar)
    grouped = named.group_by(record.tenant_id, record.id).order_by(record.name_en, record.id)
    return [kind(**row) for row in db.execute(grouped).mappings()]
