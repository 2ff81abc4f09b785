"""Clinics, rooms, providers with their hours, service types."""

from typing import TypeVar
from uuid import UUID

from flask import Response
from marshmallow import Schema

from jalsa.db.transactions import TenantRow
from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from scheduling.directory import commands
from scheduling.directory import queries as directory
from scheduling.directory.operations import setup as operations
from scheduling.domain import DISCIPLINES
from scheduling.http.schemas import setup as schemas
from scheduling.models import Clinic, Provider, Room, ServiceType
from scheduling.timetable.weeks import working_hours

R = TypeVar("R", bound=TenantRow)

routes = Routes("setup", "Clinics, rooms, providers, service types")

_CLINIC = schemas.ClinicAnswer()
_ROOM = schemas.RoomAnswer()
_PROVIDER = schemas.ProviderAnswer()
_SERVICE_TYPE = schemas.ServiceTypeAnswer()
_HOURS = schemas.WorkingHours()


@routes.view("/clinics", "POST", permission="setup.write", body=schemas.ClinicBody(), response=_CLINIC, status=201)
def create_clinic(command: commands.OpenClinic) -> Response:
    """Open a clinic."""
    return json_with_etag(_CLINIC.dump(operations.create_clinic(current_db(), command, now=clock.now())), 201)


@routes.view("/clinics", permission="setup.read", query=PlainPageArgs(), response=page_of(schemas.ClinicAnswer))
def list_clinics(query: PageOf[Everything]) -> JsonObject:
    """List the tenant's clinics, in the order in which they were opened."""
    return _list(Clinic, query)


@routes.view("/clinics/<uuid:clinic_id>", permission="setup.read", response=_CLINIC)
def get_clinic(clinic_id: UUID) -> Response:
    """Return one clinic."""
    return json_with_etag(_CLINIC.dump(_found(Clinic, clinic_id, "clinic")))


@routes.view(
    "/clinics/<uuid:clinic_id>", "PATCH", permission="setup.write", body=schemas.ClinicPatch(), response=_CLINIC
)
def update_clinic(command: commands.ChangeClinic, clinic_id: UUID) -> Response:
    """Change a clinic's names, close it, or correct its code or zone with a reason."""
    clinic = _matched(Clinic, clinic_id, "clinic", _CLINIC)
    return json_with_etag(_CLINIC.dump(operations.update_clinic(current_db(), clinic, command, now=clock.now())))


@routes.view("/rooms", "POST", permission="setup.write", body=schemas.RoomBody(), response=_ROOM, status=201)
def create_room(command: commands.AddRoom) -> Response:
    """Add a room to a clinic."""
    return json_with_etag(_ROOM.dump(operations.create_room(current_db(), command)), 201)


@routes.view("/rooms", permission="setup.read", query=schemas.RoomArgs(), response=page_of(schemas.RoomAnswer))
def list_rooms(query: PageOf[commands.FindRooms]) -> JsonObject:
    """List the tenant's rooms, or those of one clinic."""
    return _list(Room, query, clinic_id=query.asked.clinic_id)


@routes.view("/rooms/<uuid:room_id>", permission="setup.read", response=_ROOM)
def get_room(room_id: UUID) -> Response:
    """Return one room."""
    return json_with_etag(_ROOM.dump(_found(Room, room_id, "room")))


@routes.view("/rooms/<uuid:room_id>", "PATCH", permission="setup.write", body=schemas.RoomPatch(), response=_ROOM)
def update_room(command: commands.ChangeRoom, room_id: UUID) -> Response:
    """Rename a room, or close it."""
    room = _matched(Room, room_id, "room", _ROOM)
    return json_with_etag(_ROOM.dump(operations.update_room(current_db(), room, command)))


@routes.view(
    "/providers", "POST", permission="setup.write", body=schemas.ProviderBody(), response=_PROVIDER, status=201
)
def create_provider(command: commands.RegisterProvider) -> Response:
    """Register a provider. The working hours are set separately."""
    return json_with_etag(_PROVIDER.dump(operations.create_provider(current_db(), command, now=clock.now())), 201)


@routes.view("/providers", permission="setup.read", query=PlainPageArgs(), response=page_of(schemas.ProviderAnswer))
def list_providers(query: PageOf[Everything]) -> JsonObject:
    """List the tenant's providers."""
    return _list(Provider, query)


