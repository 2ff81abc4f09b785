"""Checks that migrations go up, down without a trace and up again to the same, and agree with the models."""

import secrets
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.kit import ServiceKit
from jalsa.dev.provision import drop_database, provision
from jalsa.dev.servers import Servers
from jalsa.service.declaration import Service

_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2
"""
_POLICIES = "SELECT tablename, policyname, roles, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
_TRIGGERS = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
_GRANTS = """
    SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2, 3
"""
_FUNCTIONS = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
_KEYS_WITHOUT_TENANT = """
    SELECT c.relname AS table_name, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
    WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace
      AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
    GROUP BY i.indexrelid, c.relname HAVING NOT bool_or(a.attname = 'tenant_id')
"""
_AGAINST_NUMBERS = {
    "INSERT INTO numbers VALUES (current_setting('jalsa.tenant'), 'guarded', 2)": "begins at 1 and rises by 1",
    "INSERT INTO numbers VALUES (current_setting('jalsa.tenant'), 'guarded', 1);"
    "UPDATE numbers SET last = 3 WHERE kind = 'guarded'": "begins at 1 and rises by 1",
    "UPDATE numbers SET kind = 'other'": "permission denied",
    "DELETE FROM numbers": "permission denied",
    "SELECT loose_number('GUARDED', 2026)": "there are no such numbers",
}
_OF_THE_APP = ("loose_number(text, int)", "jalsa_audit()")
_MAY_RUN = "SELECT has_function_privilege(CAST(:name AS text), 'EXECUTE')"
_PARTS = (_COLUMNS, _CONSTRAINTS, _POLICIES, _TRIGGERS, _GRANTS, _FUNCTIONS)


def assert_migrations_go_both_ways(service: Service, servers: Servers) -> None:
    """The migrations go up, down and up again in a database of its own.

    Going down leaves nothing, and going up again makes the same.
    """
    stem = service.name.replace("-", "_")
    name = f"{stem}_{secrets.token_hex(4)}"
    urls = provision(servers.postgres.url, name, secret="test", service=stem)
    folder, engine = migrations_folder(service), create_engine(urls.owner)
    try:
        empty = _schema(engine)
        migrate(folder, urls.owner)
        full = _schema(engine)
        migrate(folder, urls.owner, "base")
        assert _schema(engine) == empty
        migrate(folder, urls.owner)
        assert _schema(engine) == full
        assert full != empty
    finally:
        engine.dispose()
        drop_database(servers.postgres.url, name)


def back_to(revision: str, folder: Path) -> str:
    """The way back to a revision, however many have come since: for `migrate`."""
    later = [file for file in (folder / "versions").glob("[0-9]*.py") if file.name[: len(revision)] > revision]
    return f"-{len(later)}"


def assert_no_key_is_shared_by_tenants(kit: ServiceKit) -> None:
    """Every primary key has the tenant in it, so that no tenant can be in another's way.

    Only the mechanisms' own rows have `id` alone as their key, because the service makes these ids, and the feed and
    the relay read them across tenants.
    """
    with kit.database.engine.connect() as conn:
        shared = {(row.table_name, row.columns) for row in conn.execute(text(_KEYS_WITHOUT_TENANT))}
    allowed = {(name, "id") for name in ("outbox", "inbox", "audit_log")}
    wrong = sorted(shared - allowed)
    assert not wrong, wrong


def assert_tables_are_as_the_models_say(kit: ServiceKit, base: type[DeclarativeBase]) -> None:
    """Every table of the models exists with exactly its columns, and forces row-level security."""
    with kit.database.engine.connect() as conn:
        stored = {(row.table_name, row.column_name) for row in conn.execute(text(_COLUMNS))}
        forced = set(
            conn.execute(text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")).scalars()
        )
    tables = base.metadata.tables
    assert tables
    for table in tables.values():
        assert {(table.name, column.name) for column in table.columns} == {c for c in stored if c[0] == table.name}
    assert set(tables) <= forced


def assert_numbers_are_guarded(kit: ServiceKit, tenant: str) -> None:
    """Counters begin at 1 and rise by 1, whoever asks. Loose numbers are of known kinds, and nothing is PUBLIC's."""
    for statement, complaint in _AGAINST_NUMBERS.items():
        with kit.transaction(tenant) as db:
            with pytest.raises(DBAPIError, match=complaint):
                db.execute(text(statement))
            db.rollback()
    with kit.relay.engine.connect() as conn:
        open_to_all = [name for name in _OF_THE_APP if conn.execute(text(_MAY_RUN), {"name": name}).scalar_one()]
    assert not open_to_all, open_to_all


def _schema(engine: Engine) -> list[list[tuple[object, ...]]]:
    with engine.connect() as conn:
        return [[tuple(map(str, row)) for row in conn.execute(text(part))] for part in _PARTS]
