"""The data of a view of days or weeks, and of a provider's feed.

The number of queries does not depend on the number of sessions. The database returns the calendar as JSON, because
building records and schemas for hundreds of sessions would be slow.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import not_, select, text
from sqlalchemy.orm import Session

from scheduling.domain import MAX_MINUTES
from scheduling.models import Clinic, ClinicalSession, Provider, ProviderClinic
from scheduling.timetable.hours import WorkingHours, day_of, open_intervals
from scheduling.timetable.intervals import Interval
from scheduling.timetable.statements import times_overlap
from scheduling.timetable.weeks import working_weeks

#: The values that JSON can contain.
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_LONGEST = timedelta(minutes=MAX_MINUTES)


@dataclass(frozen=True, kw_only=True)
class Window:
    """The requested part of the schedule. Instants are UTC, and the end is not included."""

    starts_at: datetime
    ends_at: datetime
    clinics: Sequence[Clinic]
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    room_id: UUID | None = None
    with_cancelled: bool = False

    def part_of(self, start: datetime, end: datetime) -> Interval:
        """Return the part of an interval that is in the window. If there is none, its end is before its start."""
        return max(start, self.starts_at), min(end, self.ends_at)


def clinics(db: Session, *, clinic_id: UUID | None, provider_id: UUID | None) -> Sequence[Clinic]:
    """Return one clinic, or if none is given, the clinics in which a provider works."""
    there = select(ProviderClinic.clinic_id).where(ProviderClinic.provider_id == provider_id)
    wanted = Clinic.id == clinic_id if clinic_id else Clinic.id.in_(there)
    return db.scalars(select(Clinic).where(wanted).order_by(Clinic.id)).all()


def session_ids(db: Session, window: Window) -> list[UUID]:
    """Return the sessions that are completely or partly in the window."""
    query = select(ClinicalSession.id).where(
        ClinicalSession.starts_at > window.starts_at - _LONGEST,
        times_overlap(ClinicalSession.starts_at, ClinicalSession.ends_at, (window.starts_at, window.ends_at)),
    )
    for column, wanted in (
        (ClinicalSession.clinic_id, window.clinic_id),
        (ClinicalSession.provider_id, window.provider_id),
        (ClinicalSession.room_id, window.room_id),
    ):
        if wanted:
            query = query.where(column == wanted)
    found = list(db.scalars(query.where(ClinicalSession.live)))
    if window.with_cancelled:
        found += db.scalars(query.where(not_(ClinicalSession.live)))
    return found


# The database writes the text of the response, so that hundreds of sessions are not parsed and written again. Instants
# are in UTC with `Z`.
_SESSIONS = text("""
    SELECT coalesce(json_agg(found), '[]')::text AS shown, array_agg(DISTINCT provider_id) AS providers FROM (
      SELECT s.id, s.session_number, s.session_type, s.status,
             to_jsonb(s.starts_at AT TIME ZONE 'UTC') #>> '{}' || 'Z' AS starts_at,
             to_jsonb(s.ends_at AT TIME ZONE 'UTC') #>> '{}' || 'Z' AS ends_at,
             t.code AS service_type, s.provider_id, s.room_id, s.clinic_id, s.max_capacity,
             o.taken AS booked_count, o.taken AS current_capacity, o.held AS held_spots,
             o.available AS available_spots, o.available = 0 AS is_full, s.decision, p.participants
      FROM sessions s JOIN service_types t ON t.id = s.service_type_id,
      LATERAL spots_of(s.id, s.max_capacity) AS o,
      LATERAL (SELECT coalesce(json_agg(json_build_object('id', id, 'patient_id', patient_id, 'appointment_number',
                                                          appointment_number, 'status', status, 'package', of.package)
                                        ORDER BY id)
                               FILTER (WHERE status <> 'CANCELLED' OR :with_cancelled), '[]') AS participants
               FROM participants LEFT JOIN LATERAL (
                 SELECT json_build_object('id', k.id, 'number', k.package_number, 'session_number', n.session_number,
                                          'total_sessions', k.total_sessions) AS package
                 FROM package_sessions n JOIN packages k ON k.id = n.package_id WHERE n.id = package_session_id
               ) AS of ON true
               WHERE session_id = s.id) AS p
      WHERE s.id = ANY (CAST(:ids AS uuid[])) ORDER BY s.starts_at, s.id
    ) AS found