@routes.view("/providers/<uuid:provider_id>", permission="setup.read", response=_PROVIDER)
def get_provider(provider_id: UUID) -> Response:
    """Return one provider."""
    return json_with_etag(_PROVIDER.dump(_found(Provider, provider_id, "provider")))


@routes.view(
    "/providers/<uuid:provider_id>", "PATCH", permission="setup.write", body=schemas.ProviderPatch(), response=_PROVIDER
)
def update_provider(command: commands.ChangeProvider, provider_id: UUID) -> Response:
    """Change a provider's names or clinics, end the engagement, or correct login or discipline with a reason."""
    provider = _matched(Provider, provider_id, "provider", _PROVIDER)
    return json_with_etag(_PROVIDER.dump(operations.update_provider(current_db(), provider, command, now=clock.now())))


@routes.view("/providers/<uuid:provider_id>/working-hours", permission="setup.read", response=_HOURS)
def get_working_hours(provider_id: UUID) -> Response:
    """Return a provider's week of working hours, in the wall time of each clinic."""
    provider = _found(Provider, provider_id, "provider")
    return json_with_etag(_HOURS.dump({"items": working_hours(current_db(), provider.id)}))


@routes.view(
    "/providers/<uuid:provider_id>/working-hours", "PUT", permission="setup.write", body=_HOURS, response=_HOURS
)
def put_working_hours(command: commands.SetWorkingHours, provider_id: UUID) -> Response:
    """Replace a provider's week of working hours."""
    provider = _found(Provider, provider_id, "provider", lock=True)
    check_if_match(_HOURS.dump({"items": working_hours(current_db(), provider.id)}))
    return json_with_etag(_HOURS.dump({"items": operations.set_working_hours(current_db(), provider, command)}))


@routes.view(
    "/service-types",
    "POST",
    permission="setup.write",
    body=schemas.ServiceTypeBody(),
    response=_SERVICE_TYPE,
    status=201,
)
def create_service_type(command: commands.AddServiceType) -> Response:
    """Add a service type."""
    return json_with_etag(_SERVICE_TYPE.dump(operations.create_service_type(current_db(), command)), 201)


@routes.view(
    "/service-types", permission="setup.read", query=PlainPageArgs(), response=page_of(schemas.ServiceTypeAnswer)
)
def list_service_types(query: PageOf[Everything]) -> JsonObject:
    """List the tenant's service types."""
    return _list(ServiceType, query)


@routes.view("/service-types/<uuid:service_type_id>", permission="setup.read", response=_SERVICE_TYPE)
def get_service_type(service_type_id: UUID) -> Response:
    """Return one service type."""
    return json_with_etag(_SERVICE_TYPE.dump(_found(ServiceType, service_type_id, "service type")))


@routes.view(
    "/service-types/<uuid:service_type_id>",
    "PATCH",
    permission="setup.write",
    body=schemas.ServiceTypePatch(),
    response=_SERVICE_TYPE,
)
def update_service_type(command: commands.ChangeServiceType, service_type_id: UUID) -> Response:
    """Change a service type, or take it out of use."""
    service_type = _matched(ServiceType, service_type_id, "service type", _SERVICE_TYPE)
    return json_with_etag(_SERVICE_TYPE.dump(operations.update_service_type(current_db(), service_type, command)))


@routes.view("/disciplines", permission="setup.read", response=page_of(schemas.Discipline))
def list_disciplines() -> JsonObject:
    """List all disciplines of providers and service types on one page."""
    items = [{"code": code, "name_en": en, "name_ar": ar} for code, (en, ar) in DISCIPLINES.items()]
    return {"items": items, "next_cursor": None}


def _list(kind: type[R], query: PageOf[Everything] | PageOf[commands.FindRooms], **equal: UUID | None) -> JsonObject:
    after = decode_id_cursor(query.cursor)
    rows = directory.list_by_id(current_db(), kind, after=after, limit=query.limit + 1, **equal)
    return page_by_id(rows, query.limit)


def _found(kind: type[R], record_id: UUID, what: str, *, lock: bool = False) -> R:
    record = current_db().get(kind, record_id, with_for_update=lock or None)
    if record is None:
        raise NotFound(what)
    return record


def _matched(kind: type[R], record_id: UUID, what: str, answer: Schema) -> R:
    record = _found(kind, record_id, what, lock=True)
    check_if_match(answer.dump(record))
    return record
