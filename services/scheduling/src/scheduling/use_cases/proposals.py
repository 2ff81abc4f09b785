"""Changes to the sessions that an absence affects. Either all changes of a list are applied, or none."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.commands import value_or
from jalsa.service.errors import Conflict, InvalidFields
from scheduling import errors
from scheduling.absences.commands import CANCEL, KEEP, MOVE, SUBSTITUTE, ApplyProposals, ChangeAffectedSession
from scheduling.absences.queries import affected_sessions
from scheduling.absences.queries.proposals import Proposal, propose, spots
from scheduling.appointments.commands.placements import NewPlacement
from scheduling.appointments.operations import sessions
from scheduling.appointments.operations.locks import lock_packages, lock_patients, lock_sessions
from scheduling.appointments.operations.placing import Placement, apply_override, new_placement, unresolved_conflicts
from scheduling.appointments.queries import participant_records, session_records
from scheduling.errors import Refused
from scheduling.models import ClinicalSession, Closure, Package, TimeOff
from scheduling.packages.events import RESCHEDULED, SUBSTITUTED
from scheduling.packages.queries import package_sessions_in, package_with_sessions
from scheduling.timetable.conflicts import clashes, conflicts
from scheduling.timetable.intervals import overlaps
from scheduling.timetable.locks import lock_placements
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases.package_scheduling import announce
from scheduling.use_cases.series import refused
from scheduling.use_cases.series_edits import Move, in_order

#: The field that an item has unless it applies the proposal.
_NAMED = {SUBSTITUTE: "provider_id", MOVE: "starts_at"}


@dataclass(frozen=True)
class _Item:
    """What is requested for a session, with the item's index in the list, and its live participants by patient."""

    index: int
    asked: ChangeAffectedSession
    session: ClinicalSession
    spots: Mapping[UUID, UUID]

    def has(self, action: str) -> bool:
        """Whether an action is requested."""
        return self.asked.action == action

    def refused(self, starts_at: datetime, error: Conflict) -> Refused:
        """Return the refusal of the item."""
        return refused(self.session, starts_at, error)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Move(Move):
    """The move of an item's session, and the rules that are overridden for it."""

    item: _Item
    overridden: Sequence[str]

    def waits_for(self, other: Move) -> bool:
        """Whether it needs the other to leave first, because it gets its provider, its room, or one of its patients."""
        if not (super().waits_for(other) and isinstance(other, _Move)):
            return False
        placement, there = self.placement, other.session
        same_room = placement.room is not None and placement.room.id == there.room_id
        same_patient = not self.item.spots.keys().isdisjoint(other.item.spots)
        return placement.provider.id == there.provider_id or same_room or same_patient


def apply(db: Session, absence: TimeOff | Closure, command: ApplyProposals, *, now: datetime) -> list[ClinicalSession]:
    """Substitute, move, cancel or keep sessions that an absence affects. Returns them in the order of the list.

    The absence's row is locked. An item without a provider, or a time, gets the current proposal. Other values that are
    not given stay as they are. All items are checked before the first session moves, and a session that is moved or
    cancelled causes no conflict at its old placement. Publishes what rescheduling and cancelling publish, and
    PackageScheduled for a package with several changes. Raises the 422 problems of those by item, and 409
    `absence-conflicts` with the `conflicts` of all items. The problems `not-affected`, `no-proposal` and
    `change-of-places` occur only there.
    """
    items = _held(db, command.items)
    wanted, refusals = _wanted(db, absence, items, now)
    lock_placements(db, [placement for _, placement in wanted if placement])
    leaving = [item.session.id for item in items if not item.has(KEEP)]
    # The patient of a package with several changes is informed once.
    told = {
        package_id: package_sessions
        for package_id, package_sessions in package_sessions_in(db, leaving).items()
        if len(package_sessions) > 1
    }
    announced = {one.id for package_sessions in told.values() for one in package_sessions}
    substituted = _carry_out(db, wanted, refusals, leaving, command, announced, now)
    for package_id, package_sessions in told.items():
        cause = (
            SUBSTITUTED
            if substituted.issuperset(package_session.session_id for package_session in package_sessions)
            else RESCHEDULED
        )
        held = package_with_sessions(db, db.get_one(Package, package_id))
        announce(db, held, cause, [package_session.session_number for package_session in package_sessions], now=now)
    return [item.session for item in items]


def _carry_out(
    db: Session,
    wanted: Sequence[tuple[_Item, Placement | None]],
    refusals: list[Refused],
    leaving: Sequence[UUID],
    command: ApplyProposals,
    announced: Collection[UUID],
    now: datetime,
) -> set[UUID]:
    """Check, cancel and move the sessions, under their locks. Returns those that keep their time.

    Raises the 409 problem.
    """
    moves: list[_Move] = []
    for item, placement in wanted:
        if placement:
            found = [*conflicts(db, placement, leaving), *(c for m in moves for c in clashes(placement, m.placement))]
            against: list[Conflict] = [*unresolved_conflicts(found, command.override)]
            against += _busy_patients(db, item, placement, moves, leaving)
            refusals += [item.refused(placement.starts_at, error) for error in against]
            if not against:
                overridden = apply_override(found, command.override)
                moves.append(_Move(session=item.session, placement=placement, item=item, overridden=overridden))
        elif item.has(CANCEL) and (error := _cancel(db, item.session, command.reason, announced, now)):
            refusals.append(item.refused(item.session.starts_at, error))
    if refusals:
        raise errors.AbsenceConflicts(refusals)
    keep = {move.session.id for move in moves if move.placement.starts_at == move.session.starts_at}
    for move in _in_order(moves):
        use_cases.move_session(
            db,
            move.session,
            move.placement,
            move.overridden,
            reason=command.reason,
            override=command.override,
            announced_with_package=announced,
            now=now,
        )
    return keep


