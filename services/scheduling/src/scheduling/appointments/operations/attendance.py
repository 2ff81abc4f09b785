"""Attendance: check-in, attendance and no-shows. The session's row is locked before the participant's.

What follows from attendance is in `use_cases`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from scheduling import domain, errors
from scheduling.appointments import events
from scheduling.appointments.operations import timing
from scheduling.appointments.queries import participant_records, session_records
from scheduling.directory import queries as directory
from scheduling.models import ClinicalSession, Participant
from scheduling.timetable.spots import spots_of


@dataclass(frozen=True, slots=True)
class CheckInStanding:
    """What is known about a participant who may check in.

    `override_reason` is a manager's reason, which overrides the blockers. It is None where there are no blockers.
    """

    standing: participant_records.Standing
    blockers: Sequence[str]
    override_reason: str | None


@dataclass(frozen=True, slots=True)
class NoShow:
    """A participant missed a session. `were_available` is the number of spots that were free before."""

    participant: Participant
    session: ClinicalSession
    were_available: int


def check_check_in(
    db: Session, participant: Participant, override_reason: str | None, *, now: datetime
) -> CheckInStanding:
    """Check that a locked participant can check in.

    A no-show must also be given a spot again, which this does not check. Raises 409 `check-in-blocked` with the
    `blockers` and their `blocker_details`, unless a manager's reason overrides them. Raises 409 `invalid-transition`
    for a participant in the wrong state and for a session that is over.
    """
    domain.PARTICIPANT.check(participant.status, "ARRIVED")
    session = participant.session
    over = session.status not in ("SCHEDULED", "IN_PROGRESS")
    if over or (participant.status == "NO_SHOW" and session.ends_at <= now):
        raise errors.SessionOver
    standing = participant_records.standings(db, [participant.id])[participant.id]
    blockers = domain.check_in_blockers(
        cleared=standing.cleared,
        consented=standing.consented,
        starts_at=session.starts_at,
        zone=session.clinic.timezone,
        now=now,
    )
    if blockers and override_reason is None:
        raise errors.CheckInBlocked(blockers, blocker_details(participant, standing, blockers))
    return CheckInStanding(standing, blockers, override_reason if blockers else None)


def arrive(db: Session, participant: Participant, known: CheckInStanding, *, now: datetime) -> Participant:
    """Record that the patient has arrived, and publish AppointmentArrived.

    Stores what was known of clearance and consent at that time.
    """
    participant.status, participant.arrived_at, participant.arrived_by = "ARRIVED", now, context_of(db).actor
    participant.arrived_cleared, participant.arrived_consented = known.standing.cleared, known.standing.consented
    participant.check_in_override_reason = participant.change_reason = known.override_reason
    db.flush()
    events.appointment_arrived(db, participant, late_minutes(participant), now)
    return participant


def blocker_details(
    participant: Participant, standing: participant_records.Standing, blockers: Sequence[str]
) -> list[dict[str, str]]:
    """Return the reason for each of a participant's blockers, and the address behind the gateway with more about it."""
    known = {
        "finance": (standing.clearance_reason, f"/billing/v1/clearance/{participant.id}"),
        "consent": (standing.consent_reason, f"/patient-files/v1/consents?patient_id={participant.patient_id}"),
        "too-early": ("before-its-day", f"/scheduling/v1/sessions/{participant.session_id}"),
    }
    return [{"blocker": name, "reason": known[name][0], "look_at": known[name][1]} for name in blockers]


def late_minutes(participant: Participant) -> int:
    """Return how many whole minutes after the start the patient arrived.

    It is 0 for a patient who was in time or has not arrived. It is also 0 for a participant who was entered after the
    start, because the time of arrival is not known.
    """
    if participant.arrived_at is None or participant.recorded_late:
        return 0
    return max(int((participant.arrived_at - participant.starts_at) / timedelta(minutes=1)), 0)


def attend(db: Session, participant: Participant, *, now: datetime) -> Participant:
    """Change ARRIVED → ATTENDED, and publish AppointmentAttended. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "ATTENDED")
    participant.status, participant.attended_at, participant.attended_by = "ATTENDED", now, context_of(db).actor
    participant.change_reason = None
    db.flush()
    events.appointment_attended(db, participant, now)
    return participant


def no_show(
    db: Session, participant: Participant, reason: str | None, override_reason: str | None = None, *, now: datetime
) -> NoShow:
    """Change BOOKED or CONFIRMED → NO_SHOW with a reason, and publish AppointmentNoShow.

    Raises 409 `invalid-transition`. This includes a call before the start, unless a manager's reason overrides it.
    """
    domain.PARTICIPANT.check(participant.status, "NO_SHOW")
    session = participant.session
    timing.check_begun(session, override_reason, now=now)
    were_available = spots_of(db, [session.id])[session.id].available
    mark_missed(db, participant, reason or override_reason, override_reason, now=now)
    return NoShow(participant, session, were_available)


def mark_missed(
    db: Session,
    participant: Participant,
    reason: str | None,
    override_reason: str | None = None,
    *,
    now: datetime,
    automatic: bool = False,
) -> Participant:
    """Change BOOKED or CONFIRMED → NO_SHOW in a session that has started, and publish AppointmentNoShow."""
    domain.PARTICIPANT.check(participant.status, "NO_SHOW")
    participant.status, participant.no_show_at, participant.no_show_by = "NO_SHOW", now, context_of(db).actor
    participant.no_show_reason, participant.change_reason = reason, override_reason or reason
    db.flush()
    events.appointment_no_show(db, participant, automatic=automatic, now=now)
    return participant


def mark_overdue(db: Session, participant_id: UUID, *, now: datetime) -> Participant | None:
    """Mark an overdue participant as a no-show. Returns None if something else happened in the meantime.

    The tenant's grace period counts from the start, or from the time after it at which a person undid an outcome. A
    participant who was entered after the start is never overdue, because somebody will record that the patient came.
    """
    participant = participant_records.find_participant(db, participant_id)
    if participant is None:
        return None
    session_records.find_session(db, participant.session_id, lock=True)
    participant_records.find_participant(db, participant_id, lock=True)
    grace = directory.settings(db).no_show_grace_minutes
    since = max(participant.starts_at, participant.corrected_at or participant.starts_at)
    overdue = since + timedelta(minutes=grace) <= now
    if participant.status not in domain.UPCOMING_STATUSES or participant.recorded_late or not overdue:
        return None
    return mark_missed(db, participant, f"not arrived {grace} minutes after the start", now=now, automatic=True)
