"""The conflicts of a placement with the working hours, with absences and with sessions that are too near to it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from scheduling import errors
from scheduling.errors import Busy, ClosureMet, PlacementRefused, SessionMet
from scheduling.timetable.hours import day_of, open_intervals
from scheduling.timetable.intervals import contains
from scheduling.timetable.occupancy import Occupancy
from scheduling.timetable.weeks import working_weeks

# Among the sessions that are too near, one that overlaps the time itself is reported first. The sessions that are
# `moving` away cause no conflict.
_CONFLICTS = text("""
    SELECT 'provider' AS owner, o.cause, o.source_id AS id, o.source_number AS number, o.starts_at,
           times_overlap(o.starts_at, o.ends_at, :starts, :ends) AS same_time,
           NULL::text AS kind, NULL::text AS name_en, NULL::text AS name_ar, NULL::date AS starts_on,
           NULL::date AS ends_on
    FROM occupancy('provider', :provider, :before, :after, :starts, :ends) AS o
    WHERE o.source_id <> ALL (CAST(:moving AS uuid[]))
    UNION ALL
    SELECT 'room', o.cause, o.source_id, o.source_number, o.starts_at,
           times_overlap(o.starts_at, o.ends_at, :starts, :ends), NULL, NULL, NULL, NULL, NULL
    FROM occupancy('room', CAST(:room AS uuid), :before, :after, :starts, :ends) AS o
    WHERE o.source_id <> ALL (CAST(:moving AS uuid[]))
    UNION ALL
    SELECT 'clinic', 'closure', c.id, NULL, NULL, true, c.kind, c.name_en, c.name_ar, c.starts_on, c.ends_on
    FROM closures_over(:clinic, :starts, :ends) AS c
    ORDER BY same_time DESC, starts_at, starts_on, id
""")
_BLOCKED = text("SELECT s.id, blocked_by(s) AS rules FROM sessions s WHERE s.id = ANY (CAST(:ids AS uuid[]))")
_BUSY_PATIENTS = text("""
    SELECT p.id FROM participants p
    WHERE p.session_id = :session AND p.live
      AND EXISTS (SELECT FROM occupancy('patient', p.patient_id, 0, 0, :starts, :ends) AS o
                  WHERE o.source_id <> p.session_id AND o.source_id <> ALL (CAST(:moving AS uuid[])))
    ORDER BY p.id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Against:
    """One row of what prevents a placement.

    The instants belong to sessions and time off. Only closures have days.
    """

    owner: str
    cause: str
    id: UUID
    number: str | None
    starts_at: datetime | None
    same_time: bool
    kind: str | None
    name_en: str | None
    name_ar: str | None
    starts_on: date | None
    ends_on: date | None


def conflicts(db: Session, placement: Occupancy, moving: Iterable[UUID] = ()) -> list[PlacementRefused]:
    """Return all conflicts of a placement. The caller holds the placement's locks.

    The sessions that are `moving` away do not count.
    """
    against = _against(db, placement, moving)
    found: list[PlacementRefused] = []
    if not _within_hours(db, placement):
        found.append(errors.OutsideWorkingHours())
    if any(one.cause == "time-off" for one in against):
        found.append(errors.ProviderAway())
    if closure := next((one for one in against if one.cause == "closure"), None):
        found.append(errors.ClinicClosed(_closure(closure)))
    for owner, busy, buffered in _BUSY:
        met = next((one for one in against if (one.owner, one.cause) == (owner, "session")), None)
        if met and met.number:
            found.append((busy if met.same_time else buffered)(SessionMet(met.id, met.number)))
    return found


def clashes(placement: Occupancy, other: Occupancy) -> list[PlacementRefused]:
    """Return the conflicts between two placements. A provider or a room cannot be in both at the same time."""
    meeting = placement.meeting(other)
    if meeting is None:
        return []
    shared = {"provider": meeting.provider, "room": meeting.room}
    return [(busy if meeting.times else buffered)() for owner, busy, buffered in _BUSY if shared[owner]]


def series_clash(placement: Occupancy, other: Occupancy) -> PlacementRefused | None:
    """Return the conflict between two placements of one series, or None.

    A series has one session at a time, even if the two sessions have different providers.
    """
    meeting = placement.meeting(other)
    if meeting and meeting.times:
        return errors.SeriesOverlap()
    return errors.SeriesBuffered() if meeting and (meeting.provider or meeting.room) else None


def absences_over(db: Session, session_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return which absences affect each session: `time-off` of its provider, or a `closure` of its clinic.

    Only sessions that are SCHEDULED are affected. Absences that a manager overrode when the session was placed are left
    out.
    """
    return {row.id: row.rules for row in db.execute(_BLOCKED, {"ids": list(session_ids)})}


def busy_patients(db: Session, session_id: UUID, placement: Occupancy, moving: Collection[UUID] = ()) -> Sequence[UUID]:
    """Return the participants of a session whose patients have another session at the time of a placement.

    The sessions that are `moving` away do not count.
    """
    asked = {
        "session": session_id,
        "starts": placement.starts_at,
        "ends": placement.ends_at,
        "moving": list(moving),
    }
    return db.scalars(_BUSY_PATIENTS, asked).all()


_BUSY: tuple[tuple[str, type[Busy], type[Busy]], ...] = (
    ("provider", errors.ProviderBusy, errors.ProviderBuffered),
    ("room", errors.RoomBusy, errors.RoomBuffered),
)


def _against(db: Session, placement: Occupancy, moving: Iterable[UUID]) -> list[_Against]:
    asked = {
        "provider": placement.provider_id,
        "room": placement.room_id,
        "clinic": placement.clinic_id,
        "starts": placement.starts_at,
        "ends": placement.ends_at,
        "before": placement.buffer_before_minutes,
        "after": placement.buffer_after_minutes,
        "moving": list(moving),
    }
    return [_Against(**row) for row in db.execute(_CONFLICTS, asked).mappings()]


def _closure(one: _Against) -> ClosureMet:
    assert one.kind is not None
    assert one.name_en is not None
    assert one.name_ar is not None
    assert one.starts_on is not None
    assert one.ends_on is not None
    return ClosureMet(one.id, one.kind, one.name_en, one.name_ar, one.starts_on, one.ends_on)


def _within_hours(db: Session, placement: Occupancy) -> bool:
    hours, zone = working_weeks(db, [placement.provider_id])[placement.provider_id], placement.timezone
    days = day_of(placement.starts_at, zone), day_of(placement.ends_at, zone)
    return contains(open_intervals(hours, placement.clinic_id, zone, *days), *placement.time)
