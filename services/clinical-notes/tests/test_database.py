"""What the database itself holds, whatever the application does: signed notes, and the schema up and down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from clinical_notes.models import Base
from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.kit import ServiceKit
from jalsa.dev.schema_checks import assert_no_key_is_shared_by_tenants, assert_numbers_are_guarded

from .factories import Story

CHANGES = {
    "content": "content = 'other'",
    "signature": "signed_by = 'somebody else'",
    "time": "signed_at = now()",
    "version": "version = version + 1",
    "status": "status = 'DRAFT', signed_at = NULL, signed_by = NULL",
}


def execute(kit: ServiceKit, tenant: str, statement: str, **values: Any) -> int:
    """Run a statement under the application's role. Returns how many rows it changed."""
    with kit.transaction(tenant) as db:
        return int(db.connection().execute(text(statement), values).rowcount)


@contextmanager
def as_owner(kit: ServiceKit, tenant: str = "") -> Iterator[Connection]:
    """A transaction under the role that owns the tables."""
    with create_engine(kit.config.database_owner_url, poolclass=NullPool).begin() as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": tenant})
        yield conn


@pytest.mark.parametrize("change", CHANGES)
def test_the_database_refuses_every_change_of_a_signed_note(group: Story, change: str) -> None:
    note = group.create_signed_note()
    with pytest.raises(IntegrityError) as refusal:
        execute(group.kit, group.tenant, f"UPDATE notes SET {CHANGES[change]} WHERE id = :id", id=note["id"])
    assert refusal.value.orig.diag.constraint_name == "notes_signed"  # type: ignore[union-attr]


def test_without_its_trigger_a_signed_note_could_be_changed(scratch_kit: ServiceKit, tenant: str) -> None:
    note = Story(scratch_kit, tenant).told().create_signed_note()
    with as_owner(scratch_kit) as conn:
        conn.execute(text("DROP TRIGGER keep_signed ON notes"))
    for change in CHANGES.values():
        assert execute(scratch_kit, tenant, f"UPDATE notes SET {change} WHERE id = :id", id=note["id"]) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM notes",
        "TRUNCATE notes",
        "UPDATE notes SET session_id = session_id",
        "UPDATE notes SET participant_id = NULL, scope = 'GROUP'",
        "UPDATE notes SET provider_id = gen_random_uuid()",
        "UPDATE notes SET tenant_id = 'other'",
        "UPDATE notes SET created_by = 'other'",
        "ALTER TABLE notes DISABLE TRIGGER keep_signed",
        "DROP TRIGGER keep_signed ON notes",
        "SET session_replication_role = replica",
        "UPDATE audit_log SET actor = 'other'",
    ],
)
def test_the_applications_role_may_not_get_around_it(group: Story, statement: str) -> None:
    group.create_note()
    with pytest.raises(ProgrammingError) as refusal:
        execute(group.kit, group.tenant, statement)
    assert refusal.value.orig.sqlstate == "42501"  # type: ignore[union-attr]


def test_not_even_the_owner_changes_or_deletes_a_signed_note(group: Story) -> None:
    note = group.create_signed_note()
    for change in ("UPDATE notes SET content = 'other' WHERE id = :id", "DELETE FROM notes WHERE id = :id"):
        with as_owner(group.kit, group.tenant) as conn, pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(text(change), {"id": note["id"]})


def test_the_database_answers_for_scope_and_size(group: Story) -> None:
    insert = """
        INSERT INTO notes (id, discipline, scope, session_id, participant_id, provider_id, content, status, version,
                           created_at, created_by, updated_at)
        VALUES (gen_random_uuid(), 'OT', :scope, :session, :participant, gen_random_uuid(), :content, 'DRAFT', 1,
                now(), 'x', now())
    """
    good: dict[str, Any] = {
        "scope": "INDIVIDUAL",
        "session": group.session_id,
        "participant": group.participant_id,
        "content": "x",
    }
    wrong = ({"scope": "GROUP"}, {"participant": None}, {"content": ""}, {"content": "x" * 20_001})
    for change in wrong:
        with pytest.raises(IntegrityError):
            execute(group.kit, group.tenant, insert, **{**good, **change})
    assert execute(group.kit, group.tenant, insert, **good) == 1


def test_migrations_go_up_down_and_up_again(scratch_kit: ServiceKit) -> None:
    folder, url = migrations_folder(scratch_kit.service), scratch_kit.config.database_owner_url
    first = schema_of(scratch_kit)
    migrate(folder, url, "base")
    assert schema_of(scratch_kit) == {("alembic_version", "version_num", "NO")}
    with as_owner(scratch_kit) as conn:
        left = text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        assert conn.execute(left).scalar_one() == 0
    migrate(folder, url)
    assert schema_of(scratch_kit) == first


def test_the_models_are_the_tables(kit: ServiceKit) -> None:
    stored = schema_of(kit)
    for table in Base.metadata.sorted_tables:
        declared = {(table.name, c.name, "YES" if c.nullable else "NO") for c in table.columns}
        assert declared == {row for row in stored if row[0] == table.name}


def schema_of(kit: ServiceKit) -> set[tuple[str, str, str]]:
    """Every column of every table, and whether it may be null."""
    query = text(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
    )
    with as_owner(kit) as conn:
        return {(row[0], row[1], row[2]) for row in conn.execute(query)}


def test_without_row_level_security_a_note_would_be_found_by_another_tenant(
    scratch_kit: ServiceKit, tenant: str
) -> None:
    note = Story(scratch_kit, tenant).told().create_signed_note()
    stranger = scratch_kit.client(f"{tenant}x", "manager")
    assert stranger.get(f"/notes/{note['id']}").status_code == 404
    with as_owner(scratch_kit) as conn:
        conn.execute(text("ALTER TABLE notes DISABLE ROW LEVEL SECURITY"))
    assert stranger.get(f"/notes/{note['id']}").status_code == 200


def test_no_tenant_is_in_anothers_way_with_a_key(kit: ServiceKit) -> None:
    assert_no_key_is_shared_by_tenants(kit)


def test_numbers_are_guarded(kit: ServiceKit, tenant: str) -> None:
    assert_numbers_are_guarded(kit, tenant)
