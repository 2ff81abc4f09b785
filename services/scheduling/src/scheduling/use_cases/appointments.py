"""What follows when a spot is taken, moved or given up, in a fixed order, after all locks are taken.

The core (`sessions`, `participants`, `attendance`) changes sessions and participants, and returns what happened. It
does not know the packages, which follow the states of their appointments (`progress`), the spots that are offered to
waiting patients (`offers`, `spots`), or the waitlist entries that a booking fulfils (`fulfilment`). Each use case here
calls the core and then these. Use cases that change several sessions or appointments in one transaction (series,
packages, proposals) call the use cases for each.

The caller has locked what a use case names: a participant with its patient and its session's row
(`participants.locked_participant`), or a session's row (`sessions.locked_session`). The module `locks` has the order of
all locks.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.errors import InvalidField
from scheduling import errors
from scheduling.appointments import events
from scheduling.appointments.commands.appointments import BookAppointment, BookParticipant, RescheduleParticipant
from scheduling.appointments.commands.placements import NewPlacement, Override
from scheduling.appointments.commands.sessions import ChangeSession
from scheduling.appointments.operations import attendance, participants, sessions
from scheduling.appointments.operations.locks import lock_packages
from scheduling.appointments.operations.participants import Booked, Spot
from scheduling.appointments.operations.placing import Placement
from scheduling.appointments.queries import corrections
from scheduling.appointments.queries.participant_records import find_participant
from scheduling.domain import INDIVIDUAL
from scheduling.models import ClinicalSession, PackageSession, Participant
from scheduling.packages.operations import progress
from scheduling.waitlist.operations import fulfilment, offers, spots


def book_participant(db: Session, session_id: UUID, command: BookParticipant, *, now: datetime) -> Booked:
    """Book a patient into an existing session, and publish AppointmentBooked, and SessionFilled with the last spot.

    If an open offer holds the spot for the patient, the offer is accepted. Other entries of the patient that the
    booking meets are fulfilled. Raises what `participants.find_spot` raises, and 409 `offer-expired`.
    """
    spot = participants.find_spot(db, session_id, command, now=now)
    _accept_offer(db, spot, now)
    booked = participants.take_spot(db, spot, command.notes, now=now)
    _fulfil(db, spot, now)
    if spot.session.starts_at > now and not spot.facts.offered and not booked.standing.spots.available:
        events.session_filled(db, spot.session, now)
    return booked


def book_appointment(
    db: Session, command: BookAppointment, package_session: PackageSession | None = None, *, now: datetime
) -> Booked:
    """Book an individual session and its participant in one step.

    With `package_session`, the appointment belongs to that session of a package. Publishes SessionScheduled and
    AppointmentBooked. Raises what `participants.find_own_spot` raises.
    """
    spot = participants.find_own_spot(db, command, now=now)
    booked = participants.take_spot(db, spot, command.notes, package_session, now=now)
    _fulfil(db, spot, now)
    return booked


def cancel_appointment(
    db: Session,
    participant: Participant,
    reason: str | None,
    override_reason: str | None = None,
    *,
    announced_with_package: bool = False,
    now: datetime,
) -> Participant:
    """Cancel an appointment, update its package, and offer its spot to waiting patients.

    Raises what `participants.cancel` raises.
    """
    cancelled = participants.cancel(
        db, participant, reason, override_reason, announced_with_package=announced_with_package, now=now
    )
    progress.follow(db, participant, now=now)
    spots.free(db, cancelled.session, were_available=cancelled.were_available, now=now)
    return participant


def reschedule_appointment(
    db: Session, participant: Participant, command: RescheduleParticipant, *, now: datetime
) -> Participant:
    """Move a locked participant to another session of the same service type, or an individual session to another time.

    The number and id stay. The new spot is checked before the old one is given up. Raises 422 for the other session,
    and the 409 problems of `book_participant` and `reschedule_session`.
    """
    old = participant.session
    if command.session_id is not None:
        were_available = spots.available(db, old)
        move_participant(db, participant, old, command.session_id, command.reason, command.override, now=now)
        spots.free(db, old, were_available=were_available, now=now)
        return participant
    if old.session_type != INDIVIDUAL:
        raise InvalidField(
            "session_id", "Required, because a group session can only be moved with all its participants."
        )
    participants.check_movable(participant)
    reschedule_session(db, old, command, now=now)
    find_participant(db, participant.id, lock=True)
    return participant


def move_participant(
    db: Session,
    participant: Participant,
    old: ClinicalSession,
    into: UUID,
    reason: str | None,
    override: Override | None,
    *,
    now: datetime,
) -> Participant:
    """Give a locked participant a spot in another session. The caller decides what happens to the spot in `old`.

    Publishes AppointmentRescheduled, and SessionFilled with the last spot. The package records the new provider of its
    session. Raises what `participants.find_other_spot` raises, and 409 `offer-expired`.
    """
    spot = participants.find_other_spot(db, participant, old, into, override, now=now)
    _accept_offer(db, spot, now)
    participants.move(db, participant, old, spot, reason, now=now)
    progress.note_provider(db, participant, reason, now=now)
    _fulfil(db, spot, now)
    return participant


def regain_spot(db: Session, participant: Participant, *, now: datetime) -> None:
    """Check that the former spot of a no-show is still free for the patient, with the rules of a booking.

    An open offer of this spot to the patient is accepted, and other entries of the patient that the spot meets are
    fulfilled. The participant was locked with `regaining`. Raises 409 `session-full`, `patient-busy` and
    `already-enrolled`, and 422 `unknown-patient`.
    """
    if participant.package_session_id and corrections.is_made_up(db, participant.package_session_id):
        raise errors.PackageSessionMadeUp
    spot = participants.find_former_spot(db, participant)
    _accept_offer(db, spot, now)
    _fulfil(db, spot, now)


def check_in(
    db: Session, participant: Participant, override_reason: str | None = None, *, now: datetime
) -> Participant:
    """Check in a patient, and update the package. A no-show can check in if the spot is still free.

    Publishes AppointmentArrived. Raises what `attendance.check_check_in` raises, and for a no-show what `regain_spot`
    raises.
    """
    known = attendance.check_check_in(db, participant, override_reason, now=now)
    session, missed = participant.session, participant.status == "NO_SHOW"
    if missed:
        lock_packages(db, [session.id])
        regain_spot(db, participant, now=now)
    attendance.arrive(db, participant, known, now=now)
    progress.follow(db, participant, now=now)
    if missed:
        spots.free(db, session, were_available=known.standing.spots.available, now=now)
    return participant


def attend(db: Session, participant: Participant, *, now: datetime) -> Participant:
    """Record that a patient who had arrived took part, and update the package.

    Raises what `attendance.attend` raises.
    """
    attendance.attend(db, participant, now=now)
    progress.follow(db, participant, now=now)
    return participant


def no_show(
    db: Session, participant: Participant, reason: str | None, override_reason: str | None = None, *, now: datetime
) -> Participant:
    """Record that the patient did not come, update the package, and offer the spot to others.

    Raises what `attendance.no_show` raises.
    """
    missed = attendance.no_show(db, participant, reason, override_reason, now=now)
    progress.follow(db, participant, now=now)
    spots.free(db, missed.session, were_available=missed.were_available, now=now)
    return participant


def mark_no_show(db: Session, participant_id: UUID, *, now: datetime) -> bool:
    """Mark an overdue participant as a no-show and update the package. Returns whether this happened."""
    missed = attendance.mark_overdue(db, participant_id, now=now)
    if missed is not None:
        progress.follow(db, missed, now=now)
    return missed is not None


def update_session(db: Session, session: ClinicalSession, command: ChangeSession, *, now: datetime) -> ClinicalSession:
    """Change a session, and offer the spots of a raised capacity. Raises what `sessions.update_session` raises."""
    changed = sessions.update_session(db, session, command, now=now)
    if changed.raised:
        spots.free(db, session, were_available=changed.before.available, now=now)
    return session


def reschedule_session(
    db: Session, session: ClinicalSession, command: NewPlacement, *, now: datetime
) -> ClinicalSession:
    """Move a locked session, with all its participants, to another time, provider or room.

    Raises what `sessions.check_reschedule` raises, and 422 if the session already has that placement.
    """
    to = sessions.check_reschedule(db, session, command, now=now)
    return move_session(
        db, session, to.placement, to.overridden, reason=command.reason, override=command.override, now=now
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
) -> ClinicalSession:
    """Move a locked session to a placement that was checked under its locks. See `sessions.move_session`.

    Packages record the new providers of their sessions. Waitlist entries of the participants that are now met are
    fulfilled. If an absence affected the session before, its free spots are offered to waiting patients.
    """
    waits = fulfilment.waits_on(db, session)
    moved = sessions.move_session(
        db,
        session,
        placement,
        overridden,
        reason=reason,
        override=override,
        announced_with_package=announced_with_package,
        now=now,
    )
    for participant in moved.participants:
        progress.note_provider(db, participant, reason, now=now)
    db.flush()
    fulfilment.fulfil_moved(db, session, waits, moved.previous.starts_at, now=now)
    were_available = spots.available(db, session)
    if offers.withdraw(db, session, "WITHDRAWN", now=now) or moved.was_blocked:
        spots.free(db, session, were_available=were_available, now=now)
    return session


def start_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """Start a session and end its open offers. Raises what `sessions.start_session` raises."""
    sessions.start_session(db, session, override_reason, now=now)
    offers.withdraw(db, session, "WITHDRAWN", now=now)
    return session


def complete_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """Complete a session and update the packages of its participants.

    Raises what `sessions.complete_session` raises.
    """
    lock_packages(db, [session.id])
    completed = sessions.complete_session(db, session, override_reason, now=now)
    for participant in completed.participants:
        progress.follow(db, participant, now=now)
    return session


def cancel_session(
    db: Session,
    session: ClinicalSession,
    reason: str | None,
    override_reason: str | None = None,
    *,
    announced_with_package: Collection[UUID] = (),
    now: datetime,
) -> ClinicalSession:
    """Cancel a locked session with its participants, update their packages, and end the offers and entries for it.

    Raises what `sessions.cancel_session` raises.
    """
    cancelled = sessions.cancel_session(
        db, session, reason, override_reason, announced_with_package=announced_with_package, now=now
    )
    for participant in cancelled.participants:
        progress.follow(db, participant, now=now)
    offers.session_cancelled(db, session, now=now)
    return session


def _accept_offer(db: Session, spot: Spot, now: datetime) -> None:
    """Accept the open offer that holds the spot for the patient, if there is one.

    This comes before the spot is taken.
    """
    if spot.facts.offered:
        offers.accept(db, spot.facts.offered, spot.appointment_id, now=now)


def _fulfil(db: Session, spot: Spot, now: datetime) -> None:
    """Close the patient's other entries that this spot meets."""
    if spot.facts.waits:
        fulfilment.fulfil(db, spot.patient_id, [spot.session], now=now)
