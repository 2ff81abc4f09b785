"""The migrations, there and back."""

import psycopg
from sqlalchemy import text

from billing.app import SERVICE
from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.kit import ServiceKit
from jalsa.dev.schema_checks import assert_no_key_is_shared_by_tenants, assert_numbers_are_guarded, back_to
from jalsa.service.ids import new_id

from .factories import Office


def _tables(kit: ServiceKit) -> set[str]:
    with psycopg.connect(kit.config.database_owner_url) as owner:
        rows = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows} - {"alembic_version"}


def test_the_migrations_go_up_down_and_up_again(scratch_kit: ServiceKit, tenant: str) -> None:
    owner_url, folder = scratch_kit.config.database_owner_url, migrations_folder(SERVICE)
    before = _tables(scratch_kit)
    assert {
        "prices",
        "invoices",
        "invoice_lines",
        "payments",
        "clearances",
        "packages",
        "clinics",
    } <= before
    migrate(folder, owner_url, "base")
    assert _tables(scratch_kit) == set()
    migrate(folder, owner_url)
    assert _tables(scratch_kit) == before
    _, invoice = Office(scratch_kit, tenant).book_and_issue()
    assert invoice["status"] == "ISSUED"


def test_packages_go_and_come_back_and_their_invoices_stay(scratch_kit: ServiceKit, tenant: str) -> None:
    owner_url, folder = scratch_kit.config.database_owner_url, migrations_folder(SERVICE)
    office = Office(scratch_kit, tenant)
    office.set_price()
    invoice = office.invoice(office.book(package=office.create_package().session(1)))
    migrate(folder, owner_url, back_to("0001", folder))
    assert "packages" not in _tables(scratch_kit)
    migrate(folder, owner_url)
    [kept] = office.invoices()
    assert (kept["id"], kept["total"], kept["package"]) == (invoice["id"], invoice["total"], None)


def test_patients_and_what_was_kept_of_their_events_go_and_come_back_from_the_feed_alone(
    scratch_kit: ServiceKit, tenant: str
) -> None:
    owner_url, folder = scratch_kit.config.database_owner_url, migrations_folder(SERVICE)
    patient, office = new_id(), Office(scratch_kit, tenant)
    appointment = office.book()

    def traces() -> list[int]:
        with scratch_kit.transaction(tenant) as db:
            of_patients, all_heads = (
                db.scalars(text("SELECT count(*) FROM inbox WHERE source = '/jalsa/patient-files'")).one(),
                db.scalars(text("SELECT count(*) FROM inbox_heads")).one(),
            )
            checkpoints = db.scalars(text("SELECT count(*) FROM feed_checkpoints")).one()
        return [of_patients, all_heads, checkpoints]

    def follow_patients() -> None:
        said = {"source": "/jalsa/patient-files", "subject": f"patient/{patient}", "id": new_id(), "tenant": tenant}
        with scratch_kit.relay.engine.begin() as conn:
            conn.execute(text("INSERT INTO feed_checkpoints (source, position) VALUES ('patient-files', 7)"))
        with scratch_kit.transaction(tenant) as db:
            db.execute(
                text(
                    "INSERT INTO inbox_heads (tenant_id, source, subject, last) VALUES (:tenant, :source, :subject, 2)"
                ),
                said,
            )
            db.execute(
                text("""
                    INSERT INTO inbox (id, tenant_id, source, subject, sequence, type, envelope, state)
                    VALUES (:id, :tenant, :source, :subject, 3, 'jalsa.patient-files.PatientUpdated.v1', '{}', 'dead')
                """),
                said,
            )

    follow_patients()
    migrate(folder, owner_url, back_to("0007", folder))
    assert "patients" in _tables(scratch_kit)
    assert traces() == [0, 1, 0]
    follow_patients()
    assert traces() == [1, 2, 1]
    migrate(folder, owner_url)
    assert "patients" not in _tables(scratch_kit)
    assert traces() == [0, 1, 0]
    office.cancel(appointment)
    assert office.invoice(appointment)["status"] == "VOID", "what is followed goes on where it was"


def test_every_table_forces_row_level_security_on_its_owner(scratch_kit: ServiceKit) -> None:
    with psycopg.connect(scratch_kit.config.database_owner_url) as owner:
        rows = owner.execute("""
            SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        """)
        assert rows.fetchall() == []


def test_no_tenant_is_in_anothers_way_with_a_key(kit: ServiceKit) -> None:
    assert_no_key_is_shared_by_tenants(kit)


def test_numbers_are_guarded(kit: ServiceKit, tenant: str) -> None:
    assert_numbers_are_guarded(kit, tenant)
