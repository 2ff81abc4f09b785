"""Who comes and who does not: check-in, attendance, no-shows. The session's row is locked before the participant's."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db import context_of
from jalsa.errors import conflict
from scheduling import domain, events, queries
from scheduling.models import Participant
from scheduling.operations import progress


def check_in(
    db: Session, participant: Participant, override_reason: str | None = None, *, now: datetime
) -> Participant:
    """The patient has arrived; what was known of clearance and consent is stored with it. Publishes AppointmentArrived.

    Raises 409 `check-in-blocked` with the `blockers`, unless a manager's reason overrides them; `invalid-transition`,
    also for a session that is over; `session-full` where a no-show's place was given away.
    """
    domain.PARTICIPANT.check(participant.status, "ARRIVED")
    session = participant.session
    over = session.status not in ("SCHEDULED", "IN_PROGRESS")
    if over or (participant.status == "NO_SHOW" and session.ends_at <= now):
        raise conflict("invalid-transition", "The session is over.")
    standing = queries.standings(db, [participant.id])[participant.id]
    if participant.status == "NO_SHOW" and not standing.places.available:
        raise conflict("session-full", "The place was given to somebody else.")
    blockers = domain.check_in_blockers(
        cleared=standing.cleared,
        consented=standing.consented,
        starts_at=session.starts_at,
        zone=session.clinic.timezone,
        now=now,
    )
    if blockers and override_reason is None:
        raise conflict("check-in-blocked", "The patient can not be checked in yet.", blockers=blockers)
    participant.status, participant.arrived_at, participant.arrived_by = "ARRIVED", now, context_of(db).actor
    participant.arrived_cleared, participant.arrived_consented = standing.cleared, standing.consented
    participant.check_in_override_reason = override_reason if blockers else None
    participant.change_reason = participant.check_in_override_reason
    db.flush()
    events.appointment_arrived(db, participant, late_minutes(participant), now)
    progress.follow(db, participant, now=now)
    return participant


def late_minutes(participant: Participant) -> int:
    """How many whole minutes after the start the patient arrived; 0 for one who was in time or has not arrived.

    When one arrived who was entered after the start is not known.
    """
    if participant.arrived_at is None or participant.recorded_late:
        return 0
    return max(int((participant.arrived_at - participant.starts_at) / timedelta(minutes=1)), 0)


def attend(db: Session, participant: Participant, *, now: datetime) -> Participant:
    """ARRIVED → ATTENDED, and publish AppointmentAttended. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "ATTENDED")
    participant.status, participant.attended_at, participant.attended_by = "ATTENDED", now, context_of(db).actor
    participant.change_reason = None
    db.flush()
    events.appointment_attended(db, participant, now)
    progress.follow(db, participant, now=now)
    return participant


def no_show(
    db: Session, participant: Participant, reason: str | None, *, now: datetime, automatic: bool = False
) -> Participant:
    """BOOKED or CONFIRMED → NO_SHOW with its reason, and publish AppointmentNoShow. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "NO_SHOW")
    participant.status, participant.no_show_at, participant.no_show_by = "NO_SHOW", now, context_of(db).actor
    participant.no_show_reason = participant.change_reason = reason
    db.flush()
    events.appointment_no_show(db, participant, automatic=automatic, now=now)
    progress.follow(db, participant, now=now)
    return participant


def miss(db: Session, participant_id: UUID, *, now: datetime) -> bool:
    """Make one who is overdue a no-show, unless something else happened meanwhile. Returns whether it did.

    One who was entered after the start has come, or will have: somebody says so.
    """
    participant = queries.find_participant(db, participant_id)
    if participant is None:
        return False
    queries.find_session(db, participant.session_id, lock=True)
    queries.find_participant(db, participant_id, lock=True)
    grace = queries.settings(db).no_show_grace_minutes
    overdue = participant.starts_at + timedelta(minutes=grace) <= now
    if participant.status not in domain.EXPECTED or participant.recorded_late or not overdue:
        return False
    no_show(db, participant, f"not arrived {grace} minutes after the start", now=now, automatic=True)
    return True
