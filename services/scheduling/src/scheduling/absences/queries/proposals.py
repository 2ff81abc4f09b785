"""Proposals for the sessions that an absence affects: a substitute at the same time, or a later slot.

The sessions are handled in the order of their start. Each one reserves its current time and everything that is proposed
for it. Therefore no two sessions conflict afterwards, whichever of them are substituted, moved or left as they are.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from scheduling.absences.queries.affected_sessions import AffectedSession
from scheduling.appointments.queries.session_records import find_sessions
from scheduling.availability.queries import Slot
from scheduling.domain import MAX_BUFFER_MINUTES, MAX_MINUTES
from scheduling.models import ClinicalSession, Closure, ServiceType, TimeOff
from scheduling.timetable.free_time import (
    BETWEEN_ABSENCES,
    BETWEEN_SESSIONS,
    OF_PATIENTS,
    OF_ROOMS,
    Candidate,
    Room,
    Search,
    candidates_of,
    gaps_of,
)
from scheduling.timetable.hours import day_of, instant_of, last_day, local_day, wall_time_exists, zone_of
from scheduling.timetable.intervals import Interval, contains, intersect, merged, subtract, widened
from scheduling.timetable.ledger import ReservationLedger

#: The number of affected sessions for which proposals are made in one request, and the number of days after the absence
#: in which a new slot is searched.
MAX_PROPOSALS = 200
MAX_DAYS = 30

_STEP_MINUTES = 15
_BUFFER = timedelta(minutes=MAX_BUFFER_MINUTES)

_SEATS = text("""
    SELECT session_id, patient_id, id FROM participants WHERE live AND session_id = ANY (CAST(:sessions AS uuid[]))
""")
_TREATED = text("""
    SELECT DISTINCT p.patient_id, s.provider_id FROM participants p JOIN sessions s ON s.id = p.session_id
    WHERE p.live AND p.patient_id = ANY (CAST(:patients AS uuid[])) AND s.provider_id = ANY (CAST(:providers AS uuid[]))
""")
_LOADS = text("""
    SELECT s.provider_id, day.starts, count(*) AS sessions
    FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS day (starts, ends)
    JOIN sessions s ON s.provider_id = ANY (CAST(:providers AS uuid[])) AND live_session(s.status)
      AND s.starts_at >= day.starts AND s.starts_at < day.ends
    GROUP BY s.provider_id, day.starts
""")


# Every session of the packages that have an appointment in one of the affected sessions.
_COURSES = text("""
    SELECT k.id AS package_id, k.gap_days, p.session_id, p.starts_at
    FROM packages k JOIN package_sessions ps ON ps.package_id = k.id
    JOIN participants p ON p.package_session_id = ps.id AND p.live
    WHERE k.id IN (SELECT mine.package_id FROM participants hit
                   JOIN package_sessions mine ON mine.id = hit.package_session_id
                   WHERE hit.live AND hit.session_id = ANY (CAST(:sessions AS uuid[])))