def _held(db: Session, asked: Sequence[ChangeAffectedSession]) -> list[_Item]:
    """Lock and return the sessions of a list, with all their patients, and the packages that lose appointments.

    Raises 422 for a session that does not exist.
    """
    ids = [each.session_id for each in asked]
    lock_patients(db, participant_records.live_patients(db, ids))
    lock_sessions(db, ids)
    lock_packages(db, [each.session_id for each in asked if each.action == CANCEL])
    found = {session.id: session for session in session_records.find_sessions(db, ids)}
    for index, session_id in enumerate(ids):
        if session_id not in found:
            raise _invalid(index, {"session_id": ["There is no such session."]})
    taken = spots(db, ids)
    return [_Item(n, each, found[each.session_id], taken[each.session_id]) for n, each in enumerate(asked)]


def _wanted(
    db: Session, absence: TimeOff | Closure, items: Sequence[_Item], now: datetime
) -> tuple[list[tuple[_Item, Placement | None]], list[Refused]]:
    """Return the items that are possible, with the new placement if they have one, and the refusals of the others."""
    hit = affected_sessions.sessions_hit(db, absence)
    proposals: Mapping[UUID, Proposal] = {}
    if any(item.asked.as_proposed for item in items):
        proposals = propose(db, absence, hit, now=now)
    affected = {row.id for row in hit}
    wanted, refusals = [], []
    for item in items:
        try:
            _check_affected(item.session, affected, now)
            placement = _place(db, item, proposals, now) if item.asked.action in _NAMED else None
            if placement:
                sessions.check_settled(db, item.session, placement, now=now)
        except Conflict as error:
            refusals.append(item.refused(item.session.starts_at, error))
        else:
            wanted.append((item, placement))
    return wanted, refusals


def _check_affected(session: ClinicalSession, affected: Collection[UUID], now: datetime) -> None:
    if session.status != "SCHEDULED" or session.starts_at <= now:
        raise errors.AffectedSessionOver
    if session.id not in affected:
        raise errors.NotAffected


def _place(db: Session, item: _Item, proposals: Mapping[UUID, Proposal], now: datetime) -> Placement:
    wanted = NewPlacement(
        provider_id=item.asked.provider_id, starts_at=item.asked.starts_at, room_id=item.asked.room_id
    )
    if item.asked.as_proposed:
        wanted = _as_proposed(item, wanted, proposals.get(item.session.id))
    try:
        placement = new_placement(db, item.session, wanted, now=now)
    except InvalidFields as error:
        raise _invalid(item.index, error.errors) from None
    if sessions.is_there(item.session, placement):
        raise _invalid(
            item.index, {_NAMED[item.asked.action]: ["The session already has this time, provider and room."]}
        )
    return placement


def _as_proposed(item: _Item, wanted: NewPlacement, proposal: Proposal | None) -> NewPlacement:
    """Return the requested placement, with the proposed values for what is not given."""
    slot = proposal and (proposal.substitute if item.has(SUBSTITUTE) else proposal.new_slot)
    if not slot:
        raise errors.NoSubstitute if item.has(SUBSTITUTE) else errors.NoNewSlot
    return NewPlacement(
        provider_id=value_or(wanted.provider_id, slot.provider.id),
        starts_at=value_or(wanted.starts_at, slot.starts_at),
        room_id=value_or(wanted.room_id, slot.room.id if slot.room else None),
    )


def _busy_patients(
    db: Session, item: _Item, placement: Placement, moves: Sequence[_Move], leaving: Sequence[UUID]
) -> Iterator[Conflict]:
    """Return the refusals of patients who have another session at that time, or one that is moved to it."""
    try:
        sessions.check_patients(db, item.session, placement, leaving)
    except Conflict as error:
        yield error
    meeting = (m for m in moves if overlaps(m.placement.time, placement.time))
    busy = {item.spots[patient] for m in meeting for patient in item.spots.keys() & m.item.spots.keys()}
    if busy:
        yield errors.ParticipantsBusy(list(busy))


def _cancel(
    db: Session, session: ClinicalSession, reason: str | None, announced: Collection[UUID], now: datetime
) -> Conflict | None:
    try:
        use_cases.cancel_session(db, session, reason, announced_with_package=announced, now=now)
    except Conflict as error:
        return error
    return None


def _in_order(moves: Sequence[_Move]) -> list[_Move]:
    """Order the moves as `in_order` does.

    Raises 409 `absence-conflicts` if sessions would only swap their placements.
    """
    try:
        return list(in_order(moves))
    except CycleError as error:
        circle = dict.fromkeys(error.args[1])
        refusals = [move.item.refused(move.placement.starts_at, errors.ChangeOfPlaces()) for move in circle]
        raise errors.AbsenceConflicts(refusals) from None


def _invalid(index: int, fields: Mapping[str, object]) -> InvalidFields:
    """Return the error for the invalid fields of one item, in the form that the schema uses."""
    return InvalidFields({"items": {str(index): fields}})
