"""Search for times at which a session can be booked."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.http import PageOf, Routes, current_db, page, page_of
from jalsa.http.paging import decode_cursor
from jalsa.service import clock
from jalsa.service.errors import InvalidField
from scheduling.appointments.operations.placing import active_provider, active_room, active_service_type
from scheduling.availability.commands import FindFreeTimes
from scheduling.availability.queries import Key, Slot, free_slots
from scheduling.directory.operations.setup import active_clinic
from scheduling.http.schemas import availability as schemas
from scheduling.models import Provider
from scheduling.timetable.free_time import Search
from scheduling.timetable.hours import zone_of

routes = Routes("availability", "Free times")


@routes.view(
    "/availability",
    permission="sessions.read",
    query=schemas.AvailabilityArgs(),
    response=page_of(schemas.SlotAnswer),
)
def list_free_slots(query: PageOf[FindFreeTimes]) -> dict[str, Any]:
    """List the slots at which a session can be booked, by their start and then by the provider's name.

    A slot is in the provider's working hours and outside absences and closures. With the service type's buffers, it
    does not overlap any other session of the provider or the room. Times in the past are not listed. Listing a slot
    does not reserve it.
    """
    db = current_db()
    after = _after(db, query.cursor)
    search = _search(db, query.asked)
    slots = free_slots(db, search, after=after, limit=query.limit + 1, now=clock.now())
    return page(slots, query.limit, _cursor, lambda slot: _shown(search, slot))


def _search(db: Session, asked: FindFreeTimes) -> Search:
    """Return the search for a query. Raises 422 problems for what is unknown, inactive, or does not belong together."""
    clinic = active_clinic(db, asked.clinic_id) if asked.clinic_id else None
    room = active_room(db, asked.room_id, clinic)
    if room and not clinic:
        clinic = active_clinic(db, room.clinic_id)
    provider = active_provider(db, asked.provider_id, clinic) if asked.provider_id else None
    service_type = active_service_type(db, asked.service_type, provider)
    return Search(
        service_type=service_type,
        start=asked.start,
        end=asked.end,
        minutes=asked.duration_minutes or service_type.default_duration_minutes,
        step_minutes=asked.step_minutes,
        clinic_id=clinic.id if clinic else None,
        provider_id=provider.id if provider else None,
        room_id=room.id if room else None,
        needs_room=room is not None or asked.room_required,
        patient_id=asked.patient_id,
        part_of_day=asked.part_of_day,
        weekdays=frozenset(asked.weekdays),
    )


def _shown(search: Search, slot: Slot) -> dict[str, Any]:
    local = slot.starts_at.astimezone(zone_of(slot.clinic.timezone))
    return {
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "local_date": local.date(),
        "local_time": local.time(),
        "timezone": slot.clinic.timezone,
        "duration_minutes": search.minutes,
        "service_type": search.service_type.code,
        "clinic_id": slot.clinic.id,
        "provider_id": slot.provider.id,
        "provider": slot.provider,
        "room_id": slot.room.id if slot.room else None,
        "room": slot.room,
    }


def _cursor(slot: Slot) -> str:
    return f"{slot.starts_at.isoformat()} {slot.provider.id} {slot.clinic.id}"


def _after(db: Session, cursor: str | None) -> Key | None:
    """Return where the previous page ended. Raises a 422 problem."""
    if cursor is None:
        return None
    try:
        instant, provider_id, clinic_id = decode_cursor(cursor).split(" ")
        starts_at, provider, clinic = datetime.fromisoformat(instant), UUID(provider_id), UUID(clinic_id)
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
    named = db.get(Provider, provider)
    if named is None or starts_at.tzinfo is None:
        raise InvalidField("cursor", "This cursor does not belong to this list.")
    return starts_at, named.name_en, named.id, clinic
