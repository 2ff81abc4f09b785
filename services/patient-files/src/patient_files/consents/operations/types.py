"""What can be consented to, and the wordings that are signed."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.commands import given
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.consents import rules
from patient_files.consents.commands import AddConsentType, ChangeConsentType, WriteWording
from patient_files.consents.queries import setup as queries
from patient_files.consents.rules import TypeOfConsent
from patient_files.errors import ConsentTypeExists, FixedConsentType, WordingSuperseded
from patient_files.models import ConsentType, ConsentWording


def add_type(db: Session, command: AddConsentType) -> TypeOfConsent:
    """Let patients consent to something more. Raises 409 `consent-type-exists` where the code is taken."""
    queries.lock_type_for_change(db, command.code)
    if queries.find_type(db, command.code) is not None:
        raise ConsentTypeExists
    db.add(ConsentType(id=new_id(), **given(command), active=True))
    db.flush()
    return _found(db, command.code)


def locked_type(db: Session, code: str) -> TypeOfConsent:
    """A type as it is while nobody signs or changes anything of it, until the transaction ends. Raises 404."""
    queries.lock_type_for_change(db, code)
    return _found(db, code)


def change_type(db: Session, known: TypeOfConsent, command: ChangeConsentType) -> TypeOfConsent:
    """Change a type from `locked_type`. Raises 409 `consent-type-fixed` where treatment would be given up."""
    changes = given(command)
    if known.code == rules.TREATMENT and changes.get("active") is False:
        raise FixedConsentType
    row = queries.find_type_row(db, known.code)
    if row is None:
        row = ConsentType(
            id=new_id(),
            code=known.code,
            name_en=known.name_en,
            name_ar=known.name_ar,
            validity_days=known.validity_days,
            active=known.active,
        )
        db.add(row)
    for name, value in changes.items():
        setattr(row, name, value)
    db.flush()
    return _found(db, known.code)


def write_wording(db: Session, code: str, command: WriteWording, *, zone: str, now: datetime) -> ConsentWording:
    """Store the next wording of a type as a draft.

    Raises 404 for an unknown type, and a 422 problem for a day before today, in `zone`, an IANA name, or before that of
    the wording that was published last.
    """
    known = locked_type(db, code)
    _check_day(db, code, command.effective_on, domain.local_date(now, zone))
    wording = ConsentWording(
        id=new_id(),
        type=known.code,
        version=queries.last_version(db, code) + 1,
        **given(command),
        sha256=rules.fingerprint(command.text_en, command.text_ar),
        created_at=now,
        created_by=context_of(db).actor,
    )
    db.add(wording)
    db.flush()
    return wording


def locked_wording(db: Session, wording_id: UUID) -> ConsentWording:
    """A wording as it is while nobody signs or changes anything of its type, until the transaction ends. Raises 404."""
    wording = db.get(ConsentWording, wording_id)
    if wording is None:
        raise NotFound("wording")
    queries.lock_type_for_change(db, wording.type)
    db.refresh(wording)
    return wording


def publish_wording(db: Session, wording: ConsentWording, *, zone: str, now: datetime) -> ConsentWording:
    """Publish a wording from `locked_wording`, of which nothing changes any more.

    Where it requires a new signature, the worker lets the consents to earlier wordings end with the days of grace. Days
    are those of `zone`, an IANA name. Raises 409 `invalid-transition` where it is published already, 409
    `wording-superseded` where a later one is, and a 422 problem where the day from which it holds is over.
    """
    rules.WORDING.check(state_of(wording), rules.PUBLISHED)
    last = queries.last_published(db, wording.type)
    if last is not None and last.version > wording.version:
        raise WordingSuperseded
    _check_day(db, wording.type, wording.effective_on, domain.local_date(now, zone))
    wording.published_at, wording.published_by = now, context_of(db).actor
    wording.spread_due_at = now if wording.requires_resign else None
    db.flush()
    return wording


def state_of(wording: ConsentWording) -> str:
    """The state of a wording."""
    return rules.DRAFT if wording.published_at is None else rules.PUBLISHED


def _found(db: Session, code: str) -> TypeOfConsent:
    found = queries.find_type(db, code)
    if found is None:
        raise NotFound("consent type")
    return found


def _check_day(db: Session, code: str, effective_on: date, today: date) -> None:
    if effective_on < today:
        raise InvalidField("effective_on", "Must not be in the past.")
    last = queries.last_published(db, code)
    if last is not None and effective_on < last.effective_on:
        raise InvalidField("effective_on", "Must not be before the day of the wording that was published last.")
