"""What follows when a spot is taken, moved or given up, in written order, with all locks first.

The core (`sessions`, `participants`, `attendance`) changes sessions and participants, and returns what happened. It
does not know the packages that follow the states of their appointments (`progress`), the spots that are offered to
those who wait (`offers`, `spots`), nor the waitlist entries that a booking fulfils (`fulfilment`). Each use case here
calls the core and then these. Whoever changes several sessions or appointments at once (series, packages, proposals)
calls the use cases for each.

The caller has locked what a use case names: a participant with its patient and its session's row
(`participants.locked_participant`), or a session's row (`sessions.locked_session`). `locks` has the order of all locks.
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
    """Book a patient into a session that exists, and publish AppointmentBooked, and SessionFilled with the last spot.

    A spot that is held for the patient by an open offer is the patient's: the offer is accepted. What else the patient
    waits for and now has is fulfilled. Raises what `participants.find_spot` raises, and 409 `offer-expired`.
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
    """An individual session and its participant in one step; of a package where its `package_session` is given.

    Publishes SessionScheduled and AppointmentBooked. Raises what `participants.find_own_spot` raises.
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
    """Cancel an appointment. Its package follows, and its spot is offered to those who wait.

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
    """Move a held participant to another session of the same service type, or an individual session to another time.

    Number and id stay; the new spot is checked before the old one is given up. Raises 422 for the other session; 409
    what `book_participant` and `reschedule_session` raise.
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
    """Give a held participant a spot in another session; what becomes of the spot in `old` is the caller's to say.

    Publishes AppointmentRescheduled, and SessionFilled with the last spot. Its package notes who holds the session now.
    Raises what `participants.find_other_spot` raises, and 409 `offer-expired`.
    """
    spot = participants.find_other_spot(db, participant, old, into, override, now=now)
    _accept_offer(db, spot, now)
    participants.move(db, participant, old, spot, reason, now=now)
    progress.note_provider(db, participant, reason, now=now)
    _fulfil(db, spot, now)
    return participant


def regain_spot(db: Session, participant: Participant, *, now: datetime) -> None:
    """Check that the spot that a no-show has given up is free for the patient again, as for a booking.

    An open offer of it to the patient is accepted with that, and what else the patient waits for and now has is
    fulfilled. The participant is locked as one who is `regaining` a spot. Raises 409 `session-full`, `patient-busy`,
    `already-enrolled`; 422 `unknown-patient`.
    """
    if participant.package_session_id and corrections.is_made_up(db, participant.package_session_id):
        raise errors.PackageSessionMadeUp
    spot = participants.find_former_spot(db, participant)
    _accept_offer(db, spot, now)
    _fulfil(db, spot, now)


def check_in(
    db: Session, participant: Participant, override_reason: str | None = None, *, now: datetime
) -> Participant:
    """The patient has arrived, also after being missed, if the spot is still there. Its package follows.

    Publishes AppointmentArrived. Raises what `attendance.check_check_in` raises, and where a no-show's spot was given
    away, what `regain_spot` raises.
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
    """The patient, who had arrived, took part. Its package follows. Raises what `attendance.attend` raises."""
    attendance.attend(db, participant, now=now)
    progress.follow(db, participant, now=now)
    return participant


def no_show(
    db: Session, participant: Participant, reason: str | None, override_reason: str | None = None, *, now: datetime
) -> Participant:
    """The patient did not come. Its package follows, and the spot is free for others.

    Raises what `attendance.no_show` raises.
    """
    missed = attendance.no_show(db, participant, reason, override_reason, now=now)
    progress.follow(db, participant, now=now)
    spots.free(db, missed.session, were_available=missed.were_available, now=now)
    return participant


def mark_no_show(db: Session, participant_id: UUID, *, now: datetime) -> bool:
    """Make one who is overdue a no-show; its package follows. Returns whether it did."""
    missed = attendance.mark_overdue(db, participant_id, now=now)
    if missed is not None:
        progress.follow(db, missed, now=now)
    return missed is not None


def update_session(db: Session, session: ClinicalSession, command: ChangeSession, *, now: datetime) -> ClinicalSession:
    """Change a session; the spots of a raised capacity are offered. Raises what `sessions.update_session` raises."""
    changed = sessions.update_session(db, session, command, now=now)
    if changed.raised:
        spots.free(db, session, were_available=changed.before.available, now=now)
    return session


def reschedule_session(
    db: Session, session: ClinicalSession, command: NewPlacement, *, now: datetime
) -> ClinicalSession:
    """Move a held session, with all its participants, to another time, provider or room.

    Raises what `sessions.check_reschedule` raises, and 422 where the session has that placement already.
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
    """Move a locked session to a placement that was checked under its locks; see `sessions.move_session`.

    Packages note who holds their sessions now. What its participants waited for, and now have, is fulfilled. Where it
    leaves an absence behind, its free spots are offered to those who wait.
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
    """The session begins, and its open offers end. Raises what `sessions.start_session` raises."""
    sessions.start_session(db, session, override_reason, now=now)
    offers.withdraw(db, session, "WITHDRAWN", now=now)
    return session


def complete_session(
    db: Session, session: ClinicalSession, override_reason: str | None = None, *, now: datetime
) -> ClinicalSession:
    """The session ends, and the packages of its participants follow. Raises what `sessions.complete_session` raises."""
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
    """Cancel a locked session with its participants. Their packages follow, and offers and entries for it end.

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
    """Accept the open offer that holds the spot for the patient, if there is one, before the spot is taken."""
    if spot.facts.offered:
        offers.accept(db, spot.facts.offered, spot.appointment_id, now=now)


def _fulfil(db: Session, spot: Spot, now: datetime) -> None:
    """Close what else the patient waits for and has by this spot."""
    if spot.facts.waits:
        fulfilment.fulfil(db, spot.patient_id, [spot.session], now=now)
