"""How much of the time that was available is booked, of each provider or room.

What was available comes from the working hours, of whose wall times the domain makes instants; it is not stored.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduling.models import Clinic, Closure, Provider, Room, TimeOff
from scheduling.queries.reports import Period, booked, percent
from scheduling.timetable.hours import local_day, open_intervals, zone_of
from scheduling.timetable.intervals import Interval, merged, subtract
from scheduling.timetable.statements import days_overlap, times_overlap
from scheduling.timetable.weeks import working_weeks

#: A clinic, and when each of its active providers works there on days on which it is open.
Opening = tuple[UUID, dict[UUID, list[Interval]]]


def of_providers(db: Session, period: Period) -> list[dict[str, Any]]:
    """Available to an active provider are the working hours, without time off and closures."""
    away = _time_off(db, period)
    available: dict[UUID, int] = defaultdict(int)
    for _, hours in _openings(db, period):
        for provider_id, intervals in hours.items():
            available[provider_id] += _minutes(subtract(intervals, merged(away[provider_id])))
    query = select(Provider.id, Provider.name_en, Provider.name_ar).order_by(Provider.name_en, Provider.id)
    if period.provider_id:
        query = query.where(Provider.id == period.provider_id)
    return _report(db, period, "provider", db.execute(query).all(), available)


def of_rooms(db: Session, period: Period) -> list[dict[str, Any]]:
    """Available is an active room while any provider of its clinic has working hours there, without closures."""
    opening = {clinic_id: _minutes(merged(chain(*hours.values()))) for clinic_id, hours in _openings(db, period)}
    rooms = db.execute(select(Room.id, Room.name, Room.name, Room.clinic_id, Room.active).order_by(Room.name, Room.id))
    found = rooms.all()
    available = {room.id: opening.get(room.clinic_id, 0) for room in found if room.active}
    return _report(db, period, "room", found, available)


def _report(
    db: Session, period: Period, by: str, records: Sequence[Any], available: dict[UUID, int]
) -> list[dict[str, Any]]:
    """A row for each that was available, or booked all the same."""
    taken = booked(db, period, by)
    rows = []
    for record_id, name_en, name_ar, *_ in records:
        minutes, sessions = available.get(record_id, 0), taken.get(record_id)
        if minutes or sessions:
            used = int(sessions.minutes) if sessions else 0
            rows.append(
                {
                    "key": str(record_id),
                    "name_en": name_en,
                    "name_ar": name_ar,
                    "sessions": sessions.sessions if sessions else 0,
                    "booked_minutes": used,
                    "available_minutes": minutes,
                    "utilisation_percent": percent(used, minutes) if minutes else None,
                }
            )
    return rows


def _openings(db: Session, period: Period) -> Iterator[Opening]:
    hours = working_weeks(db, db.scalars(select(Provider.id).where(Provider.active)).all())
    these_days = days_overlap(Closure.starts_on, Closure.ends_on, period.first, period.last)
    closed_on = db.scalars(select(Closure).where(these_days)).all()
    for clinic in db.scalars(select(Clinic)):
        if period.clinic_id not in (None, clinic.id) or clinic.id in period.left_out:
            continue
        closed = merged(_closed(c, clinic, period) for c in closed_on if c.clinic_id in (None, clinic.id))
        there = {p: week for p, week in hours.items() if any(h.clinic_id == clinic.id for h in week)}
        yield (
            clinic.id,
            {
                provider_id: subtract(
                    open_intervals(week, clinic.id, clinic.timezone, period.first, period.last), closed
                )
                for provider_id, week in there.items()
            },
        )


def _closed(closure: Closure, clinic: Clinic, period: Period) -> Interval:
    zone = zone_of(clinic.timezone)
    first, last = max(closure.starts_on, period.first), min(closure.ends_on, period.last)
    return local_day(first, zone)[0], local_day(last, zone)[1]


def _time_off(db: Session, period: Period) -> dict[UUID, list[Interval]]:
    found: dict[UUID, list[Interval]] = defaultdict(list)
    query = select(TimeOff.provider_id, TimeOff.starts_at, TimeOff.ends_at)
    for provider_id, starts_at, ends_at in db.execute(
        query.where(times_overlap(TimeOff.starts_at, TimeOff.ends_at, period.bounds))
    ):
        found[provider_id].append((starts_at, ends_at))
    return found


def _minutes(intervals: Iterable[Interval]) -> int:
    return int(sum((end - start).total_seconds() for start, end in intervals) // 60)
