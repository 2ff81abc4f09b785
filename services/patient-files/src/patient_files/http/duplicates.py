"""Possible duplicates: who else a person may be, and what is decided about two records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from jalsa.http import PageOf, Routes, current_db, page_by_id, page_of, shows_list, shows_search
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from patient_files.duplicates import operations, queries
from patient_files.duplicates.commands import DismissPair, FindCandidates, FindPairs
from patient_files.duplicates.queries import Candidate
from patient_files.errors import PatientExists
from patient_files.http import records
from patient_files.http.schemas import duplicates as schemas
from patient_files.models import DuplicatePair
from patient_files.patients.rules.names import FIELDS
from patient_files.patients.summaries import Summary, summaries
from patient_files.use_cases import registration

routes = Routes("duplicates", "Possible duplicates of patients")

_CANDIDATES = schemas.CandidatesAnswer()
_PAIR = schemas.PairAnswer()
_STORED = (
    "id",
    "grade",
    "reasons",
    "decision",
    "decision_reason",
    "decided_at",
    "decided_by",
    "created_at",
    "created_by",
)


@routes.view(
    "/patients/duplicates",
    "POST",
    permission="patients.search",
    reads="candidate",
    body=schemas.DuplicatesBody(),
    response=_CANDIDATES,
    kept=False,
)
def find_duplicates(command: FindCandidates) -> dict[str, Any]:
    """Who else a patient, or a person who is about to be registered, may be: the surest first.

    CERTAIN candidates refuse a registration unless it has a `duplicate_override`. Twins are POSSIBLE at most. Nothing
    is stored.
    """
    found = registration.find_candidates(current_db(), command, zone=records.zone(), now=clock.now())
    _shows(command, [each.patient_id for each in found])
    return {"candidates": _values(found)}


def _shows(command: FindCandidates, found: Sequence[UUID]) -> None:
    """Say to the access log whom a question has found: one with a name is a search for it."""
    if command.registration is None:
        shows_list(found)
    else:
        given = (getattr(command.registration, name) for name in FIELDS)
        shows_search(" ".join(part for part in given if part), found)


@routes.view(
    "/duplicate-pairs",
    permission="duplicates.review",
    reads="duplicate-pair",
    query=schemas.PairArgs(),
    response=page_of(schemas.PairAnswer),
)
def list_duplicate_pairs(query: PageOf[FindPairs]) -> dict[str, Any]:
    """Pairs of patients who may be one person, in the order in which they were noticed.

    A registration makes open ones of whom the person probably is, and dismissed ones of whom it overrides.
    """
    after = decode_id_cursor(query.cursor)
    rows = queries.list_pairs(current_db(), query.asked, after=after, limit=query.limit + 1)
    known = _known(rows)
    shows_list([one for pair in rows[: query.limit] for one in (pair.patient_a_id, pair.patient_b_id)])
    return page_by_id(rows, query.limit, lambda row: _pair(row, known))


@routes.view(
    "/duplicate-pairs/<uuid:pair_id>/dismiss",
    "POST",
    permission="duplicates.review",
    body=schemas.DismissBody(),
    response=_PAIR,
)
def dismiss_duplicate_pair(command: DismissPair, pair_id: UUID) -> dict[str, Any]:
    """Decide that two patients are two people: they are never certain duplicates again."""
    pair = operations.dismiss_pair(current_db(), pair_id, command, now=clock.now())
    return _pair(pair, _known([pair]))


def shown(refusal: PatientExists) -> list[dict[str, Any]]:
    """The candidates of a refusal as the caller may see them: a refusal is written when the transaction has ended."""
    found = [each for each in refusal.candidates if isinstance(each, Candidate)]
    answer: list[dict[str, Any]] = _CANDIDATES.dump({"candidates": _values(found)})["candidates"]
    return answer


def _values(found: Sequence[Candidate]) -> list[dict[str, Any]]:
    known = summaries(current_db(), [each.patient_id for each in found])
    return [
        {
            "patient": known[each.patient_id],
            "grade": each.verdict.grade,
            "score": each.verdict.score,
            "reasons": each.verdict.reasons,
        }
        for each in found
    ]


def _known(pairs: Sequence[DuplicatePair]) -> dict[UUID, Summary]:
    return summaries(current_db(), [one for pair in pairs for one in (pair.patient_a_id, pair.patient_b_id)])


def _pair(pair: DuplicatePair, known: dict[UUID, Summary]) -> dict[str, Any]:
    return {
        **{name: getattr(pair, name) for name in _STORED},
        "patients": [known[one] for one in (pair.patient_a_id, pair.patient_b_id)],
    }
