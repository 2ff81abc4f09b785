"""The schema goes up, down without a trace, and up again to the same."""

import secrets

from sqlalchemy import Engine, create_engine, text

from jalsa.cli import migrations_folder
from jalsa.migrate import migrate
from jalsa.provision import drop_database, provision
from jalsa.testing.kit import ServiceKit
from jalsa.testing.servers import Servers
from notifications.app import SERVICE
from notifications.models import Base

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


def _schema(engine: Engine) -> list[list[tuple[object, ...]]]:
    with engine.connect() as conn:
        parts = (_COLUMNS, _CONSTRAINTS, _POLICIES, _TRIGGERS, _GRANTS, _FUNCTIONS)
        return [[tuple(map(str, row)) for row in conn.execute(text(part))] for part in parts]


def test_up_down_and_up_again(servers: Servers) -> None:
    name = f"notifications_{secrets.token_hex(4)}"
    urls = provision(servers.postgres.url, name, secret="test", service="notifications")
    folder, engine = migrations_folder(SERVICE), create_engine(urls.owner)
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


def test_every_table_of_the_models_exists_with_its_columns_and_forces_row_level_security(kit: ServiceKit) -> None:
    with kit.database.engine.connect() as conn:
        stored = {(row.table_name, row.column_name) for row in conn.execute(text(_COLUMNS))}
        forced = set(
            conn.execute(text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")).scalars()
        )
    for table in Base.metadata.tables.values():
        assert {(table.name, column.name) for column in table.columns} == {c for c in stored if c[0] == table.name}
    assert len(Base.metadata.tables) == 9
    assert set(Base.metadata.tables) <= forced
