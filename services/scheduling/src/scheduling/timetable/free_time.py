"""The free time of providers, rooms and patients, read with a fixed number of statements for any number of them.

The database combines what is occupied and returns only the gaps that are long enough. A full calendar therefore costs
one index scan in the database and hardly any work here. The rule is the same as in `conflicts`, because both use the
function `occupancy`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from scheduling.timetable.grid import Grid
from scheduling.timetable.hours import WorkingHours, day_of, local_day, open_intervals, zone_of
from scheduling.timetable.intervals import Interval, intersect, merged, subtract
from scheduling.timetable.weeks import working_weeks

_DAY = timedelta(days=1)

_CANDIDATES = text("""
    SELECT p.id AS provider_id, p.name_en, p.name_ar, c.id AS clinic_id, c.timezone
    FROM providers p JOIN provider_clinics pc ON pc.provider_id = p.id JOIN clinics c ON c.id = pc.clinic_id
    WHERE p.active AND c.active AND p.discipline = :discipline
      AND (CAST(:provider AS uuid) IS NULL OR p.id = :provider) AND (CAST(:clinic AS uuid) IS NULL OR c.id = :clinic)
""")
_ROOMS = text("""
    SELECT id, name, clinic_id FROM rooms
    WHERE active AND clinic_id = ANY (CAST(:clinics AS uuid[])) AND (CAST(:room AS uuid) IS NULL OR id = :room)
    ORDER BY name, id
""")
_CLOSURES = text("""
    SELECT clinic_id, starts_on, ends_on FROM closures WHERE days_overlap(starts_on, ends_on, :first_day, :last_day)
""")


def _gaps(kind: str, cause: str | None = None) -> TextClause:
    """The statement that returns, for each id, the gaps between `starts` and `ends` that are long enough.

    With a cause, only occupancy of that cause takes up time. Sessions that are `moving` away do not count.
    """
    of_the_cause = f" AND o.cause = '{cause}'" if cause else ""
    return text(f"""
        SELECT asked.id, lower(gap) AS starts, upper(gap) AS ends
        FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
        CROSS JOIN LATERAL unnest(
          tstzmultirange(tstzrange(:starts, :ends))
          - (SELECT coalesce(range_agg(tstzrange(o.taken_from, o.taken_to)), '{{}}')
             FROM occupancy('{kind}', asked.id, :before, :after, :starts, :ends) AS o
             WHERE o.source_id <> ALL (CAST(:moving AS uuid[])){of_the_cause})
        ) AS gap
        WHERE upper(gap) - lower(gap) >= :minutes * interval '1 minute'
        ORDER BY gap
    """)  # noqa: S608 - made of this module's own text


OF_PROVIDERS = _gaps("provider")
BETWEEN_SESSIONS = _gaps("provider", "session")
BETWEEN_ABSENCES = _gaps("provider", "time-off")
OF_ROOMS = _gaps("room")
OF_PATIENTS = _gaps("patient")


class ServiceKind(Protocol):
    """What a search needs to know of a service type."""

    @property
    def code(self) -> str:
        """The code of the service type."""

    @property
    def discipline(self) -> str:
        """The discipline that its providers must have."""

    @property
    def buffer_before_minutes(self) -> int:
        """How many minutes before its start a session takes up the provider and the room."""

    @property
    def buffer_after_minutes(self) -> int:
        """How many minutes after its end a session takes up the provider and the room."""


@dataclass(frozen=True)
class Search:
    """A search for times of a session of a service type, with its length in minutes and optionally a room.

    The session starts at or after `start` and before `end`. Both are either instants, or days of the clinic, of which
    the last is included. Sessions that are `moving` away do not count.
    """

    service_type: ServiceKind
    start: date
    end: date
    minutes: int
    step_minutes: int
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    room_id: UUID | None = None
    needs_room: bool = False
    patient_id: UUID | None = None
    part_of_day: str | None = None
    weekdays: frozenset[int] = frozenset()
    moving: frozenset[UUID] = frozenset()

    @property
    def length(self) -> timedelta:
        """The time from the start to the end of the session."""
        return timedelta(minutes=self.minutes)

    def bounds(self, zone: str) -> Interval:
        """The instants in UTC at or after the first of which, and before the second of which, the session starts."""
        return instant_of_bound(self.start, zone), instant_of_bound(self.end, zone, after=True)


@dataclass(frozen=True)
class Room:
    """A room that may be free."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Clinic:
    """A clinic that is searched, with its bounds, its start times, its closed time, and its rooms in their order."""

    id: UUID
    timezone: str
    bounds: Interval
    grid: Grid
    closed: list[Interval]
    rooms: list[Room]


@dataclass(frozen=True)
class Candidate:
    """A qualified provider in one of the clinics."""

    id: UUID
    name_en: str
    name_ar: str
    clinic: Clinic
    hours: list[WorkingHours]

    def worked(self, reach: Interval) -> list[Interval]:
        """When the provider works in the clinic while it is open, on every local day that `reach` touches."""
        zone = self.clinic.timezone
        hours = open_intervals(self.hours, self.clinic.id, zone, *(day_of(instant, zone) for instant in reach))
        return subtract(hours, self.clinic.closed)


class Stages(NamedTuple):
    """The time of a provider after each step: working time, time not occupied, and time free for the patient."""

    worked: list[Interval]
    untaken: list[Interval]
    free: list[Interval]


