"""Operations on participants: book, confirm, reschedule, cancel. What follows from them is in `use_cases`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.commands import value_or
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import domain, errors
from scheduling.appointments import events
from scheduling.appointments.commands.appointments import BookAppointment, BookParticipant, ChangeParticipant
from scheduling.appointments.commands.placements import Override
from scheduling.appointments.commands.sessions import SessionDetails
from scheduling.appointments.operations import timing
from scheduling.appointments.operations.locks import lock_patients, lock_sessions
from scheduling.appointments.operations.placing import absences, apply_override
from scheduling.appointments.operations.sessions import give_up_spot, place_session
from scheduling.appointments.queries import participant_records, session_records
from scheduling.models import ClinicalSession, PackageSession, Participant
from scheduling.timetable.spots import Spots, spots_of

_BOOKING_FACTS = text("""
    SELECT active, survivor, consented, taken, held AS offered_spots, offered, enrolled, busy, blocked, waits, elsewhere
    FROM hold_place(CAST(:patient AS uuid), CAST(:session AS uuid), CAST(:moving AS uuid))
""")

# The unit of work would compile a statement for every row. This statement determines how many bookings per second are
# possible.
_INSERT = text("""
    INSERT INTO participants (id, appointment_number, session_id, patient_id, status, notes, starts_at, ends_at,
                              booked_at, booked_by, package_session_id, booking_overridden, booking_override_reason)
    VALUES (:id, loose_number('APT', :year), :session_id, :patient_id, :status, :notes, :starts_at, :ends_at,
            :booked_at, :booked_by, :package_session_id, :booking_overridden, :booking_override_reason)
    RETURNING appointment_number
""")


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """What the rules need to know about a locked patient and, if one is given, a locked session.

    `patient_id` is the id under which something new is stored: the survivor's, if the patient's record was merged.
    `taken` is the number of spots of live participants, `offered_spots` the number that open offers hold for other
    patients, and `offered` the open offer of a spot to this patient. `enrolled` says that the patient already has a
    spot in the session, `busy` that the patient has one in another session at that time. `blocked` lists the absences
    that affect the session. `waits` says that the patient has an open waitlist entry, and `elsewhere` lists the other
    sessions in which the patient is offered a spot.
    """

    patient_id: UUID
    consented: bool
    taken: int
    offered_spots: int
    offered: UUID | None
    enrolled: bool
    busy: bool
    blocked: Sequence[str]
    waits: bool
    elsewhere: Sequence[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A spot that a locked patient may take in a locked session, and the rules that are overridden for it."""

    appointment_id: UUID
    patient_id: UUID
    session: ClinicalSession
    facts: BookingFacts
    overridden: Sequence[str] = ()
    override: Override | None = None

    @property
    def override_reason(self) -> str | None:
        """The reason for overriding rules, or None if no rule is overridden."""
        return self.override.reason if self.override and self.overridden else None


@dataclass(frozen=True, slots=True)
class Booked:
    """A new participant, and what the response shows in addition to the participant's own row."""

    participant: Participant
    standing: participant_records.Standing


@dataclass(frozen=True, slots=True)
class SpotGivenUp:
    """A participant gave up a spot in a session. `were_available` is the number of spots that were free before."""

    participant: Participant
    session: ClinicalSession
    were_available: int


def find_spot(db: Session, session_id: UUID, command: BookParticipant, *, now: datetime) -> Spot:
    """Lock a patient and a session, and check that the patient may have a spot in it.

    Raises 404 for the session, 422 `unknown-patient`, and 409 `session-full`, `already-enrolled` and `patient-busy`.
    Raises 409 `invalid-transition` if the session is over or cancelled, or if it has started and this is not a
    `walk_in`. Raises 409 `outside-working-hours` if an absence affects the session. An `override` with a reason allows
    an absence and a start in the past.
    """
    facts = lock_booking_facts(db, command.patient_id, session_id)
    session = session_records.find_session(db, session_id)
    if session is None:
        raise NotFound("session")
    past = _past_rules(session, command, now)
    spot = Spot(
        appointment_id=new_id(),
        patient_id=facts.patient_id,
        session=session,
        facts=facts,
        overridden=_overridden(facts, command.override, past),
        override=command.override,
    )
    check_spot(session, facts)
    return spot


def find_own_spot(db: Session, command: BookAppointment, *, now: datetime) -> Spot:
    """Lock a patient and store an individual session for one appointment. Publishes SessionScheduled.

    The session belongs to the appointment and is cancelled with it. It may have started under the same conditions as in
    `create_session`. Raises what `create_session` and `find_spot` raise.
    """
    lock_sessions(db, lock_booking_facts(db, command.patient_id, None).elsewhere)
    session = place_session(db, command, SessionDetails(), now=now, closes_when_empty=True)
    events.session_scheduled(db, session, now)
    facts = lock_booking_facts(db, command.patient_id, session.id)
    check_spot(session, facts)
    return Spot(appointment_id=new_id(), patient_id=facts.patient_id, session=session, facts=facts)


