"""References of other systems' records to encounters, and what does not fit together."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import (
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page,
    page_by_id,
    page_of,
    shows_list,
    shows_record,
)
from jalsa.http.paging import Everything, decode_cursor, decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import InvalidField, NotFound
from patient_files import errors
from patient_files.http.schemas import references as schemas
from patient_files.models import EncounterReference
from patient_files.references import operations, queries, rules
from patient_files.references.commands import (
    DecideActors,
    FindFindings,
    FindReferences,
    ReferenceItem,
    RegisterReference,
    RegisterReferences,
)
from patient_files.references.operations import Outcome
from patient_files.references.queries import Finding

routes = Routes("references", "References to encounters")

_REFERENCE = schemas.ReferenceAnswer()
_BATCH = schemas.BatchAnswer()
_SYSTEM = schemas.SystemAnswer()
#: A full batch of long values.
_MAX_BYTES = 512 * 1024


@routes.view(
    "/encounters/<uuid:encounter_id>/references",
    "POST",
    permission="references.write",
    body=schemas.ReferenceBody(),
    response=_REFERENCE,
    status=201,
    also=200,
)
def register_reference(command: RegisterReference, encounter_id: UUID) -> Response:
    """Say that a record of another system belongs to an encounter. What is said again is answered with 200."""
    db = current_db()
    item = ReferenceItem(
        system=command.system, kind=command.kind, ref=command.ref, move=command.move, encounter_id=encounter_id
    )
    [outcome] = operations.register_references(db, RegisterReferences(items=[item]), now=clock.now())
    _raise_for(outcome)
    reference = queries.find_reference(db, outcome.reference_id) if outcome.reference_id else None
    if reference is None:
        raise NotFound("reference")
    return json_with_etag(_shown(reference), 200 if outcome.result == rules.UNCHANGED else 201)


def _raise_for(outcome: Outcome) -> None:
    if outcome.code == rules.UNKNOWN_ENCOUNTER:
        raise NotFound("encounter")
    if outcome.code == rules.FORBIDDEN:
        raise errors.SystemOfOthers
    if outcome.code == rules.REFERS_ELSEWHERE:
        raise errors.RefersElsewhere(outcome.encounter_id)


@routes.view(
    "/encounters/references",
    "POST",
    permission="references.write",
    body=schemas.BatchBody(),
    response=_BATCH,
    max_bytes=_MAX_BYTES,
)
def register_references(command: RegisterReferences) -> dict[str, Any]:
    """Register up to 1,000 references. One that cannot be registered is rejected with a code; the others are stored."""
    return {"items": operations.register_references(current_db(), command, now=clock.now())}


@routes.view(
    "/encounters/<uuid:encounter_id>/references",
    permission="references.read",
    reads="reference",
    query=PlainPageArgs(),
    response=page_of(schemas.ReferenceAnswer),
)
def list_references_of_encounter(query: PageOf[Everything], encounter_id: UUID) -> dict[str, Any]:
    """The records that belong to an encounter now. Those of merged encounters are read through the one that stays."""
    db = current_db()
    survivor = queries.survivors(db, [encounter_id]).get(encounter_id)
    if survivor is None:
        raise NotFound("encounter")
    after = decode_id_cursor(query.cursor)
    rows = queries.references_of(db, survivor, after=after, limit=query.limit + 1)
    shows_list(queries.patients_of(db, [survivor]).values())
    values = iter(_values(rows))
    return page_by_id(rows, query.limit, lambda _: next(values))


@routes.view(
    "/references",
    permission="references.read",
    reads="reference",
    query=schemas.ReferenceArgs(),
    response=page_of(schemas.ReferenceAnswer),
)
def list_references(query: PageOf[FindReferences]) -> dict[str, Any]:
    """The records of a system that belong to an encounter now, in the order of their kinds and refs."""
    after = _kind_and_ref(query.cursor)
    rows = queries.list_references(current_db(), query.asked, after=after, limit=query.limit + 1)
    shows_list(queries.patients_of(current_db(), [row.encounter_id for row in rows[: query.limit]]).values())
    values = iter(_values(rows))
    return page(rows, query.limit, lambda row: json.dumps([row.kind, row.ref]), lambda _: next(values))


@routes.view("/references/<uuid:reference_id>", permission="references.read", reads="reference", response=_REFERENCE)
def get_reference(reference_id: UUID) -> Response:
    """One reference, also one that has ended."""
    reference = _found(reference_id)
    patients = queries.patients_of(current_db(), [reference.encounter_id])
    shows_record(patients.get(reference.encounter_id), reference.id)
    return json_with_etag(_shown(reference))


@routes.view("/references/<uuid:reference_id>", "DELETE", permission="references.write", status=204)
def end_reference(reference_id: UUID) -> Response:
    """Say that a record does not belong to its encounter any more. That it did is kept."""
    reference = _found(reference_id, lock=True)
    check_if_match(lambda: _shown(reference))
    operations.end_reference(current_db(), reference, now=clock.now())
    return Response(status=204)


@routes.view(
    "/encounters/integrity",
    permission="references.read",
    reads="reference",
    query=schemas.FindingArgs(),
    response=page_of(schemas.FindingAnswer),
    seconds=30,
)
def list_findings(query: PageOf[FindFindings]) -> dict[str, Any]:
    """What does not fit together between encounters, their appointments and patients, and what refers to them."""
    names = [query.asked.finding] if query.asked.finding else rules.FINDINGS
    after = _finding_and_key(query.cursor)
    rows = queries.list_findings(current_db(), names, now=clock.now(), after=after, limit=query.limit + 1)
    shows_list([row.patient_id for row in rows[: query.limit]])
    return page(rows, query.limit, _cursor_of, lambda row: row)


@routes.view("/reference-systems", permission="references.decide", response=schemas.SystemsAnswer())
def list_reference_systems() -> dict[str, Any]:
    """The systems of which somebody has decided who writes their references."""
    return {"items": queries.list_systems(current_db())}


@routes.view(
    "/reference-systems/<system>",
    "PUT",
    permission="references.decide",
    body=schemas.ActorsBody(),
    response=_SYSTEM,
)
def put_reference_system(command: DecideActors, system: str) -> Response:
    """Decide which logins alone write a system's references. Without any, everybody does who may write references."""
    schemas.check_system(system)
    operations.decide_actors(current_db(), system, command)
    return json_with_etag({"system": system, "actors": list(command.actors)})


