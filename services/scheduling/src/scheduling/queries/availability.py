"""The free times of providers and rooms: a few statements for all of them, however many there are.

What is taken is put together in the database, and only the gaps that are long enough are read: a calendar that is full
costs the database an index scan, and us next to nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import islice
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from scheduling.domain import MAX_BUFFER_MINUTES, MAX_MINUTES
from scheduling.domain.hours import (
    Interval,
    WorkingHours,
    contains,
    day_of,
    last_day,
    local_day,
    merged,
    open_intervals,
    subtract,
    zone_of,
)
from scheduling.domain.slots import Grid, intersect, windows
from scheduling.models import ServiceType
from scheduling.queries import working_weeks

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)

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
    SELECT clinic_id, starts_on, ends_on FROM closures WHERE ends_on >= :first_day AND starts_on <= :last_day
""")


def _gaps(*taken: str) -> TextClause:
    """What is left, for each of the ids, of the time from `starts` to `ends`, where it is long enough."""
    return text(f"""
        SELECT asked.id, lower(gap) AS starts, upper(gap) AS ends
        FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
        CROSS JOIN LATERAL unnest(
          tstzmultirange(tstzrange(:starts, :ends))
          - (SELECT coalesce(range_agg(during), '{{}}') FROM ({" UNION ALL ".join(taken)}) AS taken)
        ) AS gap
        WHERE upper(gap) - lower(gap) >= :minutes * interval '1 minute'
        ORDER BY gap
    """)  # noqa: S608 - made of this module's own text


# A session of ours with its buffers must not meet another with that one's: so the other's time is longer by both.
# `earliest`: see operations.placing. Those that are `moving` away stand in nobody's way.
_SESSIONS = """
    SELECT tstzrange(starts_at - (buffer_before_minutes + :after) * interval '1 minute',
                     ends_at + (buffer_after_minutes + :before) * interval '1 minute') AS during
    FROM sessions WHERE status <> 'CANCELLED' AND {} = asked.id AND starts_at > :earliest AND starts_at < :latest
      AND id <> ALL (CAST(:moving AS uuid[]))
"""
_TIME_OFF = """
    SELECT tstzrange(starts_at, ends_at) AS during FROM time_off
    WHERE provider_id = asked.id AND ends_at > :starts AND starts_at < :ends
"""
_PLACES = """
    SELECT tstzrange(starts_at, ends_at) AS during FROM participants
    WHERE live AND patient_id = asked.id AND ends_at > :starts AND starts_at < :ends
      AND session_id <> ALL (CAST(:moving AS uuid[]))
"""
OF_PROVIDERS = _gaps(_SESSIONS.format("provider_id"), _TIME_OFF)
BETWEEN_SESSIONS = _gaps(_SESSIONS.format("provider_id"))
BETWEEN_ABSENCES = _gaps(_TIME_OFF)
OF_ROOMS = _gaps(_SESSIONS.format("room_id"))
OF_PATIENTS = _gaps(_PLACES)


@dataclass(frozen=True)
class Search:
    """What is looked for: a session of a service type, of so many minutes, where one is asked for with a room.

    It begins from `start` until before `end`: instants, or days of the clinic, of which the last is included. Sessions
    that are `moving` away stand in nobody's way.
    """

    service_type: ServiceType
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
        """From the start to the end of the session."""
        return timedelta(minutes=self.minutes)

    def bounds(self, zone: str) -> Interval:
        """The instants, in UTC, from which and before which the session begins."""
        return _instant(self.start, zone), _instant(self.end, zone, after=True)


