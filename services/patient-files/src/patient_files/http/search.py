"""Searches for patients, and names for the lists of other systems. What is looked for is nowhere kept.

The access log has an HMAC of it, and whom it found.
"""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response, jsonify

from jalsa.http import Routes, current_db, shows_list, shows_search
from jalsa.http.paging import decode_cursor, page
from jalsa.service.errors import InvalidField
from patient_files.http.schemas import search as schemas
from patient_files.patients import search
from patient_files.patients.commands import NamePatients, SearchPatients
from patient_files.patients.search import Hit, Place
from patient_files.patients.summaries import Summary, summaries

routes = Routes("patient-search", "Searches for patients")

_NAMED = ("id", "survivor_id", "file_number", "name_en", "name_ar", "alert", "restricted")


@routes.view(
    "/patients/search",
    "POST",
    permission="patients.search",
    reads="search",
    body=schemas.SearchBody(),
    response=schemas.SearchPage(),
    kept=False,
)
def search_patients(command: SearchPatients) -> dict[str, Any]:
    """The patients whom a text means, the best match first.

    Words may be cut short, in any order, and in either alphabet. A text without a letter or digit means nobody.
    """
    after = _place(command.cursor)
    found = search.search(current_db(), command.text, after=after, limit=command.limit + 1)
    known = summaries(current_db(), [hit.place.patient_id for hit in found.hits[: command.limit]])
    shows_search(command.text, known)
    answer = page(
        found.hits, command.limit, lambda hit: _cursor(hit.place), lambda hit: _found(hit, known[hit.place.patient_id])
    )
    return {**answer, "truncated": found.truncated}


@routes.view(
    "/patients/names",
    "POST",
    permission="patients.search",
    reads="name",
    body=schemas.NamesBody(),
    response=schemas.NamesAnswer(),
    kept=False,
)
def name_patients(command: NamePatients) -> Response:
    """The names of some patients, for a list that has their ids."""
    known = summaries(current_db(), command.ids)
    shows_list(known)
    asked = dict.fromkeys(command.ids)
    # plain values need no schema to be written, which for 500 patients takes as long as finding them
    return jsonify(
        items=[_named(known[one]) for one in asked if one in known], missing=[one for one in asked if one not in known]
    )


def _named(patient: Summary) -> dict[str, Any]:
    return {name: getattr(patient, name) for name in _NAMED}


def _found(hit: Hit, patient: Summary) -> dict[str, Any]:
    return {**asdict(patient), "last_visit_on": hit.place.last_visit_on, "match": hit.match}


def _cursor(place: Place) -> str:
    return f"{place.fit} {place.last_visit_on or '-'} {place.patient_id}"


def _place(cursor: str | None) -> Place | None:
    """The place after which the page begins. Raises a 422 problem."""
    if cursor is None:
        return None
    try:
        fit, visit, patient_id = decode_cursor(cursor).split(" ")
        return Place(int(fit), None if visit == "-" else date.fromisoformat(visit), UUID(patient_id))
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
