"""Search of sessions and appointments by text, as the front desk types it, and by days or instants.

Spellings that people consider the same are treated as the same (`jalsa.service.folding`). There are no wildcards.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Date, and_, cast, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from jalsa.service.folding import fold, words
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, Room, ServiceType

_DAY = timedelta(days=1)
_Named = type[Provider | Clinic | Room | ServiceType]
#: The records whose names belong to a session, by the session's column.
_NAMED: tuple[tuple[InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], _Named], ...] = (
    (ClinicalSession.provider_id, Provider),
    (ClinicalSession.clinic_id, Clinic),
    (ClinicalSession.room_id, Room),
    (ClinicalSession.service_type_id, ServiceType),
)
_WHOLE_NUMBER = re.compile(r"(SES|APT)-.+-\d{4}-\d{5,}", re.ASCII | re.IGNORECASE)


def mentions(text: str) -> ColumnElement[bool]:
    """An expression for whether each word of a text is part of a name that belongs to a session.

    The order does not matter. The names are those of the provider, the clinic, the room and the service type. A
    complete number is that of the session or of an appointment. A text of one word that contains a digit may also be a
    part of a number. All numbers contain the same letters, so a word without a digit is only searched in names.
    """
    found = words(text)
    if not found:
        return false()
    return and_(*(_belongs(word, alone=len(found) == 1) for word in found))


def _belongs(word: str, *, alone: bool) -> ColumnElement[bool]:
    numbered = ClinicalSession.id.in_(
        select(Participant.session_id).where(has_number(Participant.appointment_number, word))
    )
    if whole := _WHOLE_NUMBER.fullmatch(word):
        return numbered if whole[1] == "apt" else has_number(ClinicalSession.session_number, word)
    places: list[ColumnElement[bool]] = [
        of_session.in_(select(kind.id).where(_has_word(kind.folded, word))) for of_session, kind in _NAMED
    ]
    if alone and re.search(r"\d", word):
        places += [has_number(ClinicalSession.session_number, word), numbered]
    return or_(*places)


def _has_word(folded: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    """An expression for whether a folded name contains a part.

    A number does not match the end of a longer number, so room 3 does not match room 13.
    """
    if word.isdecimal():
        return folded.regexp_match(f"(^|[^0-9]){word}")
    return folded.contains(word, autoescape=True)


def has_number(number: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    """An expression for whether a number is equal to a text or contains it. Searching for a part reads every number."""
    part = fold(text).upper()
    if _WHOLE_NUMBER.fullmatch(part):
        return number == part
    return number.contains(part, autoescape=True)


def starts_within(
    starts_at: InstrumentedAttribute[datetime],
    first: date | datetime | None,
    last: date | datetime | None,
    of_session: Callable[[ColumnElement[bool]], ColumnElement[bool]],
) -> list[ColumnElement[bool]]:
    """Return the conditions for a start between two bounds.

    `of_session` turns a condition on a session into one on the row. With instants, the start is at or after the first
    and before the last. Days are local days of the session's clinic, both included. No zone is more than a day from
    UTC, so the bounds in UTC only serve the index. Sessions of a clinic whose zone is not known
    (`zones.clinics_of_unknown_zone`) are on no day.
    """
    local_day = cast(func.local_time(Clinic.timezone, ClinicalSession.starts_at), Date)
    conditions: list[ColumnElement[bool]] = []
    if isinstance(first, datetime):
        conditions.append(starts_at >= first)
    elif first:
        conditions += [starts_at >= _midnight(first) - _DAY, of_session(ClinicalSession.clinic.has(local_day >= first))]
    if isinstance(last, datetime):
        conditions.append(starts_at < last)
    elif last:
        conditions += [
            starts_at < _midnight(last) + 2 * _DAY,
            of_session(ClinicalSession.clinic.has(local_day <= last)),
        ]
    return conditions


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