def take_spot(
    db: Session, spot: Spot, notes: str | None, package_session: PackageSession | None = None, *, now: datetime
) -> Booked:
    """Store a participant in a spot, and publish AppointmentBooked.

    An offer of that spot must have been accepted before.
    """
    session, facts = spot.session, spot.facts
    participant = Participant(
        id=spot.appointment_id,
        session_id=session.id,
        session=session,
        patient_id=spot.patient_id,
        status=domain.PARTICIPANT.initial,
        notes=notes,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        booked_at=now,
        booked_by=context_of(db).actor,
        package_session_id=package_session.id if package_session else None,
        package_session=package_session,
        booking_overridden=list(spot.overridden),
        booking_override_reason=spot.override_reason,
        reschedule_count=0,
    )
    participant.appointment_number = _stored(db, participant, domain.local_year(now, session.clinic.timezone))
    events.appointment_booked(db, participant, session, now)
    # A new appointment cannot have been cleared yet.
    now_there = _spots(session, facts).with_one_more()
    standing = participant_records.Standing(now_there, cleared=False, consented=facts.consented, blocked=facts.blocked)
    if not facts.consented:
        ended = participant_records.ended_consents(db, spot.patient_id)
        standing = replace(standing, consent_reason=domain.consent_reason(ended, session.clinic_id))
    return Booked(participant, standing)


def update(db: Session, participant: Participant, command: ChangeParticipant) -> Participant:
    """Change a participant's notes, in any state. No event is published because no other service needs them."""
    participant.notes = value_or(command.notes, participant.notes)
    db.flush()
    return participant


