"""What patients may consent to, and in which words."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page,
    page_of,
)
from jalsa.http.paging import decode_cursor
from jalsa.service import clock
from jalsa.service.errors import InvalidField, NotFound
from patient_files.consents.commands import AddConsentType, ChangeConsentType, WriteWording
from patient_files.consents.operations import types as operations
from patient_files.consents.queries import setup as queries
from patient_files.http import records
from patient_files.http.schemas import consents as schemas
from patient_files.models import ConsentWording

routes = Routes("consent-types", "What patients may consent to, and in which words")

_TYPE = schemas.ConsentTypeAnswer()
_WORDING = schemas.WordingAnswer()


@routes.view(
    "/consent-types",
    permission="consents.read",
    query=PlainPageArgs(),
    response=page_of(schemas.ConsentTypeAnswer),
)
def list_consent_types(query: PageOf[Everything]) -> dict[str, Any]:
    """What patients may consent to, by code. Five types exist without any set-up."""
    after = decode_cursor(query.cursor) if query.cursor is not None else ""
    rows = [each for each in queries.consent_types(current_db()) if each.code > after]
    return page(rows, query.limit, lambda row: row.code, lambda row: row)


@routes.view(
    "/consent-types",
    "POST",
    permission="consent-types.write",
    body=schemas.ConsentTypeBody(),
    response=_TYPE,
    status=201,
)
def add_consent_type(command: AddConsentType) -> Response:
    """Let patients consent to something more."""
    return json_with_etag(_TYPE.dump(operations.add_type(current_db(), command)), 201)


@routes.view("/consent-types/<code>", permission="consents.read", response=_TYPE)
def get_consent_type(code: str) -> Response:
    """One type of consent."""
    found = queries.find_type(current_db(), code)
    if found is None:
        raise NotFound("consent type")
    return json_with_etag(_TYPE.dump(found))


@routes.view(
    "/consent-types/<code>",
    "PATCH",
    permission="consent-types.write",
    body=schemas.ConsentTypePatch(),
    response=_TYPE,
)
def update_consent_type(command: ChangeConsentType, code: str) -> Response:
    """Change the names of a type or how long its consents last from now on, or give it up."""
    known = operations.locked_type(current_db(), code)
    check_if_match(_TYPE.dump(known))
    return json_with_etag(_TYPE.dump(operations.change_type(current_db(), known, command)))


@routes.view(
    "/consent-types/<code>/wordings",
    permission="consents.read",
    query=PlainPageArgs(),
    response=page_of(schemas.WordingAnswer),
)
def list_wordings(query: PageOf[Everything], code: str) -> dict[str, Any]:
    """The wordings of a consent by version, with those that are not published yet."""
    if queries.find_type(current_db(), code) is None:
        raise NotFound("consent type")
    after = _version(query.cursor)
    rows = queries.list_wordings(current_db(), code, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: str(row.version), _values)


@routes.view(
    "/consent-types/<code>/wordings",
    "POST",
    permission="consent-types.write",
    body=schemas.WordingBody(),
    response=_WORDING,
    status=201,
    max_bytes=schemas.MAX_WORDING_BYTES,
)
def write_wording(command: WriteWording, code: str) -> Response:
    """Write the next wording of a consent. Nobody signs it before it is published."""
    written = operations.write_wording(current_db(), code, command, zone=records.zone(), now=clock.now())
    return json_with_etag(_shown(written), 201)


@routes.view("/wordings/<uuid:wording_id>/publish", "POST", permission="consent-types.write", response=_WORDING)
def publish_wording(wording_id: UUID) -> Response:
    """Publish a wording: from now on it can be signed, and nothing of it changes.

    If it requires a new signature, consents to earlier wordings end with the days of grace.
    """
    wording = operations.locked_wording(current_db(), wording_id)
    check_if_match(_shown(wording))
    published = operations.publish_wording(current_db(), wording, zone=records.zone(), now=clock.now())
    return json_with_etag(_shown(published))


def _shown(wording: ConsentWording) -> dict[str, Any]:
    shown: dict[str, Any] = _WORDING.dump(_values(wording))
    return shown


def _values(wording: ConsentWording) -> dict[str, Any]:
    names = (_WORDING.fields[name].attribute or name for name in _WORDING.fields if name != "status")
    return {**{name: getattr(wording, name) for name in names}, "status": operations.state_of(wording)}


def _version(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        return int(decode_cursor(cursor))
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