""")
_ROOMS = text("""
    SELECT id, clinic_id, name, active FROM rooms WHERE clinic_id = ANY (CAST(:clinics AS uuid[])) ORDER BY name, id
""")
_PROVIDERS = text("""
    SELECT id, name_en, name_ar, discipline, active FROM providers
    WHERE id = ANY (CAST(:ids AS uuid[]))
       OR active AND id IN (SELECT provider_id FROM provider_clinics WHERE clinic_id = CAST(:clinic AS uuid))
    ORDER BY name_en, id
""")
_TIME_OFF = text("""
    SELECT id, provider_id, starts_at, ends_at FROM time_off
    WHERE provider_id = ANY (CAST(:providers AS uuid[])) AND times_overlap(starts_at, ends_at, :starts, :ends)
    ORDER BY starts_at, id
""")
_CLOSURES = text("""
    SELECT id, clinic_id, kind, name_en, name_ar, starts_on, ends_on FROM closures
    WHERE (clinic_id IS NULL OR clinic_id = ANY (CAST(:clinics AS uuid[])))
      AND days_overlap(starts_on, ends_on, :first_day, :last_day) ORDER BY starts_on, id
""")
_CLINIC = ("id", "code", "name_en", "name_ar", "timezone")


def calendar(db: Session, window: Window) -> str:
    """Return all data of a view of this window as JSON. The fields are those of `CalendarAnswer`."""
    asked = {"ids": session_ids(db, window), "with_cancelled": window.with_cancelled}
    sessions = db.execute(_SESSIONS, asked).one()
    clinics = {"clinics": [clinic.id for clinic in window.clinics]}
    days = _days(window)
    beside = {
        "from": _json(window.starts_at),
        "to": _json(window.ends_at),
        "clinics": [{name: _json(getattr(clinic, name)) for name in _CLINIC} for clinic in window.clinics],
        "rooms": [_shown(row._asdict()) for row in db.execute(_ROOMS, clinics)],
        "providers": _providers(db, window, sessions.providers or ()),
        "closures": [_shown(row._asdict()) for row in db.execute(_CLOSURES, {**clinics, **days})],
    }
    return f'{json.dumps(beside)[:-1]}, "sessions": {sessions.shown}}}'


# The shown data of a session changes with its own row, with its participants, and with the names that belong to it.
_FEED = text("""
    WITH asked AS MATERIALIZED (SELECT * FROM sessions WHERE id = ANY (CAST(:ids AS uuid[]))),
    named AS MATERIALIZED (
      SELECT id, (SELECT a.at FROM audit_log a WHERE a.table_name = belonging.kind AND a.row_id = belonging.id::text
                  ORDER BY a.id DESC LIMIT 1) AS changed_at
      FROM (SELECT 'clinics' AS kind, clinic_id AS id FROM asked UNION SELECT 'rooms', room_id FROM asked
            UNION SELECT 'service_types', service_type_id FROM asked
            UNION SELECT 'providers', provider_id FROM asked) AS belonging
    )
    SELECT s.id, s.session_number, s.session_type, s.status, s.starts_at, s.ends_at, s.max_capacity,
           s.reschedule_count + (s.status = 'CANCELLED')::int AS sequence,
           t.name_en AS service_en, t.name_ar AS service_ar, r.name AS room,
           c.name_en AS clinic_en, c.name_ar AS clinic_ar,
           (SELECT o.taken FROM spots_of(s.id, s.max_capacity) AS o) AS taken,
           greatest(s.created_at, m.changed_at,
                    (SELECT a.at FROM audit_log a WHERE a.table_name = 'sessions' AND a.row_id = s.id::text
                     ORDER BY a.id DESC LIMIT 1),
                    (SELECT max(n.changed_at) FROM named n
                     WHERE n.id IN (s.clinic_id, s.room_id, s.service_type_id, s.provider_id))) AS changed_at
    FROM asked s JOIN service_types t ON t.id = s.service_type_id JOIN clinics c ON c.id = s.clinic_id
    LEFT JOIN rooms r ON r.id = s.room_id LEFT JOIN roster_changes m ON m.id = s.id
    ORDER BY s.starts_at, s.id
