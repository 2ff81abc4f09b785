"""Sessions by a piece of text, as somebody at the desk types it."""

from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from jalsa.db import TenantRow
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, Room, ServiceType


def mentions(text: str) -> ColumnElement[bool]:
    """Whether a session's number, an appointment number in it, or a name that belongs to it contains the text.

    Upper and lower case are the same, and no character stands for others. Numbers are only looked at for a text with
    a digit: every one of them has the tenant in it, and none is told apart by its letters.
    """

    def named(kind: type[TenantRow], *names: Any) -> Any:
        return select(kind.id).where(or_(*(name.icontains(text, autoescape=True) for name in names)))

    found: list[ColumnElement[bool]] = [
        ClinicalSession.provider_id.in_(named(Provider, Provider.name_en, Provider.name_ar)),
        ClinicalSession.clinic_id.in_(named(Clinic, Clinic.name_en, Clinic.name_ar)),
        ClinicalSession.room_id.in_(named(Room, Room.name)),
        ClinicalSession.service_type_id.in_(named(ServiceType, ServiceType.name_en, ServiceType.name_ar)),
    ]
    if any(character.isdigit() for character in text):
        number = Participant.appointment_number.icontains(text, autoescape=True)
        found.append(ClinicalSession.session_number.icontains(text, autoescape=True))
        found.append(exists().where(Participant.session_id == ClinicalSession.id, number))
    return or_(*found)
