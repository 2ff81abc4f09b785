"""The relay: positions in the order of visibility, and marks that follow the broker's confirm, by one leader alone."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jalsa.db.event_rows import flush_events
from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.servers import Servers
from jalsa.events.envelope import decode
from jalsa.events.relay import Message, Relay, assign_positions, publish_placed
from jalsa.service import metrics
from jalsa.service.ids import new_id

from .lamps import MakeKit, superuser_of, switch, switched
from .running import confirmed, looping


class Bus:
    """A publisher that confirms as many messages as it is told to, and remembers those that it took."""

    def __init__(self, confirms: int = 10_000) -> None:
        self.confirms = confirms
        self.taken: list[str] = []

    def publish(self, messages: Sequence[Message]) -> int:
        done = min(self.confirms, len(messages))
        self.taken += [m.id for m in messages[:done]]
        return done

    def keep_alive(self) -> None: ...

    def close(self) -> None: ...


class SlowBus(Bus):
    """A publisher that is at work until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work, self.go_on = threading.Event(), threading.Event()

    def publish(self, messages: Sequence[Message]) -> int:
        self.at_work.set()
        assert self.go_on.wait(10)
        return super().publish(messages)


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit()


def ids(kit: ServiceKit, tenant: str) -> list[str]:
    return [str(event.id) for event in kit.events(tenant)]


# Publishing


