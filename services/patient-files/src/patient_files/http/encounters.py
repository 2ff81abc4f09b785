"""Encounters: what is read of them, and what people do with them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from flask import Response
from marshmallow import Schema
from sqlalchemy.orm import Session

from jalsa.http import (
    PageOf,
    Routes,
    Shortened,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page,
    page_of,
    shows_list,
    shows_record,
)
from jalsa.http.fields import EmptyBody
from jalsa.http.paging import decode_instant_cursor, instant_cursor
from jalsa.service import clock
from jalsa.service.commands import given
from jalsa.service.errors import Forbidden, NotFound
from patient_files.access.rules import ENCOUNTERS, Right
from patient_files.encounters import queries, rules
from patient_files.encounters.commands import (
    CancelEncounter,
    Correct,
    FindEncounters,
    MergeEncounter,
    MoveOn,
    MoveToPatient,
    OpenEncounter,
    UpdateEncounter,
)
from patient_files.encounters.operations import corrections, moves, opening, records, signing
from patient_files.http.rights import look_up, right_in
from patient_files.http.schemas import encounters as schemas
from patient_files.models import Encounter
from patient_files.policy import may_take_over, may_write_clinical, may_write_codes, right_to_clinical

F = TypeVar("F", bound=Callable[..., Any])

routes = Routes("encounters", "Encounters")

_ENCOUNTER = schemas.EncounterAnswer()
_TEXTS = ("chief_complaint", "reason_for_visit")


def _without_text(document: dict[str, Any]) -> dict[str, Any]:
    """An answer as it is kept for a repeat: with the version of the clinical text and its hash instead of the text."""
    version, words = document["text_version"], [document[name] for name in _TEXTS]
    if not version or all(word is None for word in words):
        return document
    digest = rules.text_hash(UUID(document["id"]), version, *words)
    return {**document, **dict.fromkeys(_TEXTS), "text_sha256": digest}


def _with_text(db: Session, kept: dict[str, Any]) -> dict[str, Any]:
    """An answer that was kept, with the version of the text that it had then."""
    document = {name: value for name, value in kept.items() if name != "text_sha256"}
    if document == kept:
        return document
    text = queries.text_of(db, UUID(kept["id"]), kept["text_version"])
    return {**document, "chief_complaint": text.chief_complaint, "reason_for_visit": text.reason_for_visit}


_SHORTENED = Shortened(_without_text, _with_text)


def _step(rule: str, permission: str, body: Schema) -> Callable[[F], F]:
    """The declaration of a POST that changes one encounter and answers with it."""
    return routes.view(
        f"/encounters/<uuid:encounter_id>/{rule}",
        "POST",
        permission=permission,
        reads="encounter",
        body=body,
        response=_ENCOUNTER,
        shortened=_SHORTENED,
    )


@routes.view(
    "/encounters",
    "POST",
    permission="encounters.write",
    reads="encounter",
    body=schemas.EncounterBody(),
    response=_ENCOUNTER,
    status=201,
    shortened=_SHORTENED,
)
def open_encounter(command: OpenEncounter) -> Response:
    """Open an encounter by hand. That of an appointment is opened by the arrival."""
    db, principal = current_db(), current_principal()
    own = UUID(principal.provider_id) if principal.provider_id and "clinician" in principal.roles else None
    if command.provider_id is None and command.appointment_id is None and own and queries.knows_provider(db, own):
        command = replace(command, provider_id=own)
    clinical = {name for name in rules.CLINICAL_FIELDS if getattr(command, name)}
    right = _right(command.patient_id, command.provider_id)
    _check_may_write(right, clinical=bool(clinical), codes=bool(command.billing_codes))
    return _answer(opening.open_encounter(db, command, now=clock.now()), 201)


@routes.view(
    "/encounters",
    permission="encounters.read",
    reads="encounter",
    query=schemas.EncounterArgs(),
    response=page_of(schemas.EncounterAnswer),
)
def list_encounters(query: PageOf[FindEncounters]) -> dict[str, Any]:
    """Encounters in the order of their start, those that were entered in error as well."""
    db, after = current_db(), decode_instant_cursor(query.cursor)
    rows = queries.list_encounters(db, query.asked, after=after, limit=query.limit + 1)
    _shows_all(rows[: query.limit])
    values = iter(_values(rows))
    return page(rows, query.limit, lambda row: instant_cursor(row.started_at, row.id), lambda _: next(values))


@routes.view("/encounters/<uuid:encounter_id>", permission="encounters.read", reads="encounter", response=_ENCOUNTER)
def get_encounter(encounter_id: UUID) -> Response:
    """One encounter, also one that was merged: `replaced_by` names the one as which it is read."""
    encounter = queries.find_encounter(current_db(), encounter_id)
    if encounter is None:
        raise NotFound("encounter")
    return _answer(encounter)


@routes.view(
    "/encounters/<uuid:encounter_id>",
    "PATCH",
    permission="encounters.write",
    reads="encounter",
    body=schemas.EncounterPatch(),
    response=_ENCOUNTER,
)
def update_encounter(command: UpdateEncounter, encounter_id: UUID) -> Response:
    """Change what is said of an encounter. It is refused while the encounter is signed off."""
    encounter = _locked(encounter_id)
    changed = given(command)
    clinical = {name for name in rules.CLINICAL_FIELDS if name in changed}
    right = _right(encounter.patient_id, encounter.provider_id)
    _check_may_write(right, clinical=bool(clinical), codes="billing_codes" in changed)
    if not may_take_over(current_principal(), changed.get("provider_id"), right):
        raise Forbidden("Nobody makes themselves the provider of a colleague's encounter.")
    return _answer(opening.update_encounter(current_db(), encounter, command, now=clock.now()))


@_step("arrive", "encounters.write", schemas.MoveOnBody())
def arrive_encounter(command: MoveOn, encounter_id: UUID) -> Response:
    """The patient of a planned encounter is here."""
    return _answer(moves.arrive(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("start", "encounters.write", schemas.MoveOnBody())
def start_encounter(command: MoveOn, encounter_id: UUID) -> Response:
    """The provider begins."""
    return _answer(moves.start(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("close", "encounters.write", schemas.MoveOnBody())
def close_encounter(command: MoveOn, encounter_id: UUID) -> Response:
    """The encounter has ended. One that has only arrived is started and ended at the same time."""
    return _answer(moves.close(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("cancel", "encounters.write", schemas.CancelBody())
def cancel_encounter(command: CancelEncounter, encounter_id: UUID) -> Response:
    """The encounter does not take place."""
    return _answer(moves.cancel(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("entered-in-error", "encounters.correct", schemas.CorrectBody())
def enter_encounter_in_error(command: Correct, encounter_id: UUID) -> Response:
    """Say that an encounter should never have been stored. It stays readable, and is final."""
    return _answer(corrections.enter_in_error(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("move", "encounters.correct", schemas.MoveBody())
def move_encounter(command: MoveToPatient, encounter_id: UUID) -> Response:
    """Give an encounter to the patient whose it is, with all that refers to it."""
    return _answer(corrections.move_to_patient(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("merge", "encounters.correct", schemas.MergeBody())
def merge_encounter(command: MergeEncounter, encounter_id: UUID) -> Response:
    """Let an encounter that was opened twice be read as the other one. What refers to it is read through that one."""
    queries.find_encounters(current_db(), [encounter_id, command.into])
    return _answer(corrections.merge(current_db(), _locked(encounter_id), command, now=clock.now()))


@_step("sign-off", "encounters.sign-off", EmptyBody())
def sign_off_encounter(_: dict[str, Any], encounter_id: UUID) -> Response:
    """Sign off an encounter that has ended: its provider does, or a manager. It is not changed from then on."""
    encounter = _own(encounter_id)
    return _answer(signing.sign_off(current_db(), encounter, now=clock.now()))


@_step("withdraw-sign-off", "encounters.sign-off", schemas.CorrectBody())
def withdraw_sign_off(command: Correct, encounter_id: UUID) -> Response:
    """Take a sign-off back, so that the encounter can be changed again."""
    encounter = _own(encounter_id)
    return _answer(signing.withdraw_sign_off(current_db(), encounter, command, now=clock.now()))


def _locked(encounter_id: UUID) -> Encounter:
    """The encounter that a request changes, as it is once it is locked; compared with If-Match."""
    encounter = records.locked(current_db(), encounter_id)
    check_if_match(lambda: _ENCOUNTER.dump(_values([encounter])[0]))
    return encounter


def _own(encounter_id: UUID) -> Encounter:
    """The same for what only the encounter's provider and managers do. Raises 403 for others."""
    encounter, principal = _locked(encounter_id), current_principal()
    own = "clinician" in principal.acting_roles and str(encounter.provider_id) == principal.provider_id
    if not own and "manager" not in principal.roles:
        raise Forbidden("Only the encounter's provider or a manager does this.")
    return encounter