def _found(reference_id: UUID, *, lock: bool = False) -> EncounterReference:
    reference = queries.find_reference(current_db(), reference_id, lock=lock)
    if reference is None:
        raise NotFound("reference")
    return reference


def _shown(reference: EncounterReference) -> dict[str, Any]:
    shown: dict[str, Any] = _REFERENCE.dump(_values([reference])[0])
    return shown


def _values(references: Sequence[EncounterReference]) -> list[dict[str, Any]]:
    """References, each with the encounter as which its own one is read now, and the one that it was registered for."""
    read_as = queries.survivors(current_db(), {one.encounter_id for one in references})
    values = []
    for one in references:
        stored = {name: getattr(one, name, None) for name in _REFERENCE.fields}
        encounter_id = read_as.get(one.encounter_id, one.encounter_id)
        values.append({**stored, "encounter_id": encounter_id, "registered_encounter_id": one.encounter_id})
    return values


def _kind_and_ref(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        kind, ref = json.loads(decode_cursor(cursor))
    except (ValueError, TypeError):
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
    return str(kind), str(ref)


def _cursor_of(found: Finding) -> str:
    return f"{found.finding} {found.key}"


def _finding_and_key(cursor: str | None) -> tuple[str, UUID] | None:
    if cursor is None:
        return None
    finding, _, key = decode_cursor(cursor).partition(" ")
    try:
        return finding, UUID(key)
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