@dataclass(frozen=True)
class FreeTime:
    """The time within `reach` in which the providers, the rooms and the patient of a search have no session.

    Providers and rooms without any gap are left out.
    """

    reach: Interval
    providers: Mapping[UUID, list[Interval]]
    rooms: Mapping[UUID, list[Interval]]
    patient: list[Interval]

    def of(self, candidate: Candidate) -> Stages:
        """What remains of a candidate's time."""
        worked = intersect([self.reach], candidate.worked(self.reach))
        untaken = intersect(worked, self.providers.get(candidate.id, []))
        return Stages(worked, untaken, intersect(untaken, self.patient))

    def room(self, room_id: UUID) -> list[Interval]:
        """When a room is free."""
        return self.rooms.get(room_id, [])


def free_time(db: Session, search: Search, candidates: Collection[Candidate], reach: Interval) -> FreeTime:
    """Return the time within `reach` in which candidates, the rooms of their clinics and the patient are free."""
    return FreeTime(
        reach,
        _of(db, OF_PROVIDERS, {c.id for c in candidates}, search, reach),
        _of(db, OF_ROOMS, {room.id for c in candidates for room in c.clinic.rooms}, search, reach),
        _patients_time(db, search, reach),
    )


def gaps_of(
    db: Session,
    statement: TextClause,
    ids: Collection[UUID],
    reach: Interval,
    *,
    minutes: int,
    before: int = 0,
    after: int = 0,
    moving: Collection[UUID] = (),
) -> dict[UUID, list[Interval]]:
    """Return the gaps within `reach` of at least `minutes` minutes, in order, for each id that has any.

    A session with buffers of `before` and `after` minutes fits into each gap. With 0 for both, the gaps leave out only
    what other sessions block, including their own buffers. Sessions that are `moving` away do not count.
    """
    if not ids:
        return {}
    asked = {
        "ids": list(ids),
        "starts": reach[0],
        "ends": reach[1],
        "minutes": minutes,
        "before": before,
        "after": after,
        "moving": list(moving),
    }
    found: dict[UUID, list[Interval]] = {}
    for row in db.execute(statement, asked):
        found.setdefault(row.id, []).append((row.starts.astimezone(UTC), row.ends.astimezone(UTC)))
    return found


def candidates_of(db: Session, search: Search) -> list[Candidate]:
    """Return the active providers of the discipline in each active clinic of the search where they have hours."""
    asked = {"discipline": search.service_type.discipline, "provider": search.provider_id, "clinic": search.clinic_id}
    rows = db.execute(_CANDIDATES, asked).all()
    clinics = _clinics(db, search, {row.clinic_id: row.timezone for row in rows})
    weeks = working_weeks(db, {row.provider_id for row in rows})
    return [
        Candidate(row.provider_id, row.name_en, row.name_ar, clinics[row.clinic_id], hours)
        for row in rows
        if (hours := [h for h in weeks[row.provider_id] if h.clinic_id == row.clinic_id])
    ]


def instant_of_bound(bound: date, zone: str, *, after: bool = False) -> datetime:
    """Return an instant unchanged.

    For a day, return the midnight at which it starts, or with `after` the midnight at which it ends.
    """
    if isinstance(bound, datetime):
        return bound
    return local_day(bound, zone_of(zone))[after]


def _of(
    db: Session, statement: TextClause, ids: Collection[UUID], search: Search, reach: Interval
) -> dict[UUID, list[Interval]]:
    """Return the gaps within `reach` that are long enough for a search, for each id that has any."""
    kind = search.service_type
    before, after = kind.buffer_before_minutes, kind.buffer_after_minutes
    return gaps_of(db, statement, ids, reach, minutes=search.minutes, before=before, after=after, moving=search.moving)


def _patients_time(db: Session, search: Search, reach: Interval) -> list[Interval]:
    """Return when the patient has no session, or all of `reach` if the search names no patient."""
    if search.patient_id is None:
        return [reach]
    return _of(db, OF_PATIENTS, [search.patient_id], search, reach).get(search.patient_id, [])


def _clinics(db: Session, search: Search, zones: Mapping[UUID, str]) -> dict[UUID, Clinic]:
    rooms: dict[UUID, list[Room]] = {clinic_id: [] for clinic_id in zones}
    if search.needs_room:
        for row in db.execute(_ROOMS, {"clinics": list(zones), "room": search.room_id}):
            rooms[row.clinic_id].append(Room(row.id, row.name))
    # The local day of a date may start on the day before it in UTC and end on the day after it.
    days = {"first_day": _day(search.start) - _DAY, "last_day": _day(search.end) + 2 * _DAY}
    closures = db.execute(_CLOSURES, days).all()
    return {
        clinic_id: Clinic(
            id=clinic_id,
            timezone=zone,
            bounds=search.bounds(zone),
            grid=Grid(zone, search.step_minutes, search.part_of_day, search.weekdays),
            closed=merged(
                (instant_of_bound(row.starts_on, zone), instant_of_bound(row.ends_on, zone, after=True))
                for row in closures
                if row.clinic_id in (None, clinic_id)
            ),
            rooms=rooms[clinic_id],
        )
        for clinic_id, zone in zones.items()
    }


def _day(bound: date) -> date:
    """Return the day in UTC of an instant, or a day unchanged."""
    return bound.astimezone(UTC).date() if isinstance(bound, datetime) else bound