def _right(patient_id: UUID, provider_id: UUID | None) -> Right | None:
    """Under which right the caller reads the clinical fields of an encounter, or None."""
    return right_to_clinical(current_principal(), provider_id, right_in(ENCOUNTERS, patient_id))


def _check_may_write(right: Right | None, *, clinical: bool, codes: bool) -> None:
    """Who does not read a field does not write it either. Raises 403."""
    if clinical and not may_write_clinical(right):
        raise Forbidden("Your roles do not allow you to write the clinical fields of this encounter.")
    if codes and not may_write_codes(current_principal()):
        raise Forbidden("Your roles do not allow you to write billing codes.")


def _answer(encounter: Encounter, status: int = 200) -> Response:
    right = _right(encounter.patient_id, encounter.provider_id) or Right()
    shows_record(
        encounter.patient_id, encounter.id, relation=right.relation, reason=right.reason, grant_id=right.grant_id
    )
    return json_with_etag(_ENCOUNTER.dump(_values([encounter])[0]), status)


def _shows_all(encounters: Sequence[Encounter]) -> None:
    """Say to the access log that a list shows these encounters. What it shows under a grant is a row of its own."""
    look_up(ENCOUNTERS, {each.patient_id for each in encounters})
    others = []
    for each in encounters:
        right = _right(each.patient_id, each.provider_id)
        if right is None or right.grant_id is None:
            others.append(each.patient_id)
        else:
            shows_record(each.patient_id, each.id, reason=right.reason, grant_id=right.grant_id)
    shows_list(others)


def _values(encounters: Sequence[Encounter]) -> list[dict[str, Any]]:
    """Encounters with their clinical texts, in the same order."""
    texts = queries.texts_of(current_db(), encounters)
    nothing = queries.ClinicalText()
    shown = []
    for encounter in encounters:
        text = texts.get(encounter.id, nothing)
        words = {"chief_complaint": text.chief_complaint, "reason_for_visit": text.reason_for_visit}
        stored = {name: getattr(encounter, name, None) for name in _ENCOUNTER.fields if name not in words}
        shown.append({**stored, **words})
    return shown
