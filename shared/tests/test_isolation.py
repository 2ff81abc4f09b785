"""P5 and P6 from inside the database: what each role can see and change, with every filter of the application gone."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from jalsa.db import access_log
from jalsa.db.aliases import follow_merge
from jalsa.db.numbers import gapless_number
from jalsa.dev.kit import ServiceKit
from jalsa.dev.servers import Servers
from jalsa.events.relay import assign_positions
from jalsa.service import clock
from jalsa.service.ids import new_id

from .lamps import Lamp, MakeKit, as_owner, beta, lamp_event, superuser_of, switch, urls_of

TABLES = [
    "access_log",
    "aliases",
    "audit_log",
    "numbers",
    "idempotency_keys",
    "outbox_heads",
    "outbox",
    "inbox_heads",
    "inbox",
    "lamps",
    "lights",
]
#: Tables without a tenant hold positions, and nothing of any tenant.
WITHOUT_TENANT = {"relay_state", "feed_checkpoints", "stopped_sources", "compaction_due"}


@pytest.fixture
def kit(make_kit: MakeKit, tenant: str) -> ServiceKit:
    """A database in which one tenant has a row in every table."""
    made = make_kit(beta())
    made.inbox.receive(lamp_event(tenant, new_id(), 1))
    made.inbox.receive(lamp_event(tenant, new_id(), 2))
    with made.transaction(tenant) as db:
        lamp = Lamp(name="a", level=1)
        db.add(lamp)
        db.flush()
        switch(db, lamp.id, 1)
        gapless_number(db, "lamp")
        reader = access_log.Reader(person="noura", roles=[], request_id="r", purpose=access_log.OPERATIONS)
        access_log.store(db, reader, [access_log.Read(kind="lamp")])
        follow_merge(db, new_id(), new_id(), clock.now())
        db.execute(
            text("""
                INSERT INTO idempotency_keys (tenant_id, actor, key, request_hash, status, headers, body)
                VALUES (current_setting('jalsa.tenant'), 'a', 'k', '', 201, '{}', '')
            """)
        )
    assign_positions(made.relay.engine)
    return made


@pytest.fixture
def stranger(kit: ServiceKit, tenant: str) -> Iterator[Any]:
    """A transaction of the application under another tenant."""
    with kit.transaction(f"{tenant}b") as db:
        yield db
        db.rollback()


def count(conn: Any, table: str) -> int:
    return int(conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_every_table_of_the_mechanisms_is_looked_at_here(kit: ServiceKit) -> None:
    with kit.transaction("any") as db:
        names = set(db.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
        forced = db.execute(text("SELECT relname FROM pg_class WHERE relforcerowsecurity AND relrowsecurity")).scalars()
        # those of the access log, which are read and written through it (test_access_log.py)
        partitions = set(
            db.execute(text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")).scalars()
        )
        assert set(forced) == {*TABLES, *partitions}
    assert names - partitions == {*TABLES, *WITHOUT_TENANT}


@pytest.mark.parametrize("table", TABLES)
def test_a_tenant_sees_its_rows_and_another_sees_none(
    table: str, kit: ServiceKit, stranger: Any, tenant: str, servers: Servers
) -> None:
    with kit.transaction(tenant) as db:
        assert count(db, table) >= 1, "the control: they are there"
    assert count(stranger, table) == 0
    assert stranger.execute(text(f"SELECT count(*) FROM {table} WHERE tenant_id = :t"), {"t": tenant}).scalar() == 0
    admin = superuser_of(kit, servers.postgres)
    with admin.connect() as conn:
        assert count(conn, table) >= 1, "and only row-level security hides them"
    admin.dispose()


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_nobody_sees_anything_not_even_the_owner(table: str, kit: ServiceKit) -> None:
    with kit.database.engine.connect() as conn:
        assert count(conn, table) == 0
    with as_owner(urls_of(kit)) as conn:
        assert count(conn, table) == 0


def test_the_tenant_does_not_outlive_its_transaction(kit: ServiceKit, tenant: str) -> None:
    with kit.transaction(tenant) as db:
        pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
        assert count(db, "lamps") == 1
    with kit.database.engine.connect() as conn:
        assert conn.execute(text("SELECT pg_backend_pid()")).scalar_one() == pid, "the same pooled connection"
        assert count(conn, "lamps") == 0


FOREIGN_INSERTS = {
    "access_log": """
        INSERT INTO access_log (id, tenant_id, at, person, roles, kind, purpose, outcome, request_id, hourly)
        VALUES (gen_random_uuid(), :t, now(), 'x', '{}', 'lamp', 'TREAT', 'READ', 'r', false)
    """,
    "lamps": "INSERT INTO lamps (id, tenant_id, name, level) VALUES (gen_random_uuid(), :t, 'x', 1)",
    "numbers": "INSERT INTO numbers VALUES (:t, 'x', 1)",
    "outbox_heads": "INSERT INTO outbox_heads VALUES (:t, 'x/1', 1)",
    "inbox_heads": "INSERT INTO inbox_heads VALUES (:t, 'x', 'x/1', 1)",
    "idempotency_keys": """
        INSERT INTO idempotency_keys (tenant_id, actor, key, request_hash, status, headers, body)
        VALUES (:t, 'a', 'x', '', 201, '{}', '')
    """,
    "outbox": """
        INSERT INTO outbox (id, tenant_id, subject, sequence, type, time, correlation_id, traceparent, data)
        VALUES (gen_random_uuid(), :t, 'lamp/1', 9, 'x', now(), 'c', 't', '{}')
    """,
    "inbox": """
        INSERT INTO inbox (id, tenant_id, source, subject, sequence, type, envelope, state)
        VALUES (gen_random_uuid(), :t, 's', 'lamp/1', 9, 'x', '{}', 'waiting')
    """,
}


@pytest.mark.parametrize("table", FOREIGN_INSERTS)
def test_a_row_can_not_be_written_for_another_tenant(table: str, stranger: Any, tenant: str) -> None:
    insert = text(FOREIGN_INSERTS[table])
    with stranger.begin_nested() as savepoint:
        stranger.execute(insert, {"t": f"{tenant}b"})
        savepoint.rollback()
    with pytest.raises(ProgrammingError, match="row-level security"):
        stranger.execute(insert, {"t": tenant})


@pytest.mark.parametrize("table", ["lamps", "lights", "inbox", "inbox_heads"])
def test_another_tenants_rows_can_not_be_changed(table: str, kit: ServiceKit, stranger: Any, tenant: str) -> None:
    assert stranger.execute(text(f"UPDATE {table} SET tenant_id = tenant_id")).rowcount == 0
    with kit.transaction(tenant) as db, pytest.raises(ProgrammingError, match="row-level security"):
        db.execute(text(f"UPDATE {table} SET tenant_id = 'elsewhere'"))


def test_another_tenants_numbers_can_not_be_raised(kit: ServiceKit, stranger: Any, tenant: str) -> None:
    assert stranger.execute(text("UPDATE numbers SET last = last + 1")).rowcount == 0
    with kit.transaction(tenant) as db, pytest.raises(ProgrammingError, match="permission denied"):
        db.execute(text("UPDATE numbers SET tenant_id = 'elsewhere'"))


# What the application role may not do at all, not even in its own tenant


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "INSERT INTO audit_log (tenant_id, actor) VALUES ('a', 'nobody')",
        "DELETE FROM outbox",
        "UPDATE outbox SET data = '{}'",
        "UPDATE outbox SET position = 1",
        "DELETE FROM outbox_heads",
        "DELETE FROM inbox_heads",
        "DELETE FROM numbers",
        "UPDATE idempotency_keys SET body = ''",
        "DELETE FROM idempotency_keys",
        "SELECT position FROM relay_state",
        "UPDATE feed_checkpoints SET position = 0",
        "ALTER TABLE lamps DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE lamps DISABLE TRIGGER audit",
        "DROP POLICY tenant ON lamps",
        "DROP TABLE lamps",
        "CREATE TABLE mine ()",
        "SET ROLE beta_owner",
        "SET session_replication_role = replica",
        "SELECT jalsa_audit()",
    ],
)
def test_the_application_may_not(statement: str, kit: ServiceKit, tenant: str) -> None:
    with kit.transaction(tenant) as db:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner|only be called as triggers"):
            db.execute(text(statement))
        db.rollback()


def test_row_security_can_not_be_switched_off_by_a_setting(kit: ServiceKit, tenant: str) -> None:
    with kit.transaction(f"{tenant}b") as db:
        db.execute(text("SET LOCAL row_security = off"))
        with pytest.raises(DBAPIError, match="row-level security"):
            count(db, "lamps")
        db.rollback()


def test_every_change_of_a_record_leaves_one_audit_row(kit: ServiceKit, tenant: str) -> None:
    with kit.transaction(tenant) as db:
        db.execute(text("UPDATE lamps SET level = 2"))
        db.execute(text("DELETE FROM lamps"))
    read = text("SELECT action, before->>'level' AS before, after->>'level' AS after, actor FROM audit_log ORDER BY id")
    with kit.transaction(tenant) as db:
        rows = [tuple(row) for row in db.execute(read)]
    assert rows == [
        ("INSERT", None, "1", "system:test"),
        ("UPDATE", "1", "2", "system:test"),
        ("DELETE", "2", None, "system:test"),
    ]


def test_a_change_that_is_rolled_back_leaves_none(kit: ServiceKit, tenant: str) -> None:
    with kit.transaction(tenant) as db:
        db.execute(text("UPDATE lamps SET level = 2"))
        db.rollback()
    with kit.transaction(tenant) as db:
        assert count(db, "audit_log") == 1


# The tenant of our own services


@pytest.mark.parametrize("table", TABLES)
def test_under_every_tenant_the_event_log_and_heads_can_be_read_and_nothing_else(table: str, kit: ServiceKit) -> None:
    with kit.transaction("*") as db:
        assert count(db, table) == {"outbox": 1, "inbox_heads": 2}.get(table, 0)


def test_under_every_tenant_nothing_can_be_written_for_one(kit: ServiceKit, tenant: str) -> None:
    with kit.transaction("*") as db:
        with pytest.raises(ProgrammingError, match="row-level security"):
            db.execute(text(FOREIGN_INSERTS["outbox"]), {"t": tenant})
        db.rollback()
        begin = text("SELECT set_config('jalsa.tenant', '*', true)")
        db.execute(begin)
        with pytest.raises(ProgrammingError, match="permission denied"):
            db.execute(text("UPDATE outbox SET data = '{}'"))
        db.rollback()


# The relay's role


@pytest.fixture
def relay(kit: ServiceKit) -> Iterator[Connection]:
    with kit.relay.engine.connect() as conn:
        yield conn


def test_the_relay_sees_every_tenants_events_and_what_is_due(relay: Connection) -> None:
    assert count(relay, "outbox") == 1
    assert count(relay, "inbox_heads") == 2
    assert relay.execute(text("SELECT state FROM inbox")).scalars().all() == ["waiting"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT envelope FROM inbox",
        "SELECT error FROM inbox",
        "SELECT * FROM inbox",
        "UPDATE inbox SET state = 'waiting'",
        "DELETE FROM inbox",
        "UPDATE inbox_heads SET last = 9",
        "UPDATE outbox SET data = '{}'",
        "UPDATE outbox SET tenant_id = 'x'",
        "DELETE FROM outbox",
        "SELECT * FROM lamps",
        "SELECT * FROM lights",
        "SELECT * FROM audit_log",
        "SELECT * FROM numbers",
        "SELECT body FROM idempotency_keys",
        "SELECT key FROM idempotency_keys",
        "DELETE FROM relay_state",
        "INSERT INTO relay_state VALUES ('place', 1)",
        "CREATE TABLE mine ()",
    ],
)
def test_the_relay_may_not(statement: str, relay: Connection) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        relay.execute(text(statement))
