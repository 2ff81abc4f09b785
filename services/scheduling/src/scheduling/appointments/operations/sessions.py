"""Operations on sessions: create, change, reschedule, start, complete, cancel.

What follows from them is in `use_cases`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from jalsa.db.numbers import sequence_number
from jalsa.db.transactions import context_of
from jalsa.service.commands import given, value_or
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import domain, errors
from scheduling.appointments import events
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement
from scheduling.appointments.commands.sessions import ChangeSession, CreateSession, SessionDetails
from scheduling.appointments.operations import attendance, timing
from scheduling.appointments.operations.locks import lock_patients
from scheduling.appointments.operations.placing import Placement, new_placement, placement_of, take
from scheduling.appointments.queries import participant_records, session_records
from scheduling.directory import queries as directory
from scheduling.models import ClinicalSession, Participant
from scheduling.timetable.conflicts import absences_over, busy_patients
from scheduling.timetable.hours import day_of
from scheduling.timetable.spots import Spots, spots_of


@dataclass(frozen=True, slots=True)
class CapacityChanged:
    """A session was changed. `before` are its spots before the change."""

    session: ClinicalSession
    before: Spots

    @property
    def raised(self) -> bool:
        """Whether the session has more spots than before."""
        return self.session.max_capacity > self.before.capacity


@dataclass(frozen=True, slots=True)
class SessionMoved:
    """A session and its live participants have another placement.

    `was_blocked` says whether an absence affected the session before.
    """

    session: ClinicalSession
    previous: events.Held
    participants: Sequence[Participant]
    was_blocked: bool


@dataclass(frozen=True, slots=True)
class SessionSettled:
    """A session was completed or cancelled, and with it the participants whose state changed."""

    session: ClinicalSession
    participants: Sequence[Participant]


@dataclass(frozen=True, slots=True)
class RescheduledSession:
    """The checked placement to which a locked session may be moved, and the rules that are overridden for it."""

    placement: Placement
    overridden: Sequence[str]


def create_session(db: Session, command: CreateSession, *, now: datetime) -> ClinicalSession:
    """Store an empty session, and publish SessionScheduled.

    An `override` with a reason overrides working hours, absences, closures and buffers, and allows a start in the past.
    A `walk_in` may have started up to `domain.WALK_IN_MINUTES` ago. Raises 422 problems for what is unknown, inactive,
    past, or does not belong together, and 409 `provider-busy`, `room-busy` and `outside-working-hours`.
    """
    session = place_session(db, command, command.details, now=now)
    events.session_scheduled(db, session, now)
    return session


def place_session(
    db: Session, wanted: WantedPlacement, details: SessionDetails, *, now: datetime, closes_when_empty: bool = False
) -> ClinicalSession:
    """Check and store a session under the locks of its provider and room. Publishes nothing."""
    placement = placement_of(db, wanted, now=now, past=True)
    overridden = take(db, placement, wanted.override)
    past = domain.past_rules(placement.starts_at, now, walk_in=wanted.walk_in, overridden=wanted.override is not None)
    return store_session(
        db,
        placement,
        details,
        [*overridden, *(past or ())],
        override=wanted.override,
        now=now,
        closes_when_empty=closes_when_empty,
    )


def store_session(
    db: Session,
    placement: Placement,
    details: SessionDetails,
    overridden: Sequence[str] = (),
    *,
    override: Override | None,
    now: datetime,
    closes_when_empty: bool = False,
    series_id: UUID | None = None,
    occurs_on: date | None = None,
) -> ClinicalSession:
    """Store a `new_session` with a placement that was checked under its locks. Publishes nothing."""
    session = new_session(
        db,
        placement,
        details,
        overridden,
        override=override,
        number=sequence_number("SES", domain.local_year(now, placement.clinic.timezone)),
        now=now,
        closes_when_empty=closes_when_empty,
        series_id=series_id,
        occurs_on=occurs_on,
    )
    db.add(session)
    db.flush()
    return session


def new_session(
    db: Session,
    placement: Placement,
    details: SessionDetails,
    overridden: Sequence[str] = (),
    *,
    override: Override | None = None,
    number: str | ColumnElement[str],
    now: datetime,
    closes_when_empty: bool = False,
    series_id: UUID | None = None,
    occurs_on: date | None = None,
) -> ClinicalSession:
    """Create a session with a placement that was checked under its locks, without storing it."""
    session = ClinicalSession(
        id=new_id(),
        session_number=number,
        session_type=details.session_type,
        clinic_id=placement.clinic.id,
        clinic=placement.clinic,
        service_type_id=placement.service_type.id,
        service_type=placement.service_type,
        max_capacity=details.max_capacity,
        min_participants=details.min_participants,
        group_notes=details.group_notes,
        status=domain.SESSION.initial,
        created_at=now,
        created_by=context_of(db).actor,
        closes_when_empty=closes_when_empty,
        series_id=series_id,
        occurs_on=occurs_on,
        series_starts_at=placement.starts_at if series_id else None,
        reschedule_count=0,
    )
    _put(session, placement, overridden, override)
    session.decision_at = _decision_time(db, session, details.decision_at)
    return session


def update_session(db: Session, session: ClinicalSession, command: ChangeSession, *, now: datetime) -> CapacityChanged:
    """Change the capacity, the minimum, the time of decision or the group notes of a session whose row is locked.

    Raises 409 `capacity-below-participants`, 409 `invalid-transition` where the session is over, and 422 for a minimum
    above the capacity.
    """
    changes = given(command).keys() - {"scope"}
    if session.status not in ("SCHEDULED", "IN_PROGRESS") and changes - {"group_notes"}:
        raise errors.CapacityFixed(session.status)
    before = spots_of(db, [session.id])[session.id]
    capacity = value_or(command.max_capacity, session.max_capacity)
    minimum = value_or(command.min_participants, session.min_participants)
    if session.session_type == domain.INDIVIDUAL and capacity != 1:
        raise InvalidField("max_capacity", "An individual session has a capacity of 1.")
    if capacity < before.in_use:
        raise errors.CapacityBelowParticipants(before.taken)
    if (minimum or 1) > capacity:
        raise InvalidField("min_participants", "Must not be more than the capacity.")
    session.max_capacity, session.change_reason = capacity, None
    session.group_notes = value_or(command.group_notes, session.group_notes)
    if {"min_participants", "decision_at"} & changes:
        session.min_participants = minimum
        session.decision_at = _decision_time(db, session, value_or(command.decision_at, None))
        session.decision = None
    db.flush()
    if capacity <= before.capacity and before.available and capacity == before.in_use:
        events.session_filled(db, session, now)
    return CapacityChanged(session, before)


def check_reschedule(
    db: Session, session: ClinicalSession, command: NewPlacement, *, now: datetime
) -> RescheduledSession:
    """Check and lock another time, provider or room for a locked session with all its participants.

    The new placement is checked before the old one is given up. Raises 422 as `create_session` does, 409
    `provider-busy`, `room-busy`, `patient-busy` (with `participants`), `outside-working-hours` and
    `invalid-transition`, and what `check_settled` and `timing.check_same_day` raise.
    """
    if session.status != "SCHEDULED":
        raise errors.SessionImmovable(session.status)
    placement = new_placement(db, session, command, now=now)
    late = timing.check_same_day(session, placement.starts_at, command.override, now=now)
    check_settled(db, session, placement, now=now)
    overridden = late + take(db, placement, command.override, [session.id])
    check_patients(db, session, placement, [session.id])
    return RescheduledSession(placement, overridden)


def check_settled(db: Session, session: ClinicalSession, placement: Placement, *, now: datetime) -> None:
    """Raise 409 `invalid-transition` for a new time of a session that somebody attended, arrived for or missed.

    Within the same local day, participants who have only arrived, and no-shows of a session that has started, do not
    prevent the move.
    """
    if placement.starts_at == session.starts_at:
        return
    settled = {"ATTENDED"}
    if day_of(placement.starts_at, session.clinic.timezone) != day_of(session.starts_at, session.clinic.timezone):
        settled |= {"ARRIVED", "NO_SHOW"} if session.starts_at <= now else {"ARRIVED"}
    if found := settled & participant_records.statuses(db, session.id):
        raise errors.ParticipantsSettled(sorted(found))


def check_patients(db: Session, session: ClinicalSession, placement: Placement, moving: Sequence[UUID]) -> None:
    """Raise 409 `patient-busy` where a participant has another session at the new time that is not `moving` away too.

    A participant who joined after the patients were locked is either no conflict, or is caught by the exclusion
    constraint.
    """
    if busy := busy_patients(db, session.id, placement, moving):
        raise errors.ParticipantsBusy(busy)


def is_there(session: ClinicalSession, placement: Placement) -> bool:
    """Whether a session already has a placement."""
    return (session.starts_at, session.ends_at, session.provider_id, session.room_id) == (
        placement.starts_at,
        placement.ends_at,
        placement.provider.id,
        placement.room.id if placement.room else None,
    )


def move_session(
    db: Session,
    session: ClinicalSession,
    placement: Placement,
    overridden: Sequence[str],
    *,
    reason: str | None,
    override: Override | None = None,
    announced_with_package: Collection[UUID] = (),
    now: datetime,
) -> SessionMoved:
    """Move a locked session to a placement that was checked under its locks.

    Raises 422 if the session already has this placement. Numbers and ids stay. Publishes SessionRescheduled, and
    AppointmentRescheduled for each participant. `announced_with_package` contains the package sessions whose changes
    are announced by one event of their package.
    """
    previous = events.Held.of(session)
    if is_there(session, placement):
        raise InvalidField("starts_at", "The session already has this time, provider and room.")
    was_blocked = bool(absences_over(db, [session.id])[session.id])
    if session.decision_at:
        session.decision_at, session.decision = session.decision_at + (placement.starts_at - session.starts_at), None
    _put(session, placement, overridden, override)
    session.reschedule_count += 1
    session.change_reason = reason
    db.flush()  # The foreign key of the participants updates their times.
    events.session_rescheduled(db, session, previous, now)
    moved = participant_records.live_participants(db, session.id)
    for participant in moved:
        participant.reschedule_count += 1
        participant.change_reason = reason
        announced = participant.package_session_id in announced_with_package
        events.appointment_rescheduled(db, participant, session, previous, now, announced_with_package=announced)
    db.flush()
    return SessionMoved(session, previous, moved, was_blocked)


def start_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """Change SCHEDULED → IN_PROGRESS, and publish SessionStarted.

    Raises 409 `invalid-transition`. This includes a call earlier than the tenant's `early_start_minutes` before the
    start, unless a manager's reason overrides it.
    """
    domain.SESSION.check(session.status, "IN_PROGRESS")
    early = timedelta(minutes=directory.settings(db).early_start_minutes)
    timing.check_begun(session, override_reason, now=now, early=early)
    session.status, session.started_at, session.started_by = "IN_PROGRESS", now, context_of(db).actor
    session.change_reason = override_reason
    db.flush()
    events.session_started(db, session, now)
    return session


def complete_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> SessionSettled:
    """Change IN_PROGRESS → COMPLETED.

    Participants who have arrived become ATTENDED, and those still expected become no-shows. All of them get the instant
    of the completion, so that it can be undone. Publishes SessionCompleted, and AppointmentAttended or
    AppointmentNoShow for each of them. Raises 409 `invalid-transition`. This includes a call before the scheduled
    start, even if the session was started earlier, unless a manager's reason overrides it.
    """
    domain.SESSION.check(session.status, "COMPLETED")
    timing.check_begun(session, override_reason, now=now)
    session.status, session.completed_at, session.completed_by = "COMPLETED", now, context_of(db).actor
    session.change_reason = override_reason
    settled, attended = [], 0
    for participant in participant_records.live_participants(db, session.id):
        if participant.status == "ARRIVED":
            settled.append(attendance.attend(db, participant, now=now))
        elif participant.status in domain.UPCOMING_STATUSES:
            reason = "not arrived by the end of the session"
            settled.append(attendance.mark_missed(db, participant, reason, now=now))
        attended += participant.status == "ATTENDED"
    no_shows = participant_records.count_participants(db, session.id, "NO_SHOW")
    db.flush()
    events.session_completed(db, session, attended, no_shows, now)
    return SessionSettled(session, settled)


def cancel_session(
    db: Session,
    session: ClinicalSession,
    reason: str | None,
    override_reason: str | None = None,
    *,
    announced_with_package: Collection[UUID] = (),
    now: datetime,
) -> SessionSettled:
    """Cancel a session whose row is locked, and every participant who is still expected.

    Publishes AppointmentCancelled for each participant, and SessionCancelled. See `move_session` for
    `announced_with_package`. Raises 409 `invalid-transition` where a participant has already arrived, and after the
    session's start unless a manager's reason overrides it.
    """
    domain.SESSION.check(session.status, "CANCELLED")
    timing.check_not_begun(session, override_reason, now=now)
    session.change_reason = override_reason or reason
    cancelled = participant_records.live_participants(db, session.id)
    for participant in cancelled:
        give_up_spot(participant, context_of(db).actor, reason or override_reason, now)
        announced = participant.package_session_id in announced_with_package
        events.appointment_cancelled(db, participant, session_cancelled=True, announced_with_package=announced, now=now)
    close_session(db, session, reason or override_reason, now=now)
    return SessionSettled(session, cancelled)


def close_session(db: Session, session: ClinicalSession, reason: str | None, *, now: datetime) -> None:
    """Cancel a session that has no live participants left, and publish SessionCancelled."""
    session.status, session.cancelled_at = "CANCELLED", now
    session.cancelled_by, session.cancel_reason = context_of(db).actor, reason
    session.started_at = session.started_by = None
    db.flush()
    events.session_cancelled(db, session, now)


def held_session(db: Session, session_id: UUID) -> ClinicalSession:
    """Return the session, locked together with all its patients, so that it can be moved with them. Raises 404."""
    lock_patients(db, participant_records.live_patients(db, [session_id]))
    return locked_session(db, session_id)


def locked_session(db: Session, session_id: UUID) -> ClinicalSession:
    """Return the session, with its row locked until the transaction ends. Raises 404."""
    session = session_records.find_session(db, session_id, lock=True)
    if session is None:
        raise NotFound("session")
    return session


def give_up_spot(participant: Participant, by: str, reason: str | None, now: datetime) -> None:
    """Cancel a participant's spot. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "CANCELLED")
    participant.status, participant.cancelled_at = "CANCELLED", now
    participant.cancelled_by, participant.cancel_reason = by, reason


