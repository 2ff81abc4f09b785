"""Break-glass grants are taken, closed and reviewed here. It also says under which right a person reads something."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of, groups_of, survivor_of
from jalsa.db.transactions import context_of
from jalsa.service.errors import Forbidden, NotFound
from jalsa.service.ids import new_id
from jalsa.service.policy import Principal
from patient_files.access import events, queries, rules
from patient_files.access.commands import OpenGrant, ReviewGrant
from patient_files.access.rules import Right
from patient_files.errors import OwnGrant, TooManyGrants, UnknownPatient
from patient_files.models import BreakGlass
from patient_files.patients import queries as patients
from patient_files.settings import queries as settings


def open_grant(db: Session, command: OpenGrant, *, now: datetime) -> BreakGlass:
    """Take a grant for the caller, and publish EmergencyAccessOpened.

    A lock on the person is held until the transaction ends, so that no two grants are both the fifth. Raises 422
    `unknown-patient`, and 409 `break-glass-limit` for a person with five that hold.
    """
    person = context_of(db).actor
    patient_id = survivor_of(db, command.patient_id)
    if patients.find_patient(db, patient_id) is None:
        raise UnknownPatient
    queries.lock_grants_of(db, person)
    if queries.count_open_grants(db, person, now) >= rules.MAX_OPEN:
        raise TooManyGrants(rules.MAX_OPEN)
    grant = BreakGlass(
        id=new_id(),
        patient_id=patient_id,
        opened_by=person,
        reason_code=command.reason_code,
        reason=command.reason,
        scope=command.scope,
        opened_at=now,
        until=now + timedelta(minutes=command.minutes),
        due_at=now + rules.REVIEWED_WITHIN,
    )
    db.add(grant)
    db.flush()
    events.opened(db, grant, now)
    return grant


def locked_grant(db: Session, grant_id: UUID) -> BreakGlass:
    """A grant, its row locked until the transaction ends. Raises 404."""
    grant = queries.find_grant(db, grant_id, lock=True)
    if grant is None:
        raise NotFound("emergency access")
    return grant


def close_grant(db: Session, grant: BreakGlass, *, may_close_others: bool, now: datetime) -> BreakGlass:
    """End a grant before its time, one's own or another person's.

    Raises 403 for another person's grant without that right, and 409 `invalid-transition` once it has ended.
    """
    person = context_of(db).actor
    if grant.opened_by != person and not may_close_others:
        raise Forbidden
    rules.GRANT.check(_state(grant, now), rules.AWAITING_REVIEW)
    grant.closed_at, grant.closed_by = now, person
    db.flush()
    return grant


def review_grant(db: Session, grant: BreakGlass, command: ReviewGrant, *, now: datetime) -> BreakGlass:
    """Store what another person's grant was, and publish EmergencyAccessReviewed.

    Raises 409 `own-grant` for the person who took it, and 409 `invalid-transition` while it holds and once it is
    reviewed.
    """
    person = context_of(db).actor
    if grant.opened_by == person:
        raise OwnGrant
    rules.GRANT.check(_state(grant, now), rules.REVIEWED)
    grant.reviewed_at, grant.reviewed_by = now, person
    grant.outcome, grant.comment, grant.due_at = command.outcome, command.comment, None
    db.flush()
    events.reviewed(db, grant, now)
    return grant


def ask_for_review(db: Session, grant_id: UUID, *, now: datetime) -> bool:
    """Publish EmergencyAccessReviewDue of a grant whose review is due, once. Returns whether it was."""
    grant = queries.find_grant(db, grant_id, lock=True)
    if grant is None or grant.due_at is None or grant.due_at > now:
        return False
    grant.due_at = None
    events.review_due(db, grant, now)
    return True


def right_to_read(
    db: Session, person: Principal, patient_ids: Collection[UUID], scope: str, *, now: datetime
) -> Right | None:
    """The right under which a person reads what a scope stands for, of a patient who has these ids, or None.

    A patient has several ids after a merge. A role that reads it anyway comes first, then the treating provider, and
    only then a grant: nobody's reading is marked as an emergency that was none.
    """
    readers, roles = rules.READERS[scope], person.roles
    if readers.by_role(roles):
        return Right()
    if readers.treating & person.acting_roles and _treats(db, person, patient_ids, now):
        return Right(relation=rules.TREATING)
    if not readers.under_grant & roles:
        return None
    grants = queries.open_grants(db, person.subject, patient_ids, scope, now)
    # the one that holds longest
    return Right(grant_id=grants[-1].id, reason=grants[-1].reason_code) if grants else None


def rights_to_read(
    db: Session, person: Principal, patient_ids: Collection[UUID], scope: str, *, now: datetime
) -> Mapping[UUID, Right]:
    """The same for many patients, in as many statements as for one. Who may not be read is left out.

    A right to one of the records that stand for a patient is a right to all of them.
    """
    readers, roles = rules.READERS[scope], person.roles
    if readers.by_role(roles):
        return dict.fromkeys(patient_ids, Right())
    groups = groups_of(db, patient_ids)
    ids = {one: groups[one].ids if one in groups else (one,) for one in patient_ids}
    everybody = {one for group in ids.values() for one in group}
    rights: dict[UUID, Right] = {}
    if everybody and readers.under_grant & roles:
        for grant in queries.open_grants(db, person.subject, everybody, scope, now):
            rights[grant.patient_id] = Right(grant_id=grant.id, reason=grant.reason_code)
    if everybody and readers.treating & person.acting_roles:
        rights |= dict.fromkeys(_treated(db, person, everybody, now), Right(relation=rules.TREATING))
    return {one: right for one, group in ids.items() if (right := _best(rights, group))}


def _best(rights: Mapping[UUID, Right], records: Collection[UUID]) -> Right | None:
    """The right to any of the records that stand for one patient: treatment before a grant."""
    found = [rights[one] for one in records if one in rights]
    return next((right for right in found if right.grant_id is None), found[0] if found else None)


def may_read_restricted(db: Session, person: Principal, patient_id: UUID, *, now: datetime) -> Right | None:
    """The right under which a person reads a restricted record, with all that stand for the patient, or None."""
    return right_to_read(db, person, aliases_of(db, patient_id), rules.RECORD, now=now)


def _treats(db: Session, person: Principal, patient_ids: Collection[UUID], now: datetime) -> bool:
    return bool(_treated(db, person, patient_ids, now))


def _treated(db: Session, person: Principal, patient_ids: Collection[UUID], now: datetime) -> Collection[UUID]:
    if person.provider_id is None:
        return ()
    stored = settings.settings(db)
    return queries.treated(
        db,
        UUID(person.provider_id),
        person.subject,
        patient_ids,
        after=timedelta(days=stored.treating_days_after),
        before=timedelta(days=stored.treating_days_before),
        now=now,
    )


def _state(grant: BreakGlass, now: datetime) -> str:
    return rules.grant_state(grant.until, grant.closed_at, grant.reviewed_at, now)
