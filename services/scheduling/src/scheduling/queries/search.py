"""Sessions and appointments by a piece of text, as somebody at the desk types it, and by days or instants.

Upper and lower case are the same, and no character stands for others.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, cast, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from jalsa.db import TenantRow
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, Room, ServiceType

_DAY = timedelta(days=1)
_WHOLE_NUMBER = re.compile(r"(SES|APT)-.+-\d{4}-\d{5,}", re.ASCII | re.IGNORECASE)


def mentions(text: str) -> ColumnElement[bool]:
    """Whether a session's number, an appointment number in it, or a name that belongs to it contains the text.

    Numbers are only looked at for a text with a digit: all of them have the same letters.
    """
    numbered = select(Participant.session_id).where(has_number(Participant.appointment_number, text))
    if whole := _WHOLE_NUMBER.fullmatch(text):
        if whole[1].upper() == "APT":
            return ClinicalSession.id.in_(numbered)
        return has_number(ClinicalSession.session_number, text)

    def named(kind: type[TenantRow], *names: Any) -> Any:
        return select(kind.id).where(or_(*(name.icontains(text, autoescape=True) for name in names)))

    found: list[ColumnElement[bool]] = [
        ClinicalSession.provider_id.in_(named(Provider, Provider.name_en, Provider.name_ar)),
        ClinicalSession.clinic_id.in_(named(Clinic, Clinic.name_en, Clinic.name_ar)),
        ClinicalSession.room_id.in_(named(Room, Room.name)),
        ClinicalSession.service_type_id.in_(named(ServiceType, ServiceType.name_en, ServiceType.name_ar)),
    ]
    if re.search(r"\d", text):
        found += [has_number(ClinicalSession.session_number, text), ClinicalSession.id.in_(numbered)]
    return or_(*found)


def has_number(number: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    """Whether a number is this one, or has this part; for a part every number is looked at."""
    if _WHOLE_NUMBER.fullmatch(text):
        return number == text.upper()
    return number.icontains(text, autoescape=True)


def starts_within(starts_at: Any, filters: Mapping[str, Any], of_session: Callable[[Any], Any]) -> list[Any]:
    """The conditions of `starts_from` and `starts_before` on a start, which `of_session` puts upon its session.

    Instants: from the first, and before the second. Days are local days of the session's clinic, both included; no
    zone is more than a day from UTC, so the instants beside them are bounds for an index alone.
    """
    first, last = filters.get("starts_from"), filters.get("starts_before")
    local_day = cast(func.timezone(Clinic.timezone, ClinicalSession.starts_at), Date)
    conditions = []
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
