"""The index of terms: how records are found by it, how far it is read, and that PostgreSQL uses it."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from jalsa.db.schema import create_terms
from jalsa.db.terms import LONGEST, Found, Span, Term, TermIndex, beginning, exactly
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit
from jalsa.dev.servers import Servers
from jalsa.service.ids import new_id

from .lamps import ALPHA, Lamp, as_owner, kit_on, lamp_database

INDEX = TermIndex("lamp_terms", values="lamps", value="level")
COLOURS = ("red", "reddish", "green", "green glass", "blue")


@pytest.fixture(scope="module")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """A database with an index of terms, in which another tenant has thousands."""
    with lamp_database("alpha", servers.postgres) as urls, kit_on(urls, ALPHA, issuer) as made:
        with as_owner(urls) as conn:
            create_terms(lambda statement: conn.execute(text(statement)).close(), "lamp_terms", "alpha")
        with made.transaction("crowd") as db:
            INDEX.write(db, {new_id(): [Term("word", f"{colour} {n}") for colour in COLOURS] for n in range(1000)})
        with as_owner(urls) as conn:
            conn.execute(text("ANALYZE lamp_terms"))
        yield made


@pytest.fixture
def db(kit: ServiceKit, tenant: str) -> Iterator[Session]:
    with kit.transaction(tenant) as session:
        yield session


def stored(db: Session, *words: str, kind: str = "word") -> UUID:
    record = new_id()
    INDEX.write(db, {record: [Term(kind, word) for word in words]})
    return record


def any_of(db: Session, *spans: Span, budget: int = 10) -> list[UUID]:
    """The records with a term in the spans, each of them a part."""
    return [found.record_id for found in INDEX.with_any(db, [[span] for span in spans], budget=budget).records]


def ids_of(found: Found) -> list[UUID]:
    return [each.record_id for each in found.records]


def test_a_prefix_finds_what_begins_with_it_and_a_whole_term_only_itself(db: Session) -> None:
    red, reddish = stored(db, "red"), stored(db, "reddish", "red wine")
    assert any_of(db, beginning("word", "redd")) == [reddish]
    assert any_of(db, beginning("word", "red")) == [red, reddish]
    assert any_of(db, exactly("word", "red")) == [red]
    assert any_of(db, beginning("word", "%")) == []
    assert any_of(db, beginning("other", "red")) == []


def test_the_records_of_the_first_span_come_first_and_each_comes_once(db: Session) -> None:
    both, one = stored(db, "a", "b"), stored(db, "b")
    assert any_of(db, exactly("word", "a"), exactly("word", "b")) == [both, one]


def test_letters_of_any_alphabet_are_ordered_by_their_code_points(db: Session) -> None:
    records = [stored(db, word) for word in ("zz", "é", "محمد", "محمد سالم", "محمدي", "李", "😀")]
    assert any_of(db, beginning("word", "")) == records
    assert any_of(db, beginning("word", "محمد")) == records[2:5]
    assert any_of(db, exactly("word", "محمد")) == records[2:3]


def test_who_has_the_greatest_value_comes_first_and_who_has_none_last(db: Session) -> None:
    none, low, high = (stored(db, "a") for _ in range(3))
    db.add_all([Lamp(id=low, name="low", level=1), Lamp(id=high, name="high", level=2)])
    db.flush()
    assert any_of(db, exactly("word", "a")) == [high, low, none]
    found = INDEX.with_all(db, [[exactly("word", "a")], [beginning("word", "a")]], budget=10, limit=2)
    assert [(each.record_id, each.value) for each in found.records] == [(high, 2), (low, 1)]
    assert any_of(db, exactly("word", "b"), exactly("word", "a")) == [high, low, none]


def test_some_records_are_left_out(db: Session) -> None:
    one, other = stored(db, "a", "b"), stored(db, "a", "b")
    for find in (INDEX.with_any, INDEX.with_all):
        assert ids_of(find(db, [[exactly("word", "a")], [exactly("word", "b")]], budget=10, but=[one])) == [other]


def test_no_more_entries_are_read_than_allowed_and_it_says_so(db: Session) -> None:
    records = [stored(db, f"lamp {n}") for n in range(5)]
    few = INDEX.with_any(db, [[beginning("word", "lamp")]], budget=3)
    assert (ids_of(few), few.truncated, few.read) == (records[:3], True, 3)
    every = INDEX.with_any(db, [[beginning("word", "lamp")]], budget=6)
    assert (ids_of(every), every.truncated, every.read) == (records, False, 5)


def test_all_words_are_found_from_the_rarest_one_in_any_order(db: Session) -> None:
    for n in range(20):
        stored(db, "common", f"other {n}")
    wanted = stored(db, "rare", "common")
    stored(db, "rare")
    parts = [[beginning("word", "common")], [exactly("word", "rare"), exactly("word", "never")]]
    for asked in (parts, parts[::-1]):
        found = INDEX.with_all(db, asked, budget=30)
        assert (ids_of(found), found.truncated) == ([wanted], False)
        assert found.read <= 30


def test_where_no_word_is_rare_it_says_that_not_all_was_read(db: Session) -> None:
    for n in range(20):
        stored(db, "common", "usual", f"other {n}")
    found = INDEX.with_all(db, [[beginning("word", "common")], [beginning("word", "usual")]], budget=10)
    assert (len(found.records), found.truncated, found.read) == (5, True, 10)


def test_writing_again_leaves_these_terms_and_no_others(db: Session) -> None:
    record, other = stored(db, "old", "same"), stored(db, "old")
    INDEX.write(db, {record: [Term("word", "same"), Term("word", "new"), Term("word", "new")]})
    rows = db.execute(text("SELECT term FROM lamp_terms WHERE record_id = :id ORDER BY 1"), {"id": record}).scalars()
    assert list(rows) == ["new", "same"]
    assert any_of(db, exactly("word", "old")) == [other]
    INDEX.write(db, {record: []})
    assert any_of(db, beginning("word", "")) == [other]


def test_a_long_term_is_found_by_its_beginning(db: Session) -> None:
    record = stored(db, "x" * (LONGEST + 50))
    assert any_of(db, exactly("word", "x" * (LONGEST + 50))) == [record]
    assert any_of(db, beginning("word", "x" * 300)) == [record]


def test_another_tenants_records_are_neither_found_nor_changed(kit: ServiceKit, db: Session, tenant: str) -> None:
    record = stored(db, "red")
    db.commit()
    with kit.transaction(f"{tenant}-b") as stranger:
        assert any_of(stranger, beginning("word", "")) == []
        assert INDEX.with_all(stranger, [[beginning("word", "r")]], budget=10).records == []
        INDEX.write(stranger, {record: []})
    with kit.transaction(tenant) as again:
        assert any_of(again, beginning("word", "red")) == [record]


ASKED = {
    "parts": "'{0}'",
    "kinds": "'{word}'",
    "lows": "'{red}'",
    "highs": "'{ree}'",
    "weights": "'{1}'",
    "but": "'{}'",
}


def test_the_records_whose_terms_weigh_most_come_first(db: Session) -> None:
    light, heavy, other = stored(db, "red"), stored(db, "red", "lamp"), stored(db, "green")
    spans = [(exactly("word", "red"), 2), (exactly("word", "lamp"), 3), (exactly("word", "green"), 1)]
    assert INDEX.heaviest(db, spans, most=10, each=10, budget=10) == [heavy, light, other]
    assert INDEX.heaviest(db, spans, most=2, each=10, budget=10) == [heavy, light]
    assert INDEX.heaviest(db, [], most=2, each=10, budget=10) == []


def test_no_more_entries_are_weighed_than_allowed(db: Session) -> None:
    for _ in range(6):
        stored(db, "red", "lamp")
    spans = [(exactly("word", "red"), 1), (exactly("word", "lamp"), 1)]
    assert len(INDEX.heaviest(db, spans, most=10, each=2, budget=10)) <= 4
    assert len(INDEX.heaviest(db, spans, most=10, each=10, budget=3)) == 3


@pytest.mark.parametrize("find", [INDEX._any, INDEX._all, INDEX._weigh])
def test_the_indexes_are_used_for_every_term_under_generic_plans(db: Session, find: TextClause) -> None:
    plan = generic_plan(db, find.text)
    conditions = re.findall(r"Index Cond: (.*)", plan)
    wanted = [r"kind = s\.kind.*tenant_id = .*term >= s\.low.*term < s\.high"]
    if find is INDEX._all:
        wanted.append(r"record_id = c\.record_id.*tenant_id = ")
        assert re.search(r"lamp_terms_pkey\b", plan), plan
    for each in wanted:
        assert any(re.search(each, condition) for condition in conditions), plan
    assert "Seq Scan on lamp_terms" not in plan


@pytest.mark.parametrize("operator", ["term ^@ s.low", "term LIKE s.low || '%%'"])
def test_the_index_would_not_be_used_for_other_questions(db: Session, operator: str) -> None:
    """The control: why questions are ranges."""
    plan = generic_plan(db, INDEX._any.text.replace("term >= s.low AND term < s.high", operator))
    assert not any("term" in condition for condition in re.findall(r"Index Cond: (.*)", plan)), plan


def generic_plan(db: Session, statement: str) -> str:
    """The plan of a statement of the index, made without knowing what is asked."""
    names = list(dict.fromkeys(re.findall(r"(?<!:):(\w+)", statement)))
    prepared = re.sub(r"(?<!:):(\w+)", lambda match: f"${names.index(match[1]) + 1}", statement)
    connection = db.connection()
    connection.exec_driver_sql(f"PREPARE asked AS {prepared}")
    try:
        given = ", ".join(ASKED.get(name, "1") for name in names)
        return "\n".join(connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) EXECUTE asked ({given})").scalars())
    finally:
        connection.exec_driver_sql("DEALLOCATE asked")


def test_the_application_changes_no_term(db: Session) -> None:
    stored(db, "red")
    with pytest.raises(DBAPIError, match="permission denied"):
        db.execute(text("UPDATE lamp_terms SET term = 'blue'"))
    db.rollback()
