"""Who has read what of a patient, and the settings that say who treats one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response, jsonify, request

from jalsa.db import access_log
from jalsa.db.access_log import Entry, FindEntries
from jalsa.db.aliases import aliases_of
from jalsa.http import (
    PageOf,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page,
    page_of,
    shows_list,
    shows_record,
)
from jalsa.http.paging import decode_instant_cursor, instant_cursor
from jalsa.http.sheets import MEDIA_TYPE as CSV
from jalsa.http.sheets import sheet
from jalsa.service.errors import NotFound
from patient_files.http.schemas import access as schemas
from patient_files.http.schemas.access import LogRequest
from patient_files.patients import queries as patients
from patient_files.settings import operations as settings_operations
from patient_files.settings import queries as settings
from patient_files.settings.commands import PutSettings

routes = Routes("access", "Who has read what of a patient")

#: How many rows a sheet has at most: the newest of the time that is asked for.
MAX_SHEET_ROWS = 10_000
_PAGE = page_of(schemas.AccessEntryAnswer)
_ENTRY = schemas.AccessEntryAnswer()
_SETTINGS = schemas.SettingsAnswer()


@routes.view(
    "/patients/<uuid:patient_id>/access-log",
    permission="access-log.read",
    reads="access-log",
    query=schemas.LogArgs(),
    response=_PAGE,
    text_types=(CSV,),
)
def list_patient_access(query: PageOf[LogRequest], patient_id: UUID) -> Response:
    """Who has read, or was refused, what of a patient, the newest first. As CSV it has 10,000 rows at most."""
    if patients.find_patient(current_db(), patient_id) is None:
        raise NotFound("patient")
    shows_record(patient_id)
    return _answer(query, FindEntries(patient_ids=tuple(aliases_of(current_db(), patient_id)), **_time(query)))


@routes.view(
    "/access-log",
    permission="access-log.read",
    reads="access-log",
    query=schemas.ActorLogArgs(),
    response=_PAGE,
    text_types=(CSV,),
)
def list_access(query: PageOf[LogRequest]) -> Response:
    """What a person, or anybody, has read or was refused, the newest first. As CSV it has 10,000 rows at most."""
    return _answer(query, FindEntries(person=query.asked.actor, **_time(query)), lists=True)


@routes.view(
    "/access-log/mine", permission="access-log.own", query=schemas.LogArgs(), response=_PAGE, text_types=(CSV,)
)
def list_own_access(query: PageOf[LogRequest]) -> Response:
    """What the caller has read or was refused, the newest first. As CSV it has 10,000 rows at most."""
    return _answer(query, FindEntries(person=current_principal().subject, **_time(query)))


@routes.view("/settings", permission="settings.manage", response=_SETTINGS)
def get_settings() -> Response:
    """The tenant's own rules, or the defaults."""
    return json_with_etag(_SETTINGS.dump(settings.settings(current_db())))


@routes.view("/settings", "PUT", permission="settings.manage", body=schemas.SettingsBody(), response=_SETTINGS)
def put_settings(command: PutSettings) -> Response:
    """Set the tenant's own rules. What is left out gets its default."""
    db = current_db()
    check_if_match(_SETTINGS.dump(settings.settings(db)))
    return json_with_etag(_SETTINGS.dump(settings_operations.put_settings(db, command)))


def _time(query: PageOf[LogRequest]) -> dict[str, Any]:
    return {"since": query.asked.since, "until": query.asked.until}


def _answer(query: PageOf[LogRequest], asked: FindEntries, *, lists: bool = False) -> Response:
    as_sheet = (query.asked.format or _preferred_format()) == "csv"
    limit = MAX_SHEET_ROWS if as_sheet else query.limit + 1
    after = decode_instant_cursor(query.cursor)
    rows = access_log.entries(current_db(), asked, after=after, limit=limit)
    if lists:
        shows_list([row.patient_id for row in rows[: limit if as_sheet else query.limit]])
    if as_sheet:
        return _sheet(rows, query.asked.separator)
    return jsonify(page(rows, query.limit, lambda row: instant_cursor(row.at, row.id), _ENTRY.dump))


def _preferred_format() -> str:
    return "csv" if request.accept_mimetypes.best_match(["application/json", CSV]) == CSV else "json"


def _sheet(rows: Sequence[Entry], separator: str) -> Response:
    cells = [{**_ENTRY.dump(row), "roles": " ".join(row.roles)} for row in rows]
    body = sheet(list(_ENTRY.fields), cells, separator=separator)
    disposition = 'attachment; filename="access-log.csv"'
    return Response(body, content_type=f"{CSV}; charset=utf-8", headers={"Content-Disposition": disposition})
