"""The consents that should be given again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Select, case, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from jalsa.db.keyset import keyset
from patient_files.consents.commands import FindDueConsents
from patient_files.consents.rules import EXPIRY, GUARDIAN_RIGHT, MAJORITY, NEW_WORDING
from patient_files.models import Consent, Guardian, GuardianRight

_NEVER = literal(date.max, Date)


@dataclass(frozen=True, slots=True)
class DueConsent:
    """A consent that counts, the last local day on which nothing is missing, and what is missing from then on."""

    consent: Consent
    due_on: date
    reason: str


def due_consents(
    db: Session,
    asked: FindDueConsents,
    *,
    without: Collection[UUID],
    today: date,
    now: datetime,
    after: tuple[date, UUID] | None,
    limit: int,
) -> Sequence[DueConsent]:
    """The consents that count at `now` and end soon, or whose guardian's right to consent ends, the first ones first.

    A consent for which there is a later one, of the same type and clinic or of every clinic, is not among them, nor
    are those of the patients `without`.
    """
    horizon = today + timedelta(days=asked.within_days)
    ends = _ends(now, horizon).subquery()
    query = select(Consent, ends.c.due_on, ends.c.reason).join(ends, ends.c.id == Consent.id)
    query = query.where(ends.c.due_on <= horizon, ~_renewed(ends.c.due_on), Consent.patient_id.not_in(without))
    if asked.reason is not None:
        query = query.where(ends.c.reason == asked.reason)
    rows = db.execute(keyset(query, ends.c.due_on, Consent.id, after=after, limit=limit))
    return [DueConsent(*row) for row in rows]


def _ends(now: datetime, horizon: date) -> Select[UUID, date, str]:
    """The consents that may be due by then, with the day and the reason."""
    right, last_day = _last_day_of_right(), func.coalesce(Consent.last_day, _NEVER)
    reason = case(
        (right < last_day, GUARDIAN_RIGHT),
        (Consent.expires_on == Consent.last_day, EXPIRY),
        (Consent.resign_through == Consent.last_day, NEW_WORDING),
        else_=MAJORITY,
    )
    return select(Consent.id, func.least(last_day, right).label("due_on"), reason.label("reason")).where(
        Consent.revoked_at.is_(None),
        or_(Consent.ends_at.is_(None), Consent.ends_at > now),
        or_(Consent.last_day <= horizon, Consent.guardian_id.is_not(None)),
    )


def _last_day_of_right() -> ColumnElement[date]:
    """The last day on which the guardian who signed has a right to consent; the last of all days for other signers."""
    rights = select(func.max(func.coalesce(GuardianRight.valid_to, _NEVER))).correlate(Consent)
    rights = rights.where(GuardianRight.guardian_id == Consent.guardian_id)
    ended = select(Guardian.ended_on - 1).correlate(Consent).where(Guardian.id == Consent.guardian_id)
    return func.coalesce(func.least(rights.scalar_subquery(), ended.scalar_subquery()), _NEVER)


def _renewed(due_on: ColumnElement[date]) -> ColumnElement[bool]:
    later = aliased(Consent)
    return exists().where(
        later.patient_id == Consent.patient_id,
        later.consent_type == Consent.consent_type,
        or_(later.clinic_id.is_(None), later.clinic_id == Consent.clinic_id),
        tuple_(later.signed_at, later.id) > tuple_(Consent.signed_at, Consent.id),
        later.revoked_at.is_(None),
        or_(later.last_day.is_(None), later.last_day > due_on),
    )
