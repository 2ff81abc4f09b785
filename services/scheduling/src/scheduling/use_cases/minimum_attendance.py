"""Decisions about sessions with too few participants: run them, merge them into others, or cancel them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.errors import Conflict, InvalidField
from scheduling import errors
from scheduling.appointments.commands.sessions import DecideSession
from scheduling.appointments.operations.locks import lock_patients, lock_sessions
from scheduling.appointments.operations.sessions import locked_session
from scheduling.appointments.queries import participant_records, session_records
from scheduling.appointments.queries.session_records import sessions_offered_to
from scheduling.models import ClinicalSession
from scheduling.timetable.spots import spots_of
from scheduling.use_cases.appointments import cancel_session, move_participant


def flag(db: Session, session_id: UUID, *, now: datetime) -> bool:
    """Flag a session with too few participants for a decision, when the decision is due.

    Returns whether it was flagged.
    """
    session = session_records.find_session(db, session_id, lock=True)
    due = session is not None and session.decision is None and session.decision_at and session.decision_at <= now
    if session is None or not due or session.status != "SCHEDULED":
        return False
    taken = spots_of(db, [session.id])[session.id].taken
    session.decision = "NEEDED" if taken < (session.min_participants or 0) else "MET"
    session.change_reason = None
    db.flush()
    return session.decision == "NEEDED"


def held_for_decision(db: Session, session_id: UUID, into: UUID | None) -> ClinicalSession:
    """Return a session, locked together with its patients and the session into which it may be merged. Raises 404.

    If there is such a session, those in which the patients are offered spots are locked too, because the offers may be
    given up.
    """
    patients = participant_records.live_patients(db, [session_id])
    lock_patients(db, patients)
    others = {into, *sessions_offered_to(db, patients)} if into else set()
    lock_sessions(db, {session_id, *others})
    return locked_session(db, session_id)


def decide(db: Session, session: ClinicalSession, command: DecideSession, *, now: datetime) -> ClinicalSession:
    """RUN a locked session as it is, MERGE it into another one of the same service type, or CANCEL it.

    Raises 409 `invalid-transition` if no decision is needed, and unless it is to RUN, what `cancel_session` raises.
    MERGE also raises 422 for the other session, and 409 `merge-refused` with a `refusals` item for each participant who
    cannot have a spot there. Either all participants are moved or none.
    """
    action, reason = command.action, command.reason
    if session.decision != "NEEDED":
        raise errors.NothingToDecide
    if command.into_session_id is not None:
        _move_all(db, session, command.into_session_id, command, now)
    if action != "RUN":
        cancel_session(db, session, reason, command.override.reason if command.override else None, now=now)
    session.decision = {"RUN": "RUN", "MERGE": "MERGED", "CANCEL": "CANCELLED"}[action]
    session.change_reason = reason
    db.flush()
    return session


def _move_all(db: Session, session: ClinicalSession, into: UUID, command: DecideSession, now: datetime) -> None:
    if into == session.id:
        raise InvalidField("into_session_id", "Must be another session.")
    refused = []
    for participant in participant_records.live_participants(db, session.id):
        try:
            move_participant(db, participant, session, into, command.reason, command.override, now=now)
        except Conflict as error:
            refused.append(errors.ParticipantRefused(participant.id, error))
    if refused:
        raise errors.MergeRefused(refused)
