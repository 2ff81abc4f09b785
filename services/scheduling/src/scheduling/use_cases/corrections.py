"""Undoing the last outcome of a participant or of a session, which returns it to the state before.

The previous state is derived from the remaining instants. The instants of the outcome are cleared. A cancellation is
not an outcome. `seen` is the state that the caller saw before waiting for the locks. If two callers undo the same
mistake, only one of them succeeds.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import Conflict
from scheduling import domain, errors
from scheduling.appointments import events
from scheduling.appointments.operations import sessions
from scheduling.appointments.operations.locks import lock_packages, lock_patients, lock_sessions
from scheduling.appointments.queries import corrections as read
from scheduling.appointments.queries.session_records import sessions_offered_to
from scheduling.models import ClinicalSession, Participant
from scheduling.packages.operations import progress
from scheduling.timetable.hours import day_of
from scheduling.use_cases import appointments as use_cases
from scheduling.waitlist.operations import spots

#: The columns that each outcome sets in its row, the instant first.
_LEFT_BY = {
    "ARRIVED": ("arrived_at", "arrived_by", "arrived_cleared", "arrived_consented", "check_in_override_reason"),
    "ATTENDED": ("attended_at", "attended_by"),
    "NO_SHOW": ("no_show_at", "no_show_by", "no_show_reason"),
    "IN_PROGRESS": ("started_at", "started_by"),
    "COMPLETED": ("completed_at", "completed_by"),
}


def is_of_today(record: Participant | ClinicalSession, zone: str, now: datetime) -> bool:
    """Whether the last outcome was recorded on the current local day of the clinic.

    Raises 409 `invalid-transition` for a record without an outcome that can be undone.
    """
    if record.status not in _LEFT_BY:
        raise _nothing_to_take_back(record)
    recorded: datetime = getattr(record, _LEFT_BY[record.status][0])
    return day_of(recorded, zone) == day_of(now, zone)


def undo_participant(
    db: Session, participant: Participant, reason: str | None, *, seen: str, now: datetime
) -> Participant:
    """Undo the last outcome of a locked participant, and publish AppointmentCorrected.

    A no-show needs the spot again, which is checked with the rules of a booking. Raises 409 `invalid-transition` if
    there is nothing to undo, if somebody else has undone it in the meantime, or in a session that is over. Raises 409
    `session-full`, `patient-busy` and `already-enrolled`, and 422 `unknown-patient`.
    """
    _check_seen(participant, seen)
    session = participant.session
    if session.status == "COMPLETED":
        raise errors.CompletionFirst
    if session.status == "CANCELLED":
        raise errors.SessionCancelled
    lock_packages(db, [session.id])
    were_available = spots.available(db, session)
    _take_back(db, participant, reason, now)
    spots.free(db, session, were_available=were_available, now=now)
    return participant


def undo_session(
    db: Session, session: ClinicalSession, reason: str | None, *, seen: str, now: datetime
) -> ClinicalSession:
    """Undo the start or the completion of a locked session, and publish SessionCorrected.

    Undoing the completion also returns every participant whose outcome it recorded to the state before, with one
    AppointmentCorrected each. This is done for all of them or for none. Raises 409 `invalid-transition` as
    `undo_participant` does, and 409 `undo-refused` with a `refusals` item for each participant who cannot have the spot
    back.
    """
    _check_seen(session, seen)
    was, completed_at = session.status, session.completed_at
    [target] = domain.SESSION.undo[was]
    domain.SESSION.check_undo(was, target)
    settled = read.settled_at(db, session.id, completed_at) if completed_at else []
    _correct(db, session, target, reason, now)
    db.flush()
    events.session_corrected(db, session, was, now)
    _take_all_back(db, settled, reason, now)
    if target == "SCHEDULED":
        # The offers that ended with the start are made again, to the entries that are first by now.
        spots.free(db, session, were_available=spots.available(db, session), now=now)
    return session


def held_for_undo(db: Session, session_id: UUID) -> ClinicalSession:
    """Return a session, locked together with its patients, except those who cancelled, and with their packages.

    The sessions in which those patients are offered spots are locked too, because the offers may be given up for this
    session. Raises 404.
    """
    patients = read.patients_settled(db, session_id)
    lock_patients(db, patients)
    lock_sessions(db, {session_id, *sessions_offered_to(db, patients)})
    session = sessions.locked_session(db, session_id)
    lock_packages(db, [session_id])
    return session


def _take_all_back(db: Session, settled: Sequence[Participant], reason: str | None, now: datetime) -> None:
    refused = []
    for participant in settled:
        try:
            _take_back(db, participant, reason, now)
        except Conflict as error:
            refused.append(errors.ParticipantRefused(participant.id, error))
    if refused:
        raise errors.UndoRefused(refused)


def _take_back(db: Session, participant: Participant, reason: str | None, now: datetime) -> None:
    was = participant.status
    target = domain.state_before(
        was, confirmed=participant.confirmed_at is not None, missed=participant.no_show_at is not None
    )
    if target is None:
        raise _nothing_to_take_back(participant)
    domain.PARTICIPANT.check_undo(was, target)
    if was == "NO_SHOW":
        use_cases.regain_spot(db, participant, now=now)
    _correct(db, participant, target, reason, now)
    db.flush()
    events.appointment_corrected(db, participant, was, now)
    progress.go_back(db, participant, now=now)


def _correct(
    db: Session, record: Participant | ClinicalSession, target: str, reason: str | None, now: datetime
) -> None:
    for name in _LEFT_BY[record.status]:
        setattr(record, name, None)
    record.status, record.change_reason = target, reason
    record.corrected_at, record.corrected_by = now, context_of(db).actor


def _check_seen(record: Participant | ClinicalSession, seen: str) -> None:
    if record.status != seen:
        raise errors.ChangedMeanwhile
    if record.status not in _LEFT_BY:
        raise _nothing_to_take_back(record)


def _nothing_to_take_back(record: Participant | ClinicalSession) -> Conflict:
    return errors.CancellationFinal() if record.status == "CANCELLED" else errors.NothingToUndo()