""")


class FeedSession(NamedTuple):
    """A session as a provider's feed shows it. Instants are UTC. Of the participants, only their number is shown.

    `changed_at` is when the shown data of the session last changed, including names. `sequence` increases with every
    move and with the cancellation.
    """

    id: UUID
    session_number: str
    session_type: str
    status: str
    starts_at: datetime
    ends_at: datetime
    max_capacity: int
    sequence: int
    service_en: str
    service_ar: str
    room: str | None
    clinic_en: str
    clinic_ar: str
    taken: int
    changed_at: datetime


def feed(db: Session, provider: Provider, starts_at: datetime, ends_at: datetime) -> list[FeedSession]:
    """Return a provider's sessions, including cancelled ones, in the order of their start."""
    window = Window(starts_at=starts_at, ends_at=ends_at, clinics=(), provider_id=provider.id, with_cancelled=True)
    return [FeedSession(*row) for row in db.execute(_FEED, {"ids": session_ids(db, window)})]


# The row of `roster_changes` with the provider's id is about sessions that left the provider's calendar.
_CHANGED = text("""
    SELECT greatest((SELECT a.at FROM audit_log a WHERE a.table_name = 'providers' AND a.row_id = CAST(:id AS text)
                     ORDER BY a.id DESC LIMIT 1),
                    (SELECT changed_at FROM roster_changes WHERE id = CAST(:id AS uuid)),
                    timestamptz 'epoch')
""")


def feed_changed_at(db: Session, provider: Provider, sessions: Sequence[FeedSession]) -> datetime:
    """Return when a provider's feed with these sessions last changed. A session that left the feed is a change too."""
    own: datetime = db.execute(_CHANGED, {"id": str(provider.id)}).scalar_one()
    changed: list[datetime] = [own, *(session.changed_at for session in sessions)]
    return max(changed)


def _providers(db: Session, window: Window, with_sessions: Collection[UUID]) -> list[Json]:
    """Return the providers who work in the clinic or have sessions in the window, or only the requested provider."""
    asked: dict[str, object] = {"ids": list(with_sessions), "clinic": window.clinic_id}
    if window.provider_id:
        asked = {"ids": [window.provider_id], "clinic": None}
    rows = db.execute(_PROVIDERS, asked).all()
    ids = [row.id for row in rows]
    hours = working_weeks(db, ids)
    away: dict[UUID, list[Json]] = {provider_id: [] for provider_id in ids}
    bounds = {"providers": ids, "starts": window.starts_at, "ends": window.ends_at}
    for row in db.execute(_TIME_OFF, bounds):
        away[row.provider_id].append(_shown(row._asdict()))
    return [
        {**_shown(row._asdict()), "working_hours": _working_hours(hours[row.id], window), "time_off": away[row.id]}
        for row in rows
    ]


def _working_hours(hours: Sequence[WorkingHours], window: Window) -> list[Json]:
    found: list[Json] = []
    for clinic in window.clinics:
        for interval in open_intervals(hours, clinic.id, clinic.timezone, *_local_days(window, clinic)):
            start, end = window.part_of(*interval)
            if start < end:
                found.append({"clinic_id": str(clinic.id), "starts_at": _json(start), "ends_at": _json(end)})
    return found


def _local_days(window: Window, clinic: Clinic) -> tuple[date, date]:
    last = window.ends_at - timedelta(microseconds=1)
    return day_of(window.starts_at, clinic.timezone), day_of(last, clinic.timezone)


def _days(window: Window) -> dict[str, date]:
    days = [_local_days(window, clinic) for clinic in window.clinics]
    return {"first_day": min(first for first, _ in days), "last_day": max(last for _, last in days)}


def _shown(row: Mapping[str, object]) -> dict[str, Json]:
    return {name: _json(value) for name, value in row.items()}


def _json(value: object) -> Json:
    """Convert a database value to JSON. Instants are in UTC with `Z`."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID | date):
        return str(value)
    assert value is None or isinstance(value, str | int)
    return value
