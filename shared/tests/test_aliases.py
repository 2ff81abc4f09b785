"""Aliases: merges and their undoing are read alike in whatever order they become known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import NullPool, create_engine, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of, follow_merge, follow_unmerge, stands_for, survivor_of, survivors_of
from jalsa.dev.kit import ServiceKit
from jalsa.service.ids import new_id

from .lamps import Light

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
RECORDS = 6

records = st.integers(0, RECORDS - 1)
attempts = st.lists(st.tuples(st.sampled_from(["merge", "merge", "undo"]), records, records), max_size=25)


@dataclass(frozen=True)
class Step:
    """What happened to a record at a time: it was merged into another one, or that was undone."""

    kind: Literal["merge", "undo"]
    record: int
    survivor: int
    minute: int

    @property
    def at(self) -> datetime:
        return START + timedelta(minutes=self.minute)


@dataclass
class Model:
    """What is known so far, and how it is read: a plain statement of the rule, to hold the database against."""

    links: dict[int, tuple[int, int]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        if step.kind == "merge":
            self.links[step.record] = step.survivor, step.minute
        else:
            self.links.pop(step.record, None)

    def counted(self) -> dict[int, int]:
        """The links without the oldest one of each circle."""
        left = {record: survivor for record, (survivor, _) in self.links.items()}
        for record in self.links:
            circle = self.circle_of(record)
            if circle:
                left.pop(min(circle, key=lambda one: self.links[one][1]), None)
        return left

    def circle_of(self, record: int) -> list[int]:
        """The circle on which a record lies, or nothing if it lies on none."""
        walked, at = [record], self.links[record][0]
        while at in self.links and at not in walked:
            walked.append(at)
            at = self.links[at][0]
        return walked if at == record else []

    def survivor(self, record: int) -> int:
        links = self.counted()
        while record in links:
            record = links[record]
        return record


def history(tried: list[tuple[str, int, int]]) -> list[Step]:
    """What happens of these attempts where a merge of or into a merged record is refused, as the owner refuses it."""
    steps, merged = [], dict[int, int]()
    for minute, (kind, record, other) in enumerate(tried):
        if kind == "merge" and record != other and record not in merged and other not in merged:
            merged[record] = other
            steps.append(Step("merge", record, other, minute))
        elif kind == "undo" and record in merged:
            steps.append(Step("undo", record, merged.pop(record), minute))
    return steps


def arrivals(steps: list[Step], picks: list[int]) -> Iterator[Step]:
    """The steps in another order that keeps each record's own, as streams of different subjects arrive."""
    waiting = {record: [step for step in steps if step.record == record] for record in range(RECORDS)}
    waiting = {record: own for record, own in waiting.items() if own}
    for pick in [*picks, *[0] * len(steps)]:
        if not waiting:
            return
        record = sorted(waiting)[pick % len(waiting)]
        yield waiting[record].pop(0)
        if not waiting[record]:
            del waiting[record]


def follow(db: Session, ids: list[UUID], step: Step) -> None:
    if step.kind == "merge":
        follow_merge(db, ids[step.record], ids[step.survivor], step.at)
    else:
        follow_unmerge(db, ids[step.record])


def stored(db: Session) -> list[tuple[UUID, UUID]]:
    return [tuple(row) for row in db.execute(text("SELECT id, survivor_id FROM aliases ORDER BY id"))]


@pytest.fixture
def db(follower: ServiceKit, tenant: str) -> Iterator[Session]:
    with follower.transaction(tenant) as session:
        yield session


@pytest.fixture
def ids() -> list[UUID]:
    return [new_id() for _ in range(RECORDS)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tried=attempts, picks=st.lists(st.integers(0, RECORDS), max_size=25))
def test_whatever_the_order_of_arrival_every_step_is_read_as_the_model_reads_it(
    follower: ServiceKit, tenant: str, tried: list[tuple[str, int, int]], picks: list[int]
) -> None:
    steps, ids, model = history(tried), [new_id() for _ in range(RECORDS)], Model()
    with follower.transaction(tenant) as db:
        for step in arrivals(steps, picks):
            follow(db, ids, step)
            model.take(step)
            read = [ids.index(found) for found in survivors_of(db, ids).values()]
            assert read == [model.survivor(record) for record in range(RECORDS)]
            for record in range(RECORDS):
                same = [ids[other] for other in range(RECORDS) if read[other] == read[record]]
                assert aliases_of(db, ids[record]) == sorted(same)
        truth = Model()
        for step in steps:
            truth.take(step)
        assert dict(stored(db)) == {ids[record]: ids[into] for record, (into, _) in truth.links.items()}
        db.rollback()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tried=attempts)