def confirm(db: Session, participant: Participant, *, now: datetime) -> Participant:
    """Change BOOKED → CONFIRMED, and publish AppointmentConfirmed. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "CONFIRMED")
    participant.status, participant.confirmed_at, participant.change_reason = "CONFIRMED", now, None
    db.flush()
    events.appointment_confirmed(db, participant, context_of(db).actor, now)
    return participant


def cancel(
    db: Session,
    participant: Participant,
    reason: str | None,
    override_reason: str | None = None,
    *,
    announced_with_package: bool = False,
    now: datetime,
) -> SpotGivenUp:
    """Change BOOKED or CONFIRMED → CANCELLED, and publish AppointmentCancelled.

    Raises 409 `invalid-transition`. This includes a call after the session's start, unless a manager's reason overrides
    it.
    """
    domain.PARTICIPANT.check(participant.status, "CANCELLED")
    session = participant.session
    timing.check_not_begun(session, override_reason, now=now)
    were_available = spots_of(db, [session.id])[session.id].available
    give_up_spot(participant, context_of(db).actor, reason or override_reason, now)
    participant.change_reason = override_reason or reason
    db.flush()
    events.appointment_cancelled(
        db, participant, session_cancelled=False, announced_with_package=announced_with_package, now=now
    )
    return SpotGivenUp(participant, session, were_available)


def find_other_spot(
    db: Session,
    participant: Participant,
    old: ClinicalSession,
    into: UUID,
    override: Override | None,
    *,
    now: datetime,
) -> Spot:
    """Check that a participant may have a spot in another session in exchange for the one in `old`.

    The patient and the rows are locked. Raises 422 for a session that is unknown or of another service type, and 409 as
    `find_spot` does.
    """
    check_movable(participant)
    session = session_records.find_session(db, into)
    if session is None:
        raise InvalidField("session_id", "There is no such session.")
    if session.service_type_id != old.service_type_id:
        raise InvalidField("session_id", "The session has another service type.")
    check_open(session, now)
    late = timing.check_same_day(old, session.starts_at, override, now=now)
    facts = lock_booking_facts(db, participant.patient_id, into, moving=participant.id)
    spot = Spot(
        appointment_id=participant.id,
        patient_id=participant.patient_id,
        session=session,
        facts=facts,
        overridden=_overridden(facts, override, late),
        override=override,
    )
    check_spot(session, facts)
    return spot


def move(
    db: Session, participant: Participant, old: ClinicalSession, spot: Spot, reason: str | None, *, now: datetime
) -> Participant:
    """Give a participant the other spot, and publish AppointmentRescheduled.

    The participant keeps its number and id.
    """
    session, facts, previous = spot.session, spot.facts, events.Held.of(old)
    participant.booking_overridden, participant.booking_override_reason = list(spot.overridden), spot.override_reason
    participant.session_id, participant.session = session.id, session
    participant.starts_at, participant.ends_at = session.starts_at, session.ends_at
    participant.reschedule_count += 1
    participant.change_reason = reason
    db.flush()
    events.appointment_rescheduled(db, participant, session, previous, now)
    if not facts.offered and _spots(session, facts).with_one_more().full:
        events.session_filled(db, session, now)
    return participant


def find_former_spot(db: Session, participant: Participant) -> Spot:
    """Check that the former spot of a locked no-show is still free for the patient. Raises as `check_spot` does."""
    facts = lock_booking_facts(db, participant.patient_id, participant.session_id)
    check_spot(participant.session, facts)
    return Spot(
        appointment_id=participant.id, patient_id=participant.patient_id, session=participant.session, facts=facts
    )


def held_participant(db: Session, participant_id: UUID, into: UUID | None) -> Participant:
    """Return the participant, locked together with the patient and both sessions, so that the spot can be moved.

    Raises 404, or 422 `unknown-patient` for a patient who is no longer active.
    """
    participant = locked_participant(db, participant_id, into)
    lock_booking_facts(db, participant.patient_id, None)
    return participant


def check_movable(participant: Participant) -> None:
    """Raise 409 `invalid-transition` unless the participant is expected and the session is SCHEDULED."""
    if participant.status not in domain.UPCOMING_STATUSES:
        raise errors.ParticipantImmovable(participant.status)
    if participant.session.status != "SCHEDULED":
        raise errors.StartedSpotImmovable


def check_open(session: ClinicalSession, now: datetime) -> None:
    """Raise 409 `invalid-transition` for a session that has started or is cancelled."""
    if session.status != "SCHEDULED" or session.starts_at <= now:
        raise errors.SessionNotOpen


def _past_rules(session: ClinicalSession, command: BookParticipant, now: datetime) -> list[str]:
    """Return the rules that are overridden to join a session that has started. Raises 409 `invalid-transition`."""
    if session.status == "SCHEDULED" and session.starts_at > now:
        return []
    overridden = command.override is not None
    rules = domain.past_rules(min(session.starts_at, now), now, walk_in=command.walk_in, overridden=overridden)
    if session.status not in ("SCHEDULED", "IN_PROGRESS") or rules is None:
        raise errors.SessionNotOpen
    return rules


def locked_participant(
    db: Session, participant_id: UUID, into: UUID | None = None, *, regaining: bool = False
) -> Participant:
    """Return the participant, locked together with the patient, the session's row, and that of `into` if it is given.

    With another session, and for a participant who may be `regaining` a spot, the sessions in which the patient is
    offered a spot are locked too, because the offer may be given up for the other spot. Raises 404.
    """
    participant = participant_records.find_participant(db, participant_id)
    if participant is None:
        raise NotFound("participant")
    lock_patients(db, [participant.patient_id])
    db.refresh(participant, ["session_id"])  # The participant cannot be moved while the patient is locked.
    others = {into} if into else set()
    if into or regaining:
        others |= session_records.sessions_offered_to(db, [participant.patient_id])
    lock_sessions(db, {participant.session_id, *others})
    participant_records.find_participant(db, participant_id, lock=True)
    return participant


def lock_booking_facts(
    db: Session, patient_id: UUID, session_id: UUID | None, moving: UUID | None = None
) -> BookingFacts:
    """Lock the patient before all else, and then the session. Returns what the rules need to know about both.

    Raises 422 `unknown-patient`. The error is a NotYetKnown where the event of the patient's registration may still be
    on its way.
    """
    row = db.execute(_BOOKING_FACTS, {"patient": patient_id, "session": session_id, "moving": moving}).one()
    active, *facts = row
    if not active:
        raise errors.PatientNotYetKnown if active is None else errors.UnknownPatient
    return BookingFacts(*facts)


def _stored(db: Session, participant: Participant, year: int) -> str:
    """Store a participant and return the number that the database assigned."""
    row = {
        "id": participant.id,
        "session_id": participant.session_id,
        "patient_id": participant.patient_id,
        "status": participant.status,
        "notes": participant.notes,
        "starts_at": participant.starts_at,
        "ends_at": participant.ends_at,
        "booked_at": participant.booked_at,
        "booked_by": participant.booked_by,
        "package_session_id": participant.package_session_id,
        "booking_overridden": participant.booking_overridden,
        "booking_override_reason": participant.booking_override_reason,
        "year": year,
    }
    return str(db.execute(_INSERT, row).scalar_one())


def _overridden(facts: BookingFacts, override: Override | None, others: Sequence[str]) -> list[str]:
    """Return the rules that are overridden for a spot. Raises the 409 problem of an absence that is not overridden."""
    return [*apply_override(absences(facts.blocked), override), *others]


def check_spot(session: ClinicalSession, facts: BookingFacts) -> None:
    """Raise 409 `already-enrolled`, `session-full` or `patient-busy` if a locked patient cannot have a spot."""
    if facts.enrolled:
        raise errors.AlreadyEnrolled
    if _spots(session, facts).full:
        raise errors.SessionFull
    if facts.busy:
        raise errors.PatientBusy


def _spots(session: ClinicalSession, facts: BookingFacts) -> Spots:
    """Return the session's spots for a locked patient. A spot that is offered to this patient counts as available."""
    return Spots(session.max_capacity, facts.taken, facts.offered_spots)
