"""Reports: who did not come, how full groups are, how long ahead people book, and how much is booked.

A session belongs to the local day of its clinic on which it starts. What was cancelled is in no report.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Row, Select, Text, cast, extract, func, select
from sqlalchemy.orm import Session

from scheduling.domain import GROUP
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, ServiceType
from scheduling.timetable.statements import spots_taken

_LOCAL_START = func.local_time(Clinic.timezone, ClinicalSession.starts_at)
_OWNERS: dict[str, Any] = {
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


@dataclass(frozen=True)
class Period:
    """The local days from the first to the last, and whose: of every clinic and provider unless they are named.

    What belongs to the clinics that are `left_out`, because their zones are not known, is of no day.
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


def no_shows(db: Session, period: Period, by: str) -> list[dict[str, Any]]:
    """By `provider`, `service_type` or `weekday`: of those whose spot came to an outcome, how many did not come."""
    attended, arrived, missed = (
        func.count().filter(Participant.status == status) for status in ("ATTENDED", "ARRIVED", "NO_SHOW")
    )
    query = (
        _sessions(period, attended.label("attended"), arrived.label("arrived"), missed.label("no_shows"))
        .join(Participant, Participant.session_id == ClinicalSession.id)
        .where(Participant.status.in_(("ATTENDED", "ARRIVED", "NO_SHOW")))
    )
    rows = []
    for row in _grouped(db, query, by):
        expected = row["attended"] + row["arrived"] + row["no_shows"]
        rows.append({**row, "expected": expected, "no_show_percent": percent(row["no_shows"], expected)})
    return rows


def capacity(db: Session, period: Period, by: str) -> list[dict[str, Any]]:
    """By `provider`, `service_type` or `weekday`: of the spots that group sessions offered, how many were used."""
    query = _sessions(
        period,
        func.count().label("sessions"),
        func.sum(ClinicalSession.max_capacity).label("places_offered"),
        func.sum(spots_taken()).label("places_used"),
    ).where(ClinicalSession.session_type == GROUP)
    return [
        {**row, "used_percent": percent(row["places_used"], row["places_offered"])} for row in _grouped(db, query, by)
    ]


def lead_time(db: Session, period: Period) -> list[dict[str, Any]]:
    """By service type: how many days lie between booking and start, of what was booked before it."""
    days = extract("epoch", Participant.starts_at - Participant.booked_at) / 86400
    query = (
        _sessions(
            period,
            func.count().label("appointments"),
            func.percentile_cont(0.5).within_group(days).label("median_days"),
            func.avg(days).label("mean_days"),
            func.percentile_cont(0.9).within_group(days).label("percentile_90_days"),
        )
        .join(Participant, Participant.session_id == ClinicalSession.id)
        .where(Participant.status != "CANCELLED", Participant.booked_at < Participant.starts_at)
    )
    return [
        {name: round(float(value), 2) if name.endswith("_days") else value for name, value in row.items()}
        for row in _grouped(db, query, "service_type")
    ]


def booked(db: Session, period: Period, by: str) -> dict[UUID, Row[Any]]:
    """The number and the minutes of the sessions of each `provider` or `room`."""
    key = {"provider": ClinicalSession.provider_id, "room": ClinicalSession.room_id}[by]
    minutes = extract("epoch", ClinicalSession.ends_at - ClinicalSession.starts_at) / 60
    query = _sessions(period, key.label("key"), func.count().label("sessions"), func.sum(minutes).label("minutes"))
    return {row.key: row for row in db.execute(query.where(key.is_not(None)).group_by(key))}


def percent(part: float, whole: float) -> float:
    """With one digit after the point."""
    return round(100 * float(part) / float(whole), 1)


def _sessions(period: Period, *columns: Any) -> Select[Any]:
    """The sessions of a period; the bounds are for the index alone."""
    day, (earliest, latest) = cast(_LOCAL_START, Date), period.bounds
    query = (
        select(*columns)
        .select_from(ClinicalSession)
        .join(Clinic, Clinic.id == ClinicalSession.clinic_id)
        .where(
            ClinicalSession.live,
            ClinicalSession.starts_at >= earliest,
            ClinicalSession.starts_at < latest,
            day.between(period.first, period.last),
        )
    )
    for name in ("clinic_id", "provider_id"):
        if getattr(period, name):
            query = query.where(getattr(ClinicalSession, name) == getattr(period, name))
    return query


def _grouped(db: Session, query: Select[Any], by: str) -> list[dict[str, Any]]:
    """The rows of a report, each with the key and the names of what it is about."""
    if by == "weekday":
        key = cast(extract("dow", _LOCAL_START), Text).label("key")
        rows = db.execute(query.add_columns(key).group_by(key).order_by(key)).mappings()
        return [{**row, "name_en": _WEEKDAYS[row["key"]][0], "name_ar": _WEEKDAYS[row["key"]][1]} for row in rows]
    kind, key, owner = _OWNERS[by]
    query = query.join(kind, kind.id == owner).add_columns(key.label("key"), kind.name_en, kind.name_ar)
    return [
        dict(row)
        for row in db.execute(query.group_by(kind.tenant_id, kind.id).order_by(kind.name_en, kind.id)).mappings()
    ]