def test_a_history_that_is_undone_leaves_no_row(
    follower: ServiceKit, tenant: str, tried: list[tuple[str, int, int]]
) -> None:
    steps = history(tried)
    still = {step.record for step in steps if step.kind == "merge"}
    with follower.transaction(tenant) as db:
        ids = [new_id() for _ in range(RECORDS)]
        for step in steps:
            follow(db, ids, step)
        for record in still:
            follow_unmerge(db, ids[record])
        assert stored(db) == []
        assert survivors_of(db, ids) == dict(zip(ids, ids, strict=True))
        db.rollback()


def test_a_chain_is_read_to_its_end_in_whatever_order_its_links_arrive(db: Session, ids: list[UUID]) -> None:
    links = [Step("merge", 0, 1, 1), Step("merge", 1, 2, 2), Step("merge", 2, 3, 3), Step("merge", 4, 2, 4)]
    for order in permutations(links):
        for step in order:
            follow(db, ids, step)
        assert [survivor_of(db, one) for one in ids] == [*[ids[3]] * 5, ids[5]]
        assert aliases_of(db, ids[1]) == sorted(ids[:5])
        for step in order:
            follow_unmerge(db, ids[step.record])


def test_in_a_circle_of_late_events_the_oldest_alias_does_not_count(db: Session, ids: list[UUID]) -> None:
    # 0 was merged into 1, which was undone, and then 1 into 0. The undoing has not arrived
    follow(db, ids, Step("merge", 1, 0, 2))
    follow(db, ids, Step("merge", 0, 1, 1))
    assert {survivor_of(db, one) for one in ids[:2]} == {ids[0]}
    follow_unmerge(db, ids[0])
    assert {survivor_of(db, one) for one in ids[:2]} == {ids[0]}


def test_a_record_that_leads_into_a_circle_is_read_as_the_circle_is(db: Session, ids: list[UUID]) -> None:
    for step in (Step("merge", 3, 0, 0), Step("merge", 0, 1, 2), Step("merge", 1, 2, 1), Step("merge", 2, 0, 3)):
        follow(db, ids, step)
    # the oldest alias of all is that of 3, which is on no circle. The oldest of the circle is that of 1
    assert {survivor_of(db, one) for one in ids[:4]} == {ids[1]}
    assert aliases_of(db, ids[3]) == sorted(ids[:4])


def test_a_record_without_aliases_stands_alone(db: Session, ids: list[UUID]) -> None:
    follow(db, ids, Step("merge", 1, 2, 1))
    assert (survivor_of(db, ids[0]), aliases_of(db, ids[0])) == (ids[0], [ids[0]])


def test_no_record_is_merged_into_itself(db: Session, ids: list[UUID]) -> None:
    with pytest.raises(IntegrityError):
        follow(db, ids, Step("merge", 0, 0, 1))
    db.rollback()


def test_no_tenant_reads_anothers_aliases(follower: ServiceKit, tenant: str, ids: list[UUID]) -> None:
    with follower.transaction(tenant) as db:
        follow(db, ids, Step("merge", 0, 1, 1))
    with follower.transaction(f"{tenant}-b") as db:
        assert (survivor_of(db, ids[0]), aliases_of(db, ids[1])) == (ids[0], [ids[1]])


def test_rows_are_found_by_every_id_of_a_record_and_keep_the_id_with_which_they_were_written(
    db: Session, ids: list[UUID]
) -> None:
    db.add_all(Light(id=one, trail="1") for one in ids[:4])
    db.flush()
    follow(db, ids, Step("merge", 0, 1, 1))
    follow(db, ids, Step("merge", 1, 2, 2))
    for asked in ids[:3]:
        assert sorted(db.scalars(select(Light.id).where(stands_for(Light.id, asked)))) == sorted(ids[:3])
    follow_unmerge(db, ids[1])
    assert sorted(db.scalars(select(Light.id).where(stands_for(Light.id, ids[2])))) == [ids[2]]


def test_the_condition_is_served_by_an_index_of_the_column_under_generic_plans(
    follower: ServiceKit, tenant: str
) -> None:
    with follower.transaction(tenant) as db:
        db.execute(text("INSERT INTO lights (id, trail) SELECT gen_random_uuid(), '1' FROM generate_series(1, 5000)"))
    with create_engine(follower.config.database_owner_url, poolclass=NullPool).begin() as owner:
        owner.execute(text("ANALYZE lights"))
    with follower.transaction(tenant) as db:
        db.execute(text("PREPARE found (uuid) AS SELECT trail FROM lights WHERE id = ANY (aliases_of($1))"))
        plan = "\n".join(db.execute(text(f"EXPLAIN (COSTS OFF) EXECUTE found ('{new_id()}')")).scalars())
        db.execute(text("DEALLOCATE found"))
    assert "(id = ANY (aliases_of($1)))" in plan.partition("Index Cond:")[2].partition("Filter:")[0]
