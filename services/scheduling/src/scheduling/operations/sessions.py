"""Sessions: create, change, reschedule, start, complete, cancel, and decide what becomes of one with too few."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.numbers import sequence_number
from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import domain, errors, events, queries
from scheduling.domain.hours import day_of
from scheduling.models import ClinicalSession, Participant
from scheduling.operations import attendance, fulfilment, offers, progress, spots, timing
from scheduling.operations.locks import lock_packages, lock_patients
from scheduling.operations.placing import Placement, new_placement, placement_of, take
from scheduling.timetable.conflicts import absences_over, busy_patients
from scheduling.timetable.spots import spots_of


def create_session(db: Session, data: Mapping[str, Any], *, now: datetime) -> ClinicalSession:
    """Store a session, empty, and publish SessionScheduled.

    `override`, with a reason, sets working hours, absences, closures and buffers aside, and that it is to come; a
    `walk_in` may have begun `domain.WALK_IN_MINUTES` ago. Raises 422 problems for what is unknown, inactive, past, or
    does not belong together; 409 `provider-busy`, `room-busy`, `outside-working-hours`.
    """
    session = place_session(db, data, now=now)
    events.session_scheduled(db, session, now)
    return session


def place_session(
    db: Session, data: Mapping[str, Any], *, now: datetime, closes_when_empty: bool = False
) -> ClinicalSession:
    """Check and store a session under the locks of its provider and room; publishes nothing yet."""
    placement = placement_of(db, data, now=now, past=True)
    overridden = take(db, placement, data.get("override"))
    overridden += domain.past_rules(data, placement.starts_at, now) or []
    return store_session(db, placement, data, overridden, now=now, closes_when_empty=closes_when_empty)


def store_session(
    db: Session,
    placement: Placement,
    data: Mapping[str, Any],
    overridden: Sequence[str] = (),
    *,
    now: datetime,
    **of: Any,
) -> ClinicalSession:
    """Store a `new_session` with a placement that was checked under its locks. Publishes nothing yet."""
    number = sequence_number("SES", domain.local_year(now, placement.clinic.timezone))
    session = new_session(db, placement, data, overridden, number=number, now=now, **of)
    db.add(session)
    db.flush()
    return session


def new_session(
    db: Session,
    placement: Placement,
    data: Mapping[str, Any],
    overridden: Sequence[str] = (),
    *,
    number: Any,
    now: datetime,
    closes_when_empty: bool = False,
    series_id: UUID | None = None,
    occurs_on: date | None = None,
) -> ClinicalSession:
    """A session with a placement that was checked under its locks, not stored yet."""
    session = ClinicalSession(
        id=new_id(),
        session_number=number,
        session_type=data["session_type"],
        clinic_id=placement.clinic.id,
        clinic=placement.clinic,
        service_type_id=placement.service_type.id,
        service_type=placement.service_type,
        max_capacity=data.get("max_capacity", 1),
        min_participants=data.get("min_participants"),
        group_notes=data.get("group_notes"),
        status=domain.SESSION.initial,
        created_at=now,
        created_by=context_of(db).actor,
        closes_when_empty=closes_when_empty,
        series_id=series_id,
        occurs_on=occurs_on,
        series_starts_at=placement.starts_at if series_id else None,
        reschedule_count=0,
        **_placed(placement, overridden, data.get("override")),
    )
    session.decision_at = _decision_time(db, session, data.get("decision_at"))
    return session


def update_session(db: Session, session: ClinicalSession, data: Mapping[str, Any], *, now: datetime) -> ClinicalSession:
    """Change capacity, minimum, time of decision or group notes of a session, whose row is locked.

    A raised capacity frees spots. Raises 409 `capacity-below-participants`, or `invalid-transition` where the
    session is over; 422 for a minimum above the capacity.
    """
    if session.status not in ("SCHEDULED", "IN_PROGRESS") and set(data) - {"group_notes"}:
        raise errors.CapacityFixed(session.status)
    before = spots_of(db, [session.id])[session.id]
    capacity = data.get("max_capacity", session.max_capacity)
    if session.session_type == domain.INDIVIDUAL and capacity != 1:
        raise InvalidField("max_capacity", "An individual session has a capacity of 1.")
    if capacity < before.in_use:
        raise errors.CapacityBelowParticipants(before.taken)
    if (data.get("min_participants", session.min_participants) or 1) > capacity:
        raise InvalidField("min_participants", "Must not be more than the capacity.")
    session.max_capacity, session.change_reason = capacity, None
    session.group_notes = data.get("group_notes", session.group_notes)
    if {"min_participants", "decision_at"} & set(data):
        session.min_participants = data.get("min_participants", session.min_participants)
        session.decision_at = _decision_time(db, session, data.get("decision_at"))
        session.decision = None
    db.flush()
    if capacity > before.capacity:
        spots.free(db, session, were_available=before.available, now=now)
    elif before.available and capacity == before.in_use:
        events.session_filled(db, session, now)
    return session


def reschedule_session(
    db: Session, session: ClinicalSession, data: Mapping[str, Any], *, now: datetime
) -> ClinicalSession:
    """Move a held session, with all its participants, to another time, provider or room.

    Numbers and ids stay. The new placement is checked before the old one is given up. Publishes
    SessionRescheduled and one AppointmentRescheduled each. Raises 422 as `create_session` does; 409 `provider-busy`,
    `room-busy`, `patient-busy` (with `participants`), `outside-working-hours`, `invalid-transition`, also what
    `check_settled` and `timing.check_same_day` raise.
    """
    check_movable(session)
    placement = new_placement(db, session, data, now=now)
    late = timing.check_same_day(session, placement.starts_at, data.get("override"), now=now)
    check_settled(db, session, placement, now=now)
    overridden = late + take(db, placement, data.get("override"), [session.id])
    check_patients(db, session, placement, [session.id])
    return move_session(db, session, placement, overridden, data, now=now)


def check_movable(session: ClinicalSession) -> None:
    """Raises 409 `invalid-transition` unless the session is still to come."""
    if session.status != "SCHEDULED":
        raise errors.SessionImmovable(session.status)


def check_settled(db: Session, session: ClinicalSession, placement: Placement, *, now: datetime) -> None:
    """Raises 409 `invalid-transition` for a new time of a session which somebody attended, or has come to or missed.

    Who has only arrived, or missed what has begun, goes along to another time of the same local day.
    """
    if placement.starts_at == session.starts_at:
        return
    settled = {"ATTENDED"}
    if day_of(placement.starts_at, session.clinic.timezone) != day_of(session.starts_at, session.clinic.timezone):
        settled |= {"ARRIVED", "NO_SHOW"} if session.starts_at <= now else {"ARRIVED"}
    if found := settled & queries.statuses(db, session.id):
        raise errors.ParticipantsSettled(sorted(found))


def check_patients(db: Session, session: ClinicalSession, placement: Placement, moving: Sequence[UUID]) -> None:
    """Raises 409 `patient-busy` where a participant has another session then that is not `moving` away, too.

    One who joined after the patients were locked is in the way of nobody, or is caught by the exclusion constraint.
    """
    if busy := busy_patients(db, session.id, placement, moving):
        raise errors.ParticipantsBusy(busy)


def is_there(session: ClinicalSession, placement: Placement) -> bool:
    """Whether a session already has that placement."""
    target = _placed(placement, (), None)
    return all(getattr(session, name) == target[name] for name in ("starts_at", "ends_at", "provider_id", "room_id"))


def move_session(
    db: Session,
    session: ClinicalSession,
    placement: Placement,
    overridden: Sequence[str],
    data: Mapping[str, Any],
    *,
    now: datetime,
) -> ClinicalSession:
    """Move a locked session to a placement that was checked under its locks. Raises 422 where it has it already.

    What its participants waited for, and now have, is fulfilled. Where it leaves an absence behind, its free spots are
    offered to those who wait.
    """
    previous = events.Held.of(session)
    target = _placed(placement, overridden, data.get("override"))
    if is_there(session, placement):
        raise InvalidField("starts_at", "The session already has this time, provider and room.")
    was_blocked = absences_over(db, [session.id])[session.id]
    waits = fulfilment.waits_on(db, session)
    if session.decision_at:
        session.decision_at, session.decision = session.decision_at + (placement.starts_at - session.starts_at), None
    for name, value in target.items():
        setattr(session, name, value)
    session.reschedule_count += 1
    session.change_reason = data.get("reason")
    db.flush()  # the participants' times follow by their foreign key
    events.session_rescheduled(db, session, previous, now)
    for participant in queries.live_participants(db, session.id):
        participant.reschedule_count += 1
        participant.change_reason = data.get("reason")
        events.appointment_rescheduled(db, participant, session, previous, now)
        progress.note_provider(db, participant, data.get("reason"), now=now)
    db.flush()
    fulfilment.fulfil_moved(db, session, waits, previous.starts_at, now=now)
    were_available = spots.available(db, session)
    if offers.withdraw(db, session, "WITHDRAWN", now=now) or was_blocked:
        spots.free(db, session, were_available=were_available, now=now)
    return session


def start_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """SCHEDULED → IN_PROGRESS, and publish SessionStarted; its open offers end.

    Raises 409 `invalid-transition`, also earlier than the tenant's `early_start_minutes` before the start, unless a
    manager's reason overrides that.
    """
    domain.SESSION.check(session.status, "IN_PROGRESS")
    early = timedelta(minutes=queries.settings(db).early_start_minutes)
    timing.check_begun(session, override_reason, now=now, early=early)
    session.status, session.started_at, session.started_by = "IN_PROGRESS", now, context_of(db).actor
    session.change_reason = override_reason
    db.flush()
    events.session_started(db, session, now)
    offers.withdraw(db, session, "WITHDRAWN", now=now)
    return session


def complete_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """IN_PROGRESS → COMPLETED: who has arrived attended, who has not is a no-show.

    All of them get the instant of the completion, by which it can be taken back. Publishes SessionCompleted, and
    AppointmentAttended or AppointmentNoShow each. Raises 409 `invalid-transition`, also before the start, however early
    it was started, unless a manager's reason overrides that.
    """
    domain.SESSION.check(session.status, "COMPLETED")
    timing.check_begun(session, override_reason, now=now)
    lock_packages(db, [session.id])
    session.status, session.completed_at, session.completed_by = "COMPLETED", now, context_of(db).actor
    session.change_reason = override_reason
    attended = 0
    for participant in queries.live_participants(db, session.id):
        if participant.status == "ARRIVED":
            attendance.attend(db, participant, now=now)
        elif participant.status in domain.UPCOMING_STATUSES:
            attendance.mark_missed(db, participant, "not arrived by the end of the session", now=now)
        attended += participant.status == "ATTENDED"
    no_shows = queries.count_participants(db, session.id, "NO_SHOW")
    db.flush()
    events.session_completed(db, session, attended, no_shows, now)
    return session


def cancel_session(
    db: Session, session: ClinicalSession, reason: str | None, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """Cancel a session, whose row is locked, and every participant who is still to come.

    Publishes SessionCancelled and one AppointmentCancelled each. Raises 409 `invalid-transition` where a participant
    has arrived already; also from the start on, unless a manager's reason overrides that.
    """
    domain.SESSION.check(session.status, "CANCELLED")
    timing.check_not_begun(session, override_reason, now=now)
    session.change_reason = override_reason or reason
    for participant in queries.live_participants(db, session.id):
        close_spot(participant, context_of(db).actor, reason or override_reason, now)
        events.appointment_cancelled(db, participant, session_cancelled=True, now=now)
        progress.follow(db, participant, now=now)
    spots.close(db, session, reason or override_reason, now=now)
    return session


def held_session(db: Session, session_id: UUID) -> ClinicalSession:
    """The session, locked with all its patients, so that it can be moved with them. Raises 404."""
    lock_patients(db, queries.live_patients(db, [session_id]))
    return locked_session(db, session_id)


def locked_session(db: Session, session_id: UUID) -> ClinicalSession:
    """The session, its row locked until the transaction ends. Raises 404."""
    session = queries.find_session(db, session_id, lock=True)
    if session is None:
        raise NotFound("session")
    return session


def close_spot(participant: Participant, by: str, reason: str | None, now: datetime) -> None:
    """Cancel a participant's spot. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "CANCELLED")
    participant.status, participant.cancelled_at = "CANCELLED", now
    participant.cancelled_by, participant.cancel_reason = by, reason


def _placed(placement: Placement, overridden: Sequence[str], override: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "provider_id": placement.provider.id,
        "provider": placement.provider,
        "room_id": placement.room.id if placement.room else None,
        "room": placement.room,
        "starts_at": placement.starts_at,
        "ends_at": placement.ends_at,
        "buffer_before_minutes": placement.buffer_before_minutes,
        "buffer_after_minutes": placement.buffer_after_minutes,
        "overridden": list(overridden),
        "override_reason": override["reason"] if override and overridden else None,
    }


def _decision_time(db: Session, session: ClinicalSession, given: datetime | None) -> datetime | None:
    """When a session with a minimum is decided upon: as given, else the tenant's lead before it starts.

    One that is entered after its start takes place, or has.
    """
    if session.min_participants is None or session.starts_at <= session.created_at:
        if given:
            raise InvalidField("decision_at", "There is nothing to decide without min_participants or after the start.")
        return None
    if given and given > session.starts_at:
        raise InvalidField("decision_at", "Must not be after the start.")
    if given:
        return given
    lead = session.starts_at - timedelta(hours=queries.settings(db).decision_lead_hours)
    return lead if lead > session.created_at else session.starts_at