def test_events_are_published_in_order_and_once(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(kit, tenant, lamp, 1, 2, 3)
    assign_positions(kit.relay.engine)
    bus = Bus()
    assert publish_placed(kit.relay.engine, bus) == 3
    assert publish_placed(kit.relay.engine, bus) == 0
    assert bus.taken == ids(kit, tenant)


def test_the_routing_key_names_tenant_service_aggregate_and_event(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    seen: list[Message] = []

    class Spy(Bus):
        def publish(self, messages: Sequence[Message]) -> int:
            seen.extend(messages)
            return super().publish(messages)

    switched(kit, tenant, lamp, 1)
    assign_positions(kit.relay.engine)
    publish_placed(kit.relay.engine, Spy())
    [message] = seen
    assert message.key == f"{tenant}.alpha.lamp.LampSwitched.v1"
    assert decode(message.body).position == 1


def test_nothing_is_marked_before_the_broker_confirms(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(kit, tenant, lamp, 1, 2, 3)
    assign_positions(kit.relay.engine)
    assert publish_placed(kit.relay.engine, Bus(confirms=0)) is None
    assert confirmed(kit) == 0
    bus = Bus()
    publish_placed(kit.relay.engine, bus)
    assert bus.taken == ids(kit, tenant)


def test_a_relay_that_marks_first_loses_what_the_broker_did_not_take(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    """The control of the test above."""
    switched(kit, tenant, lamp, 1, 2, 3)
    assign_positions(kit.relay.engine)
    with kit.relay.engine.begin() as conn:
        conn.execute(text("UPDATE relay_state SET position = 3 WHERE work = 'publish'"))
    dead = Bus(confirms=0)
    dead.publish([])
    bus = Bus()
    publish_placed(kit.relay.engine, bus)
    assert bus.taken == []


def test_what_was_confirmed_before_a_failure_is_not_sent_again(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(kit, tenant, lamp, 1, 2, 3, 4)
    assign_positions(kit.relay.engine)
    bus = Bus(confirms=1)
    assert publish_placed(kit.relay.engine, bus) == 1
    assert confirmed(kit) == 1
    bus.confirms = 100
    assert publish_placed(kit.relay.engine, bus) == 3
    assert bus.taken == ids(kit, tenant)


def test_a_publisher_that_raises_marks_nothing(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    class Broken(Bus):
        def publish(self, messages: Sequence[Message]) -> int:
            raise ConnectionResetError

    switched(kit, tenant, lamp, 1)
    assign_positions(kit.relay.engine)
    with pytest.raises(ConnectionResetError):
        publish_placed(kit.relay.engine, Broken())
    assert confirmed(kit) == 0


def test_of_two_relays_only_one_publishes(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(kit, tenant, lamp, 1, 2)
    assign_positions(kit.relay.engine)
    leader, other = SlowBus(), Bus()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(publish_placed, kit.relay.engine, leader)
        assert leader.at_work.wait(10)
        assert publish_placed(kit.relay.engine, other) == 0
        leader.go_on.set()
        assert work.result(10) == 2
    assert publish_placed(kit.relay.engine, other) == 0
    assert other.taken == []


def terminate(kit: ServiceKit, servers: Servers, where: str) -> None:
    """Ends the server's side of connections of the relay role, as an operator or a failing network would."""
    admin = superuser_of(kit, servers.postgres)
    with admin.begin() as conn:
        killed = conn.execute(
            text(f"""
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND usename = 'alpha_relay' AND {where}
            """)
        )
        assert killed.scalar_one() >= 1
    admin.dispose()


def test_a_leader_that_loses_its_connection_while_publishing_has_lost_the_right_to_mark(
    kit: ServiceKit, servers: Servers, tenant: str, lamp: UUID
) -> None:
    switched(kit, tenant, lamp, 1, 2)
    assign_positions(kit.relay.engine)
    old, new = SlowBus(), Bus()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(publish_placed, kit.relay.engine, old)
        assert old.at_work.wait(10)
        terminate(kit, servers, "state = 'idle in transaction'")
        switched(kit, tenant, lamp, 3)
        assign_positions(kit.relay.engine)
        eventually(lambda: publish_placed_again(kit.relay.engine, new))
        assert confirmed(kit) == 3
        old.go_on.set()
        with pytest.raises(DBAPIError):
            work.result(10)
    assert confirmed(kit) == 3, "the old leader's mark, of an older state, must not count"
    assert new.taken == ids(kit, tenant)


def publish_placed_again(engine: Engine, bus: Bus) -> int | None:
    try:
        return publish_placed(engine, bus)
    except DBAPIError:
        return None  # a pooled connection that was ended with the leader's


def test_a_lock_on_another_connection_than_the_mark_makes_two_leaders(
    kit: ServiceKit, servers: Servers, tenant: str, lamp: UUID
) -> None:
    """The control: the right to work held by one connection, the marking done by another."""
    switched(kit, tenant, lamp, 1, 2)
    assign_positions(kit.relay.engine)
    with ExitStack() as stack:
        lock = kit.relay.engine.connect()
        stack.callback(lock.invalidate)
        lock.execute(text("SELECT pg_advisory_lock(1)"))
        lock.commit()
        seen_by_old = 2
        terminate(kit, servers, "state = 'idle' AND query LIKE 'COMMIT%'")
        new = stack.enter_context(kit.relay.engine.connect())
        assert eventually(lambda: new.execute(text("SELECT pg_try_advisory_lock(1)")).scalar_one())
        new.execute(text("UPDATE relay_state SET position = 5 WHERE work = 'publish'"))
        new.commit()
        with kit.relay.engine.begin() as marking:
            marking.execute(text("UPDATE relay_state SET position = :p WHERE work = 'publish'"), {"p": seen_by_old})
    assert confirmed(kit) == 2, "the position went back: two leaders marked"


# Positions


def test_a_transaction_that_commits_late_gets_a_later_position(kit: ServiceKit, tenant: str) -> None:
    early, late = new_id(), new_id()
    with kit.transaction(tenant) as slow:
        switch(slow, late, 1)
        flush_events(slow)
        switched(kit, tenant, early, 1)
        assert [(e.subject, e.position) for e in kit.events(tenant)] == [(f"lamp/{early}", 1)]
    assert [(e.subject, e.position) for e in kit.events(tenant)] == [(f"lamp/{early}", 1), (f"lamp/{late}", 2)]


def test_a_reader_that_remembers_the_last_serial_id_loses_the_late_one(kit: ServiceKit, tenant: str) -> None:
    """The control of the test above. The order of insertion is not the order of visibility."""
    after = text("SELECT n, subject FROM outbox WHERE n > :last ORDER BY n")
    early, late = new_id(), new_id()
    with kit.transaction(tenant) as slow:
        switch(slow, late, 1)
        flush_events(slow)
        switched(kit, tenant, early, 1)
        with kit.transaction(tenant) as reader:
            seen = list(reader.execute(after, {"last": 0}))
    with kit.transaction(tenant) as reader:
        seen += reader.execute(after, {"last": seen[-1].n})
    assert [row.subject for row in seen] == [f"lamp/{early}"]


def test_a_reader_by_position_misses_nothing_while_many_write_and_two_place(kit: ServiceKit, tenant: str) -> None:
    subjects = [new_id() for _ in range(5)]
    done = threading.Event()
    read = text("SELECT position, id FROM outbox WHERE position > :last ORDER BY position LIMIT 7")

    def write(number: int) -> None:
        with kit.transaction(tenant) as db:
            for subject in subjects[number % 3 : number % 3 + 1 + number % 2]:
                switch(db, subject, number)

    def keep_placing() -> None:
        while not done.is_set() or assign_positions(kit.relay.engine):
            assign_positions(kit.relay.engine)

    def follow() -> list[tuple[int, UUID]]:
        seen: list[tuple[int, UUID]] = []
        while True:
            last_look = done.is_set() and not placing.running() and not placing_too.running()
            with kit.transaction(tenant) as db:
                rows = db.execute(read, {"last": seen[-1][0] if seen else 0}).all()
            seen += [(row.position, row.id) for row in rows]
            if last_look and not rows:
                return seen

    with ThreadPoolExecutor(11) as pool:
        placing, placing_too = pool.submit(keep_placing), pool.submit(keep_placing)
        following = pool.submit(follow)
        writing = [pool.submit(write, number) for number in range(120)]
        for each in writing:
            each.result(30)
        done.set()
        seen = following.result(30)
    assert [position for position, _ in seen] == list(range(1, 181))
    assert [str(event_id) for _, event_id in seen] == ids(kit, tenant)
    for subject in subjects:
        mine = [e.sequence for e in kit.events(tenant) if e.subject == f"lamp/{subject}"]
        assert mine == list(range(1, len(mine) + 1)), "positions follow the sequence within a subject"


def test_positions_are_given_while_the_broker_is_away(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    relay = Relay("alpha", kit.relay.engine, Bus(confirms=0))
    read = text("SELECT array_agg(position ORDER BY n) FROM outbox")

    def positions() -> bool:
        with kit.transaction(tenant) as db:
            return bool(db.execute(read).scalar() == [1, 2])

    with looping(relay.assign_positions_loop, relay.publish_loop):
        switched(kit, tenant, lamp, 1, 2)
        assert eventually(positions)
        assert confirmed(kit) == 0


def test_what_waits_for_the_broker_is_measured_and_falls_again(
    kit: ServiceKit, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.events.relay.MEASURE_SECONDS", 0.1)
    waiting = metrics.OUTBOX_WAITING.labels("alpha")._value
    bus = Bus(confirms=0)
    relay = Relay("alpha", kit.relay.engine, bus)
    with looping(relay.assign_positions_loop, relay.publish_loop):
        switched(kit, tenant, lamp, 1, 2, 3)
        eventually(lambda: waiting.get() == 3)
        bus.confirms = 100
        eventually(lambda: waiting.get() == 0)


def test_the_loops_publish_soon_and_retry_what_failed(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    bus = Bus(confirms=0)
    relay = Relay("alpha", kit.relay.engine, bus)
    with looping(relay.assign_positions_loop, relay.publish_loop):
        switched(kit, tenant, lamp, 1)
        bus.confirms = 100
        eventually(lambda: len(bus.taken) == 1)
        switched(kit, tenant, lamp, 2)
        eventually(lambda: len(bus.taken) == 2)
    assert bus.taken == ids(kit, tenant)
