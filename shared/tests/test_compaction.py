"""Superseded events lose what they said, and nobody who replays them notices but by the mark."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jalsa.dev.kit import ServiceKit
from jalsa.events.envelope import Envelope
from jalsa.service.ids import new_id
from jalsa.work.compaction import compact
from jalsa.work.jobs import JobTools

from .lamps import LAMP_MOVED, MakeKit, as_owner, beta, switch, switched, trail, urls_of

OLD = timedelta(days=31)


def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config, kit.service.name)


def age(kit: ServiceKit, tenant: str, days: int = 31) -> None:
    """Let all events that the tenant has now be so many days older."""
    with as_owner(urls_of(kit)) as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": tenant})
        conn.execute(text("UPDATE outbox SET time = time - :days * interval '1 day'"), {"days": days})


def make_due(kit: ServiceKit) -> None:
    with kit.relay.engine.begin() as conn:
        conn.execute(text("UPDATE compaction_due SET due_at = now()"))


def levels(events: list[Envelope]) -> list[tuple[int, int, bool]]:
    """The sequence of each event, its level, and whether it was compacted."""
    return [(event.sequence, event.data["level"], event.compacted) for event in events]


def test_a_superseded_event_gets_the_latest_data_and_keeps_all_else(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit = make_kit()
    switched(kit, tenant, lamp, 1, 2, 3)
    age(kit, tenant)
    before = kit.events(tenant)
    assert compact(tools(kit)) == 2
    after = kit.events(tenant)
    assert levels(after) == [(1, 3, True), (2, 3, True), (3, 3, False)]
    unchanged = ("id", "position", "sequence", "type", "time", "subject", "correlation_id", "causation_id")
    assert [[getattr(event, name) for name in unchanged] for event in after] == [
        [getattr(event, name) for name in unchanged] for event in before
    ]
    assert [event.attributes().get("compacted") for event in after] == [True, True, None]


def test_what_is_younger_than_thirty_days_stays(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit = make_kit()
    switched(kit, tenant, lamp, 1, 2)
    age(kit, tenant, days=29)
    assert compact(tools(kit)) == 0
    assert levels(kit.events(tenant)) == [(1, 1, False), (2, 2, False)]


def test_a_later_event_supersedes_what_was_compacted_before(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit = make_kit()
    switched(kit, tenant, lamp, 1, 2)
    age(kit, tenant)
    assert compact(tools(kit)) == 1
    switched(kit, tenant, lamp, 7)
    make_due(kit)
    assert compact(tools(kit)) == 2
    assert levels(kit.events(tenant)) == [(1, 7, True), (2, 7, True), (3, 7, False)]
    make_due(kit)
    assert compact(tools(kit)) == 0


def test_events_of_other_types_and_other_subjects_keep_their_data(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit, other = make_kit(), new_id()
    with kit.transaction(tenant) as db:
        switch(db, lamp, 1, LAMP_MOVED)
        switch(db, lamp, 2)
        switch(db, other, 3)
    age(kit, tenant)
    switched(kit, tenant, lamp, 4)
    assert compact(tools(kit)) == 1
    assert sorted(event.data["level"] for event in kit.events(tenant)) == [1, 3, 4, 4]


def test_every_tenant_is_compacted_and_each_from_its_own_events(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit = make_kit()
    tenants = [f"{tenant}{n}" for n in range(3)]
    for number, each in enumerate(tenants):
        switched(kit, each, lamp, number, 10 + number)
        age(kit, each)
    assert compact(tools(kit)) == 3
    for number, each in enumerate(tenants):
        assert [event.data["level"] for event in kit.events(each)] == [10 + number, 10 + number]


def test_more_subjects_than_one_transaction_takes_are_compacted(
    make_kit: MakeKit, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.work.compaction.SUBJECTS", 2)
    kit = make_kit()
    for lamp in [new_id() for _ in range(5)]:
        switched(kit, tenant, lamp, 1, 2)
    age(kit, tenant)
    assert compact(tools(kit)) == 5


def test_a_turn_is_taken_once_a_night(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit = make_kit()
    compact(tools(kit))
    switched(kit, tenant, lamp, 1, 2)
    age(kit, tenant)
    assert compact(tools(kit)) == 0
    with kit.relay.engine.connect() as conn:
        due = conn.execute(text("SELECT due_at AT TIME ZONE 'UTC', due_at - now() FROM compaction_due")).one()
    assert (due[0].hour, due[0].minute) == (23, 0)
    assert timedelta() < due[1] <= timedelta(days=1)


def test_a_follower_that_replays_a_compacted_log_ends_in_the_same_state(
    make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    kit, first, second = make_kit(), make_kit(beta()), make_kit(beta())
    switched(kit, tenant, lamp, 1, 2, 3)
    for event in kit.events(tenant):
        first.inbox.receive(event)
    age(kit, tenant)
    compact(tools(kit))
    for event in kit.events(tenant):
        second.inbox.receive(event)
    assert trail(first, tenant, lamp).split(",")[-1] == trail(second, tenant, lamp).split(",")[-1]


def test_the_application_cannot_change_an_event_itself(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    kit = make_kit()
    switched(kit, tenant, lamp, 1)
    with pytest.raises(DBAPIError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text("UPDATE outbox SET data = '{}'"))
    with kit.relay.engine.connect() as conn, pytest.raises(DBAPIError, match="permission denied"):
        conn.execute(text("SELECT compact_events(now(), '', 10)"))
