"""Reports on how much of the available time of each provider or room is booked.

The available time is calculated from the working hours, which are wall times. It is not stored.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduling.models import Clinic, Closure, Provider, Room, TimeOff
from scheduling.reports.commands import MakeReport
from scheduling.reports.queries.sessions import Booked, Named, booked, percent
from scheduling.timetable.hours import local_day, open_intervals, zone_of
from scheduling.timetable.intervals import Interval, merged, subtract
from scheduling.timetable.statements import days_overlap, times_overlap
from scheduling.timetable.weeks import working_weeks

#: A clinic, and when each of its active providers works there on days on which the clinic is open.
Opening = tuple[UUID, dict[UUID, list[Interval]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilisation(Named):
    """The number of minutes in which a provider or a room was available, and the number of booked minutes."""

    sessions: int
    booked_minutes: int
    available_minutes: int

    @property
    def utilisation_percent(self) -> float | None:
        """The percentage of the available time that is booked, or None if none was available."""
        return percent(self.booked_minutes, self.available_minutes) if self.available_minutes else None


def of_providers(db: Session, asked: MakeReport) -> list[Utilisation]:
    """Report on providers. An active provider is available in the working hours, without time off and closures."""
    away = _time_off(db, asked)
    available: dict[UUID, int] = defaultdict(int)
    for _, hours in _openings(db, asked):
        for provider_id, intervals in hours.items():
            available[provider_id] += _minutes(subtract(intervals, merged(away[provider_id])))
    query = select(Provider.id, Provider.name_en, Provider.name_ar).order_by(Provider.name_en, Provider.id)
    if asked.provider_id:
        query = query.where(Provider.id == asked.provider_id)
    taken = booked(db, asked, "provider")
    rows = (_row(*record, available, taken) for record in db.execute(query))
    return [row for row in rows if row.available_minutes or row.sessions]


def of_rooms(db: Session, asked: MakeReport) -> list[Utilisation]:
    """Report on rooms. An active room is available while any provider of its clinic has working hours there.

    Closures are not available time.
    """
    opening = {clinic_id: _minutes(merged(chain(*hours.values()))) for clinic_id, hours in _openings(db, asked)}
    rooms = db.execute(select(Room.id, Room.name, Room.clinic_id, Room.active).order_by(Room.name, Room.id)).all()
    available = {room.id: opening.get(room.clinic_id, 0) for room in rooms if room.active}
    taken = booked(db, asked, "room")
    rows = (_row(room.id, room.name, room.name, available, taken) for room in rooms)
    return [row for row in rows if row.available_minutes or row.sessions]


def _row(
    record_id: UUID, name_en: str, name_ar: str, available: Mapping[UUID, int], taken: Mapping[UUID, Booked]
) -> Utilisation:
    of_record = taken.get(record_id, Booked(0, 0))
    return Utilisation(
        key=str(record_id),
        name_en=name_en,
        name_ar=name_ar,
        sessions=of_record.sessions,
        booked_minutes=of_record.minutes,
        available_minutes=available.get(record_id, 0),
    )


def _openings(db: Session, asked: MakeReport) -> Iterator[Opening]:
    hours = working_weeks(db, db.scalars(select(Provider.id).where(Provider.active)).all())
    these_days = days_overlap(Closure.starts_on, Closure.ends_on, asked.first, asked.last)
    closed_on = db.scalars(select(Closure).where(these_days)).all()
    for clinic in db.scalars(select(Clinic)):
        if asked.clinic_id not in (None, clinic.id) or clinic.id in asked.left_out:
            continue
        closed = merged(_closed(c, clinic, asked) for c in closed_on if c.clinic_id in (None, clinic.id))
        there = {p: week for p, week in hours.items() if any(h.clinic_id == clinic.id for h in week)}
        yield (
            clinic.id,
            {
                provider_id: subtract(open_intervals(week, clinic.id, clinic.timezone, asked.first, asked.last), closed)
                for provider_id, week in there.items()
            },
        )


def _closed(closure: Closure, clinic: Clinic, asked: MakeReport) -> Interval:
    zone = zone_of(clinic.timezone)
    first, last = max(closure.starts_on, asked.first), min(closure.ends_on, asked.last)
    return local_day(first, zone)[0], local_day(last, zone)[1]


def _time_off(db: Session, asked: MakeReport) -> dict[UUID, list[Interval]]:
    found: dict[UUID, list[Interval]] = defaultdict(list)
    query = select(TimeOff.provider_id, TimeOff.starts_at, TimeOff.ends_at)
    for provider_id, starts_at, ends_at in db.execute(
        query.where(times_overlap(TimeOff.starts_at, TimeOff.ends_at, asked.bounds))
    ):
        found[provider_id].append((starts_at, ends_at))
    return found


def _minutes(intervals: Iterable[Interval]) -> int:
    return int(sum((end - start).total_seconds() for start, end in intervals) // 60)
