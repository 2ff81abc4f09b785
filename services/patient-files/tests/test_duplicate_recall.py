"""How many second registrations are noticed among thousands, and how many people are taken for others."""

import re
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from patient_files.duplicates import queries
from patient_files.duplicates.people import person_of
from patient_files.duplicates.queries import Candidate
from patient_files.duplicates.rules.grades import CERTAIN
from patient_files.models import Patient
from patient_files.patients import record

from .population import RELATIVES, Population, population, store

SIZE, PLANTED, LOOKED_AT = 20_000, 1_000, 500

Found = dict[UUID, list[Candidate]]


@pytest.fixture(scope="module")
def registry(kit: ServiceKit) -> Iterator[tuple[Session, Population]]:
    made = population(SIZE, PLANTED)
    with kit.transaction("duplicates") as db:
        store(db, made.patients)
        yield db, made
        db.rollback()


@pytest.fixture(scope="module")
def found(registry: tuple[Session, Population]) -> Found:
    """The candidates of those who were planted, and of others among whom they stand."""
    db, made = registry
    asked = [each.second for each in made.planted] + made.patients[:LOOKED_AT]
    return {each.id: candidates(db, each) for each in asked}


def candidates(db: Session, patient: Patient) -> list[Candidate]:
    return queries.candidates(db, person_of(patient), record.alike(patient), but=patient.id)


def test_most_second_registrations_are_noticed(registry: tuple[Session, Population], found: Found) -> None:
    tried: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    for each in registry[1].planted:
        if each.kind not in RELATIVES:
            tried[each.kind] += 1
            noticed[each.kind] += each.first.id in {one.patient_id for one in found[each.second.id]}
    assert noticed.total() / tried.total() >= 0.95, {kind: noticed[kind] / tried[kind] for kind in tried}
    assert len(tried) == 6


def test_hardly_anybody_is_taken_for_somebody_else(registry: tuple[Session, Population], found: Found) -> None:
    person = registry[1].person
    wrong = [one for each, some in found.items() for one in some if person[one.patient_id] != person[each]]
    assert len(wrong) / len(found) <= 0.1


@pytest.mark.parametrize(
    ("statement", "asked", "tables"),
    [
        (queries._HOLDERS, "'{NAT}', '{SA}', '{1065432195}'", ["identifiers"]),
        (queries._PEOPLE, "'{01a1f000-0000-7000-8000-000000000001}'", ["patients", "phones", "guardians"]),
    ],
)
def test_the_candidates_are_read_by_indexes_under_generic_plans(
    registry: tuple[Session, Population], statement: TextClause, asked: str, tables: list[str]
) -> None:
    connection = registry[0].connection()
    names = re.findall(r"(?<!:):(\w+)", statement.text)
    numbered = re.sub(r"(?<!:):(\w+)", lambda match: f"${names.index(match[1]) + 1}", statement.text)
    connection.exec_driver_sql(f"PREPARE asked AS {numbered}")
    # a few thousand rows are read as fast as an index. The question is whether an index could serve
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) EXECUTE asked ({asked})").scalars())
    connection.exec_driver_sql("DEALLOCATE asked")
    connection.exec_driver_sql("SET LOCAL enable_seqscan = on")
    for table in tables:
        assert f"Seq Scan on {table}" not in plan, plan


def test_no_twin_or_sibling_is_certain(registry: tuple[Session, Population], found: Found) -> None:
    person = registry[1].person
    certain = {(each, one.patient_id) for each, some in found.items() for one in some if one.verdict.grade == CERTAIN}
    assert len(certain) > 50, "some are"
    assert {pair for pair in certain if person[pair[0]] != person[pair[1]]} == set()
    twins = {each.second.id: each.first.id for each in registry[1].planted if each.kind == "twin"}
    shown = [twins[each] in {one.patient_id for one in found[each]} for each in twins]
    assert sum(shown) > len(shown) / 2, "and twins are shown"
