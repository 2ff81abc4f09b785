"""The roster of a series. A patient who joins gets a spot in every later session, and one who leaves gives them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import Conflict, InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import errors
from scheduling.appointments.commands.appointments import BookParticipant
from scheduling.appointments.operations import participants
from scheduling.appointments.operations.locks import lock_patients, lock_sessions
from scheduling.appointments.queries import session_records
from scheduling.models import SeriesMember, SessionSeries
from scheduling.series.commands import JoinSeries, LeaveSeries
from scheduling.series.queries import coming, coming_spots, current_member
from scheduling.timetable.hours import day_of, instant_of, zone_of
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases.series import refused


@dataclass(frozen=True)
class Joined:
    """A new member, and the refusals of the sessions in which the patient could not be booked."""

    member: SeriesMember
    skipped: Sequence[errors.Refused]


def join(db: Session, series: SessionSeries, command: JoinSeries, *, now: datetime) -> Joined:
    """Book a patient into every session from the local day `from_date`, or today, on.

    Publishes what the bookings publish. Raises 422 `unknown-patient`, 422 for a day after the last session, 409
    `already-enrolled`, and 409 `series-conflicts` with what `book_participant` raises for each session. With
    `skip_conflicts`, those sessions are left out, unless no session remains.
    """
    facts = participants.lock_booking_facts(db, command.patient_id, None)
    patient_id = facts.patient_id
    if current_member(db, series.id, patient_id):
        raise errors.OnRoster
    joined_on = _from_today(command.from_date, series, now)
    ids = coming(db, series.id, since=_midnight(joined_on, series), now=now)
    if not ids:
        raise InvalidField("from_date", "The series has no session on or after that day.")
    lock_sessions(db, {*ids, *facts.elsewhere})
    skipped = _book_all(db, ids, command, now)
    if skipped and (len(skipped) == len(ids) or not command.skip_conflicts):
        raise errors.SeriesConflicts(skipped)
    member = SeriesMember(
        id=new_id(),
        series_id=series.id,
        patient_id=patient_id,
        joined_on=joined_on,
        joined_at=now,
        joined_by=context_of(db).actor,
    )
    db.add(member)
    db.flush()
    return Joined(member, skipped)


def leave(
    db: Session, series: SessionSeries, member: SeriesMember, command: LeaveSeries, *, now: datetime
) -> SeriesMember:
    """Give up a locked member's spots from the local day `from_date`, or today, on.

    Publishes what the cancellations publish. These are all spots in later sessions of the series in which the patient
    is still expected, however they were booked. Raises 409 `invalid-transition` for a member who has already left.
    """
    if member.left_on is not None:
        raise errors.MemberHasLeft
    reason, left_on = command.reason, _from_today(command.from_date, series, now)
    asked = {"since": _midnight(left_on, series), "now": now}
    lock_sessions(db, coming_spots(db, series.id, member.patient_id, **asked))
    for participant_id in coming_spots(db, series.id, member.patient_id, **asked).values():
        participant = participants.locked_participant(db, participant_id)
        use_cases.cancel_appointment(db, participant, reason, now=now)
    member.left_on, member.left_at, member.left_by = left_on, now, context_of(db).actor
    member.leave_reason = reason
    db.flush()
    return member


def held_member(db: Session, series_id: UUID, member_id: UUID) -> SeriesMember:
    """Return the member, locked after the patient, so that the spots can be given up. Raises 404."""
    member = db.get(SeriesMember, member_id)
    if member is None or member.series_id != series_id:
        raise NotFound("member")
    lock_patients(db, [member.patient_id])
    db.refresh(member, with_for_update=True)
    return member


def _book_all(db: Session, ids: Sequence[UUID], command: JoinSeries, now: datetime) -> list[errors.Refused]:
    """Book the locked patient into each locked session that has a spot. Returns the refusals of the others."""
    booking = BookParticipant(patient_id=command.patient_id, notes=command.notes, override=command.override)
    refusals = []
    for session in session_records.find_sessions(db, ids):
        try:
            use_cases.book_participant(db, session.id, booking, now=now)
        except Conflict as error:
            refusals.append(refused(session, session.starts_at, error))
    return refusals


def _from_today(day: date | None, series: SessionSeries, now: datetime) -> date:
    """Return the day, or today if it is in the past, because past sessions are not changed."""
    today = day_of(now, series.clinic.timezone)
    return max(day or today, today)


def _midnight(day: date, series: SessionSeries) -> datetime:
    return instant_of(day, time(0), zone_of(series.clinic.timezone))