@dataclass(frozen=True)
class Room:
    """A room that may be free."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Clinic:
    """A clinic that is searched: when, when not, and its rooms in their order."""

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
        """When the provider works there, on every local day that reach touches."""
        zone = self.clinic.timezone
        return open_intervals(self.hours, self.clinic.id, zone, *(day_of(instant, zone) for instant in reach))


#: What slots are ordered by: the start, the provider's name and id, the clinic's id.
Key = tuple[datetime, str, UUID, UUID]


@dataclass(frozen=True)
class Slot:
    """A time at which a provider, and a room if one is asked for, are free."""

    starts_at: datetime
    ends_at: datetime
    provider: Candidate
    room: Room | None

    @property
    def clinic(self) -> Clinic:
        """Where it is."""
        return self.provider.clinic


def free_slots(db: Session, search: Search, *, after: Key | None, limit: int, now: datetime) -> list[Slot]:
    """Slots that begin after `now`, the earliest first; each can be booked as it is.

    The rule is that of `operations.placing.conflicts`, for all providers at once. Read only as far as is needed.
    """
    candidates = [_up_to_the_horizon(candidate, now) for candidate in candidates_of(db, search)]
    found: list[Slot] = []
    if not candidates:
        return found
    start = max(min(c.clinic.bounds[0] for c in candidates), now + _INSTANT, *(after or ())[:1])
    for window in windows(start, max(c.clinic.bounds[1] for c in candidates)):
        slots = _slots(db, search, candidates, window, after)
        found += islice(slots, limit - len(found))
        if len(found) == limit:
            break
    return found


def _up_to_the_horizon(candidate: Candidate, now: datetime) -> Candidate:
    clinic = candidate.clinic
    end = _instant(last_day(now, clinic.timezone), clinic.timezone, after=True)
    return replace(candidate, clinic=replace(clinic, bounds=(clinic.bounds[0], min(clinic.bounds[1], end))))


def _slots(
    db: Session, search: Search, candidates: list[Candidate], window: Interval, after: Key | None
) -> Iterator[Slot]:
    """The slots that begin in a window, in order."""
    reach = window[0], window[1] + search.length
    providers = read_gaps(db, OF_PROVIDERS, {c.id for c in candidates}, search, reach)
    rooms = read_gaps(db, OF_ROOMS, {r.id for c in candidates for r in c.clinic.rooms}, search, reach)
    open_time = _open_time(db, search, candidates, rooms, reach)

    def start_times(candidate: Candidate) -> Iterator[tuple[Key, Candidate]]:
        clinic = candidate.clinic
        free = intersect(intersect(candidate.worked(reach), providers.get(candidate.id, [])), open_time[clinic.id])
        bounds = max(window[0], clinic.bounds[0]), min(window[1], clinic.bounds[1])
        for starts_at in clinic.grid.start_times(free, search.length, bounds):
            yield (starts_at, candidate.name_en, candidate.id, clinic.id), candidate

    for key, candidate in merge(*map(start_times, candidates)):  # no two keys are equal
        if (after is None or key > after) and (slot := _slot(search, candidate, rooms, key[0])):
            yield slot


def _slot(
    search: Search, candidate: Candidate, rooms: Mapping[UUID, list[Interval]], starts_at: datetime
) -> Slot | None:
    """The slot with the first room that is free, if it needs one; None if there is none."""
    ends_at, room = starts_at + search.length, None
    if search.needs_room:
        free = (r for r in candidate.clinic.rooms if contains(rooms.get(r.id, []), starts_at, ends_at))
        room = next(free, None)
        if room is None:
            return None
    return Slot(starts_at, ends_at, candidate, room)


def _open_time(
    db: Session, search: Search, candidates: list[Candidate], rooms: Mapping[UUID, list[Interval]], reach: Interval
) -> dict[UUID, list[Interval]]:
    """When a session could be in each clinic, whoever holds it: open, a room free, the patient not elsewhere."""
    patient = patients_time(db, search, reach)
    found = {}
    for clinic in {c.clinic.id: c.clinic for c in candidates}.values():
        found[clinic.id] = intersect(subtract([reach], clinic.closed), patient)
        if search.needs_room:
            a_room = merged(gap for room in clinic.rooms for gap in rooms.get(room.id, []))
            found[clinic.id] = intersect(found[clinic.id], a_room)
    return found


def patients_time(db: Session, search: Search, reach: Interval) -> list[Interval]:
    """When the patient, if one is named, has no session."""
    if search.patient_id is None:
        return [reach]
    return read_gaps(db, OF_PATIENTS, [search.patient_id], search, reach).get(search.patient_id, [])


def read_gaps(
    db: Session, statement: TextClause, ids: Collection[UUID], search: Search, reach: Interval
) -> dict[UUID, list[Interval]]:
    """The gaps within reach that are long enough for what is looked for, of each id that has any."""
    kind = search.service_type
    before, after = kind.buffer_before_minutes, kind.buffer_after_minutes
    return gaps_of(db, statement, ids, reach, minutes=search.minutes, before=before, after=after, moving=search.moving)


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
    """The gaps within reach of at least that many minutes, in order, of each id that has any.

    A session of `before` and `after` minutes of buffers fits into them, and one without where they are 0: then what
    others have blocked, with their own buffers, is left out. Those that are `moving` away stand in nobody's way.
    """
    if not ids:
        return {}
    margin = timedelta(minutes=MAX_MINUTES + MAX_BUFFER_MINUTES + before + after)
    asked = {
        "ids": list(ids),
        "starts": reach[0],
        "ends": reach[1],
        "earliest": reach[0] - margin,
        "latest": reach[1] + margin,
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
    """Every active provider of the discipline, in every active clinic that is asked for, who has hours there."""
    asked = {"discipline": search.service_type.discipline, "provider": search.provider_id, "clinic": search.clinic_id}
    rows = db.execute(_CANDIDATES, asked).all()
    clinics = _clinics(db, search, {row.clinic_id: row.timezone for row in rows})
    weeks = working_weeks(db, {row.provider_id for row in rows})
    return [
        Candidate(row.provider_id, row.name_en, row.name_ar, clinics[row.clinic_id], hours)
        for row in rows
        if (hours := [h for h in weeks[row.provider_id] if h.clinic_id == row.clinic_id])
    ]


def _clinics(db: Session, search: Search, zones: Mapping[UUID, str]) -> dict[UUID, Clinic]:
    rooms: dict[UUID, list[Room]] = {clinic_id: [] for clinic_id in zones}
    if search.needs_room:
        for row in db.execute(_ROOMS, {"clinics": list(zones), "room": search.room_id}):
            rooms[row.clinic_id].append(Room(row.id, row.name))
    # a date's local day may begin on the day before it in UTC, and end on the day after
    days = {"first_day": _day(search.start) - _DAY, "last_day": _day(search.end) + 2 * _DAY}
    closures = db.execute(_CLOSURES, days).all()
    return {
        clinic_id: Clinic(
            id=clinic_id,
            timezone=zone,
            bounds=search.bounds(zone),
            grid=Grid(zone, search.step_minutes, search.part_of_day, search.weekdays),
            closed=merged(
                (_instant(row.starts_on, zone), _instant(row.ends_on, zone, after=True))
                for row in closures
                if row.clinic_id in (None, clinic_id)
            ),
            rooms=rooms[clinic_id],
        )
        for clinic_id, zone in zones.items()
    }


def _instant(bound: date, zone: str, *, after: bool = False) -> datetime:
    """An instant as it is; a day's midnight, or with `after` the one that ends it."""
    if isinstance(bound, datetime):
        return bound
    return local_day(bound, zone_of(zone))[after]


def _day(bound: date) -> date:
    """The day in UTC of an instant; a day as it is."""
    return bound.astimezone(UTC).date() if isinstance(bound, datetime) else bound