""")


@dataclass(frozen=True)
class PackageSpacing:
    """The starts of a package's sessions, current and proposed. Others keep `gap_days` local days from them."""

    gap_days: int
    starts: list[tuple[UUID, datetime]] = field(default_factory=list)

    def crowded(self, session_id: UUID, zone: str) -> list[Interval]:
        """Return the local days on which a session would be too near to others of the package.

        Its own starts do not count.
        """
        apart, tz = timedelta(days=self.gap_days - 1), zone_of(zone)
        others = (day_of(starts_at, zone) for owner, starts_at in self.starts if owner != session_id)
        return merged((local_day(day - apart, tz)[0], local_day(day + apart, tz)[1]) for day in others)


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a session, or the reason if nothing is."""

    substitute: Slot | None
    new_slot: Slot | None
    reason: str | None


def to_come(hit: Sequence[AffectedSession], now: datetime) -> list[UUID]:
    """Return those of the `sessions_hit` by an absence that are SCHEDULED and have not started, by their start."""
    return [s.id for s in hit if s.status == "SCHEDULED" and s.starts_at > now]


def propose(
    db: Session, absence: TimeOff | Closure, hit: Sequence[AffectedSession], *, now: datetime
) -> dict[UUID, Proposal]:
    """Return the current proposal for each of the first MAX_PROPOSALS sessions that are `to_come`.

    `hit` are the `sessions_hit` by the absence.

    A closure keeps all providers away, so only a new slot is proposed. A substitute has the same discipline, works in
    the same clinic, and is free at that time. The room stays. The substitute is the provider who treats most of the
    session's patients in other sessions. Among equals, it is the one with the fewest sessions on that local day, and
    then the first by name and id.

    A new slot is the provider's earliest after the absence, within MAX_DAYS days. All patients are free in it, and it
    keeps the gap to the other sessions of their packages. If the session has a room, the slot has the same room, or
    else the first free one by name. If the first possible day has a slot at the same time of day, that one is taken.
    Slots start on a grid of 15 minutes of the clinic's clock.
    """
    found = find_sessions(db, to_come(hit, now)[:MAX_PROPOSALS])
    if not found:
        return {}
    planner = _Planner(db, absence, found, now)
    return {session.id: planner.propose(session) for session in found}


def spots(db: Session, session_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, UUID]]:
    """Return the live participants of each session by their patient."""
    found: dict[UUID, dict[UUID, UUID]] = {session_id: {} for session_id in session_ids}
    for row in db.execute(_SEATS, {"sessions": list(session_ids)}):
        found[row.session_id][row.patient_id] = row.id
    return found


class _Planner:
    """Reads the free time for all sessions together, and removes from it what it proposes."""

    def __init__(self, db: Session, absence: TimeOff | Closure, hit: Sequence[ClinicalSession], now: datetime) -> None:
        ids, self._closed = [s.id for s in hit], isinstance(absence, Closure)
        zones = {s.clinic.timezone for s in hit}
        horizon = min(local_day(last_day(now, zone), zone_of(zone))[1] for zone in zones)
        ends_at = _end_of(absence, hit)
        self._after = ends_at, max(ends_at, min(ends_at + timedelta(days=MAX_DAYS), horizon))
        self._during = hit[0].starts_at - _BUFFER, max(s.ends_at for s in hit) + _BUFFER
        self._later = self._after[0] - _BUFFER, self._after[1] + timedelta(minutes=MAX_MINUTES) + _BUFFER
        self._spots = spots(db, ids)
        search = Search(
            service_type=hit[0].service_type,
            start=self._during[0],
            end=self._later[1],
            minutes=min(s.duration_minutes for s in hit),
            step_minutes=_STEP_MINUTES,
            needs_room=any(s.room_id for s in hit),
        )
        self._staff = _staff(db, search, hit)
        away = {s.provider_id for s in hit}
        staff = {c.id for staff in self._staff.values() for c in staff}
        self._others = set() if self._closed else staff - away
        self._patients = {patient for taken in self._spots.values() for patient in taken}
        self._read(db, away, hit, search.minutes)
        self._count(db, hit)
        self._spacings = _spacings(db, hit)
        for session in hit:
            blocked = _blocked(session.starts_at, session.ends_at, session)
            self._ledger.reserve(session.id, filter(None, [session.provider_id, session.room_id]), blocked)
            self._ledger.reserve(session.id, self._spots[session.id], (session.starts_at, session.ends_at))

    def _read(self, db: Session, away: Collection[UUID], hit: Sequence[ClinicalSession], minutes: int) -> None:
        """Read the gaps of everybody concerned, in the time concerned, as if the affected sessions did not exist."""

        def gaps(statement: TextClause, ids: Collection[UUID], reach: Interval) -> dict[UUID, list[Interval]]:
            return gaps_of(db, statement, ids, reach, minutes=minutes, moving=[s.id for s in hit])

        rooms = {room.id for staff in self._staff.values() for room in staff[0].clinic.rooms}
        own_rooms = gaps(OF_ROOMS, {s.room_id for s in hit if s.room_id}, self._during)
        later = gaps(OF_ROOMS, rooms, self._later)
        self._gaps = {
            **gaps(BETWEEN_SESSIONS, self._others, self._during),
            **gaps(BETWEEN_SESSIONS, away, self._later),
            **gaps(OF_PATIENTS, self._patients, self._later),
            **{room: merged([*own_rooms.get(room, []), *later.get(room, [])]) for room in rooms},
        }
        self._ledger = ReservationLedger(self._gaps)
        self._present = {
            **gaps(BETWEEN_ABSENCES, self._others, self._during),
            **gaps(BETWEEN_ABSENCES, away, self._later),
        }
        self._own_time: dict[tuple[UUID, UUID], list[Interval]] = {}
        self._some_room: dict[tuple[UUID, UUID], list[Interval]] = {}

    def _count(self, db: Session, hit: Sequence[ClinicalSession]) -> None:
        """Read which provider treats which patient, and how many sessions each provider has on each day."""
        self._treats: dict[UUID, set[UUID]] = defaultdict(set)
        for row in db.execute(_TREATED, {"patients": list(self._patients), "providers": list(self._others)}):
            self._treats[row.patient_id].add(row.provider_id)
        starts, ends = zip(*{_day(s) for s in hit}, strict=True)
        asked = {"starts": list(starts), "ends": list(ends), "providers": list(self._others)}
        self._load = Counter({(row.provider_id, row.starts): row.sessions for row in db.execute(_LOADS, asked)})

    def propose(self, session: ClinicalSession) -> Proposal:
        """Return the substitute and the new slot of a session, and reserve both."""
        if not session.service_type.active:
            return Proposal(None, None, "The service type is closed.")
        substitute, new_slot = self._substitute(session), self._new_slot(session)
        for slot in filter(None, (substitute, new_slot)):
            owners = [slot.provider.id, *([slot.room.id] if slot.room else [])]
            self._ledger.reserve(session.id, owners, _blocked(slot.starts_at, slot.ends_at, session.service_type))
            self._ledger.reserve(session.id, self._spots[session.id], (slot.starts_at, slot.ends_at))
            for spacing in self._spacings[session.id]:
                spacing.starts.append((session.id, slot.starts_at))
        return Proposal(substitute, new_slot, None if substitute or new_slot else self._reason(session))

    def _substitute(self, session: ClinicalSession) -> Slot | None:
        time, patients, day = (session.starts_at, session.ends_at), self._spots[session.id], _day(session)[0]
        blocked = _blocked(*time, session.service_type)
        room = next((r for r in self._rooms(session) if r.id == session.room_id), None)
        if session.room_id and not (room and contains(self._ledger.free(room.id, session.id), *blocked)):
            return None

        def rank(candidate: Candidate) -> tuple[int, int, str, UUID]:
            known = sum(candidate.id in self._treats[patient] for patient in patients)
            return -known, self._load[candidate.id, day], candidate.name_en, candidate.id

        for candidate in sorted(self._staff[session.clinic_id], key=rank):
            free = candidate.id in self._others and contains(self._ledger.free(candidate.id, session.id), *blocked)
            if free and contains(self._works(candidate, time), *time):
                self._load[candidate.id, day] += 1
                for patient in patients:  # The patients' next sessions prefer the same substitute.
                    self._treats[patient].add(candidate.id)
                return Slot(*time, candidate, room)
        return None

    def _new_slot(self, session: ClinicalSession) -> Slot | None:
        own = next((c for c in self._staff[session.clinic_id] if c.id == session.provider_id), None)
        if own is None:
            return None
        gaps = self._ledger.free(own.id, session.id)
        key = own.clinic.id, own.id
        if key not in self._own_time:
            self._own_time[key] = self._works(own, self._later)
        free = intersect(self._own_time[key], list(_inside(gaps, session.service_type)))
        for patient in self._spots[session.id]:
            free = intersect(free, self._ledger.free(patient, session.id))
        for spacing in self._spacings[session.id]:
            free = subtract(free, spacing.crowded(session.id, own.clinic.timezone))
        rooms: dict[Room | None, list[Interval]] = {None: gaps}
        if session.room_id:
            free = intersect(free, self._any_room(session, own))
            rooms = {room: self._ledger.free(room.id, session.id) for room in self._rooms(session)}
        length, tz = session.ends_at - session.starts_at, zone_of(own.clinic.timezone)

        def slots_at(starts_at: datetime) -> Iterator[Slot]:
            times = starts_at, starts_at + length
            blocked = _blocked(*times, session.service_type)
            return (Slot(*times, own, room) for room, gaps in rooms.items() if contains(gaps, *blocked))

        start_times = own.clinic.grid.start_times(free, length, self._after)
        earliest = next((slot for starts_at in start_times for slot in slots_at(starts_at)), None)
        if earliest is None:
            return None
        day, wall = day_of(earliest.starts_at, tz.key), session.starts_at.astimezone(tz).time()
        usual = instant_of(day, wall, tz)
        if wall_time_exists(day, wall, tz) and contains(free, usual, usual + length):
            return next(slots_at(usual), earliest)
        return earliest

    def _rooms(self, session: ClinicalSession) -> list[Room]:
        """Return the clinic's rooms, the session's own room first."""
        staff = self._staff[session.clinic_id]
        return sorted(staff[0].clinic.rooms if staff else [], key=lambda room: room.id != session.room_id)

    def _any_room(self, session: ClinicalSession, own: Candidate) -> list[Interval]:
        """Return a superset of the time in which one of the rooms is free.

        It excludes most impossible times cheaply.
        """
        key = own.clinic.id, session.service_type_id
        if key not in self._some_room:
            gaps = (gap for room in own.clinic.rooms for gap in self._gaps.get(room.id, []))
            self._some_room[key] = merged(_inside(gaps, session.service_type))
        return self._some_room[key]

    def _works(self, candidate: Candidate, reach: Interval) -> list[Interval]:
        """Return when a provider works in an open clinic, on the days within `reach`."""
        return intersect(candidate.worked(reach), self._present.get(candidate.id, []))

    def _reason(self, session: ClinicalSession) -> str:
        room = " with a room" if session.room_id else ""
        free = f"has no {session.duration_minutes} free minutes{room} for all participants"
        if self._closed:
            return f"The provider {free} in the {MAX_DAYS} days after the closure."
        others = f"No other {session.service_type.discipline} provider of the clinic is free at that time"
        return f"{others}, and this one {free} in the {MAX_DAYS} days after the absence."


def _staff(db: Session, search: Search, hit: Sequence[ClinicalSession]) -> dict[UUID, list[Candidate]]:
    """Return the providers who work in the clinics of the sessions and have one of their disciplines, by clinic."""
    clinics, kinds = {s.clinic_id for s in hit}, {s.service_type.discipline: s.service_type for s in hit}
    found: dict[UUID, list[Candidate]] = defaultdict(list)
    for service_type in kinds.values():
        for candidate in candidates_of(db, replace(search, service_type=service_type)):
            if candidate.clinic.id in clinics:
                found[candidate.clinic.id].append(candidate)
    return found


def _end_of(absence: TimeOff | Closure, hit: Sequence[ClinicalSession]) -> datetime:
    """Return the instant at which an absence ends. A closure ends when it is over in the clinics of all sessions."""
    if isinstance(absence, TimeOff):
        return absence.ends_at
    return max(local_day(absence.ends_on, zone_of(s.clinic.timezone))[1] for s in hit)


def _spacings(db: Session, hit: Sequence[ClinicalSession]) -> dict[UUID, list[PackageSpacing]]:
    """Return the packages that have an appointment in each of the sessions."""
    packages: dict[UUID, PackageSpacing] = {}
    found: dict[UUID, list[PackageSpacing]] = defaultdict(list)
    for row in db.execute(_COURSES, {"sessions": [s.id for s in hit]}):
        spacing = packages.setdefault(row.package_id, PackageSpacing(row.gap_days))
        spacing.starts.append((row.session_id, row.starts_at))
        found[row.session_id].append(spacing)
    return found


def _inside(gaps: Iterable[Interval], kind: ServiceType) -> Iterator[Interval]:
    """Return where a session can lie in gaps, so that its buffers lie in them too."""
    before, after = _buffers(kind)
    return (widened(gap, -before, -after) for gap in gaps if gap[1] - gap[0] > before + after)


def _blocked(starts_at: datetime, ends_at: datetime, of: ClinicalSession | ServiceType) -> Interval:
    """Return what a session blocks.

    At its current time these are its own buffers, and at any other time the current buffers of its service type.
    """
    return widened((starts_at, ends_at), *_buffers(of))


def _buffers(of: ClinicalSession | ServiceType) -> tuple[timedelta, timedelta]:
    return timedelta(minutes=of.buffer_before_minutes), timedelta(minutes=of.buffer_after_minutes)


def _day(session: ClinicalSession) -> Interval:
    zone = session.clinic.timezone
    return local_day(day_of(session.starts_at, zone), zone_of(zone))