def _put(session: ClinicalSession, placement: Placement, overridden: Sequence[str], override: Override | None) -> None:
    """Assign a placement to a session."""
    session.provider_id, session.provider = placement.provider.id, placement.provider
    session.room_id, session.room = placement.room.id if placement.room else None, placement.room
    session.starts_at, session.ends_at = placement.starts_at, placement.ends_at
    session.buffer_before_minutes = placement.buffer_before_minutes
    session.buffer_after_minutes = placement.buffer_after_minutes
    session.overridden = list(overridden)
    session.override_reason = override.reason if override and overridden else None


def _decision_time(db: Session, session: ClinicalSession, given: datetime | None) -> datetime | None:
    """Return when a decision about a session with a minimum is due, in UTC.

    That is the given instant, or else the tenant's lead time before the start. It is None for a session without a
    minimum, and for one that is entered after its start, because it has already taken place.
    """
    if session.min_participants is None or session.starts_at <= session.created_at:
        if given:
            raise InvalidField("decision_at", "There is nothing to decide without min_participants or after the start.")
        return None
    if given and given > session.starts_at:
        raise InvalidField("decision_at", "Must not be after the start.")
    if given:
        return given
    lead = session.starts_at - timedelta(hours=directory.settings(db).decision_lead_hours)
    return lead if lead > session.created_at else session.starts_at
