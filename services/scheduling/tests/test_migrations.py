"""The migrations go up, down and up again, and leave nothing behind. The database agrees with the code."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.kit import ServiceKit
from jalsa.dev.schema_checks import assert_no_key_is_shared_by_tenants, assert_numbers_are_guarded, back_to
from jalsa.dev.servers import Servers
from jalsa.service.states import StateMachine
from scheduling import domain
from scheduling.app import SERVICE

from .factories import Centre, Desk, at, ok
from .waiting import WaitingDesk

#: Whose ids scheduling makes itself. Those of patients and clearances come from others.

# everything that a migration could create in our schema, with what it may be used for
_THINGS = text("""
    SELECT 'relation', relname::text, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'function', proname, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type', typname, typacl::text FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT 'policy', polname, NULL FROM pg_policy
    UNION ALL SELECT 'extension', extname, NULL FROM pg_extension
    UNION ALL SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT 'default', defaclobjtype::text, defaclacl::text FROM pg_default_acl
""")


@pytest.fixture
def connect(servers: Servers, scratch_kit: ServiceKit) -> Callable[..., object]:
    """A connection as the superuser, who sees everything."""
    database = make_url(scratch_kit.config.database_url).database

    @contextmanager
    def make() -> Iterator[Connection]:
        engine = create_engine(make_url(servers.postgres.url).set(drivername="postgresql", database=database))
        with engine.connect() as conn:
            yield conn
        engine.dispose()

    return make


def things(conn: Connection) -> set[tuple[str, str, str | None]]:
    return {(row[0], row[1], row[2]) for row in conn.execute(_THINGS) if "alembic_version" not in row[1]}


def test_down_and_up_again_leave_no_residue_and_miss_nothing(scratch_kit: ServiceKit, tenant: str, connect) -> None:  # type: ignore[no-untyped-def]
    folder, owner = migrations_folder(SERVICE), scratch_kit.config.database_owner_url
    with connect() as conn:
        up = things(conn)
    Desk(Centre(scratch_kit, tenant)).create_appointment()  # also with rows, and with what rows bring into being
    scratch_kit.database.dispose()

    migrate(folder, owner, "base")
    with connect() as conn:
        left = {thing for thing in things(conn) if thing[0] not in ("schema", "extension")}
        assert left == set()
        schema = conn.execute(text("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'")).scalar_one()
        assert "scheduling_app" not in (schema or "")

    migrate(folder, owner)
    with connect() as conn:
        assert things(conn) == up
    Desk(Centre(scratch_kit, f"{tenant}b")).create_appointment()


def test_an_existing_database_knows_afterwards_when_its_series_have_their_sessions(
    scratch_kit: ServiceKit, tenant: str, connect: Callable[..., AbstractContextManager[Connection]]
) -> None:
    desk = WaitingDesk(Centre(scratch_kit, tenant))
    sessions = desk.series_sessions(desk.create_series())
    ok(desk.move(sessions[2], "reschedule", starts_at=at(5)))
    fulfilled = desk.wait()
    desk.create_participant(sessions[0], fulfilled["patient_id"])
    scratch_kit.database.dispose()
    folder, owner = migrations_folder(SERVICE), scratch_kit.config.database_owner_url
    later = sum(path.name >= "0005" for path in (folder / "versions").glob("[0-9]*.py"))
    migrate(folder, owner, f"-{later}")
    migrate(folder, owner)
    with connect() as conn:
        rows = conn.execute(text("SELECT series_starts_at FROM sessions ORDER BY occurs_on")).scalars()
        assert list(rows) == [datetime.fromisoformat(session["starts_at"]) for session in sessions]
    assert desk.statuses(fulfilled) == ["CANCELLED"]  # the older one knew no better
    kept = ok(desk.move(sessions[1], "reschedule", room_id=desk.room["id"], scope="ALL"))["kept"]
    assert [one["id"] for one in kept] == [sessions[2]["id"]]


def test_an_existing_database_is_upgraded_although_a_clinics_zone_is_none_that_it_knows(
    scratch_kit: ServiceKit, tenant: str, connect: Callable[..., AbstractContextManager[Connection]]
) -> None:
    """Python knows zones of its machine (`localtime`) of which the database knows nothing. They were let in once."""
    desk = Desk(Centre(scratch_kit, tenant))
    sessions = desk.series_sessions(desk.create_series())
    ok(desk.move(sessions[2], "reschedule", starts_at=at(5)))
    scratch_kit.database.dispose()
    folder, owner = migrations_folder(SERVICE), scratch_kit.config.database_owner_url
    migrate(folder, owner, back_to("0004", folder))
    with connect() as conn:
        conn.execute(text("ALTER TABLE clinics DISABLE TRIGGER audit"))
        conn.execute(text("UPDATE clinics SET timezone = 'Here/Unknown'"))
        conn.execute(text("ALTER TABLE clinics ENABLE TRIGGER audit"))
        conn.commit()
    migrate(folder, owner)
    with connect() as conn:
        apart = text("SELECT count(*) FROM sessions WHERE series_starts_at <> starts_at")
        assert conn.execute(apart).scalar_one() == 0
    clinic = desk.centre.get(f"/clinics/{desk.clinic['id']}")
    assert ok(clinic)["timezone"] == "Here/Unknown"
    body = {"timezone": "Asia/Riyadh", "reason": "a zone of the old server"}
    corrected = desk.centre.client().patch(f"/clinics/{desk.clinic['id']}", body, clinic.headers["ETag"])
    assert ok(corrected)["timezone"] == "Asia/Riyadh"


def allowed(kit: ServiceKit, constraint: str) -> set[str]:
    """The values that a CHECK of the form `column IN (…)` lets pass."""
    with kit.transaction("anybody") as db:
        definition = db.execute(
            text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"), {"name": constraint}
        ).scalar_one()
    return set(definition.split("'")[1::2])


@pytest.mark.parametrize(
    ("constraint", "machine"),
    [
        ("sessions_status_check", domain.SESSION),
        ("participants_status_check", domain.PARTICIPANT),
        ("packages_status_check", domain.PACKAGE),
        ("package_sessions_status_check", domain.PACKAGE_SESSION),
        ("waitlist_entries_status_check", domain.ENTRY),
        ("waitlist_offers_status_check", domain.OFFER),
    ],
)
def test_the_database_knows_the_states_of_the_tables_in_the_code(
    kit: ServiceKit, constraint: str, machine: StateMachine
) -> None:
    assert allowed(kit, constraint) == set(machine.states)


def test_the_database_counts_as_live_what_the_domain_does(desk: Desk) -> None:
    participant = desk.create_appointment()
    live = set()
    set_status = text("""
        UPDATE participants SET status = CAST(:status AS text),
          cancelled_at = CASE WHEN :status = 'CANCELLED' THEN now() END,
          arrived_at = CASE WHEN :status IN ('ARRIVED', 'ATTENDED') THEN now() END,
          arrived_cleared = true, arrived_consented = true,
          attended_at = CASE WHEN :status = 'ATTENDED' THEN now() END,
          confirmed_at = CASE WHEN :status <> 'BOOKED' THEN now() END,
          no_show_at = CASE WHEN :status = 'NO_SHOW' THEN now() END
        WHERE id = :id RETURNING live
    """)
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        for status in domain.PARTICIPANT.states:
            if db.execute(set_status, {"status": status, "id": participant["id"]}).scalar_one():
                live.add(status)
    assert live == set(domain.LIVE_PARTICIPANT)


def test_every_constraint_that_has_a_problem_of_its_own_exists(kit: ServiceKit) -> None:
    with kit.transaction("anybody") as db:
        names = set(db.execute(text("SELECT conname FROM pg_constraint")).scalars())
        names |= set(db.execute(text("SELECT relname FROM pg_class WHERE relkind = 'i'")).scalars())
        raised = db.execute(text("SELECT string_agg(prosrc, '') FROM pg_proc WHERE proname ~ '^check_'")).scalar_one()
    assert {name for name in SERVICE.constraints if name not in names and f"'{name}'" not in raised} == set()


def test_no_tenant_is_in_anothers_way_with_a_key(kit: ServiceKit) -> None:
    assert_no_key_is_shared_by_tenants(kit)


def test_numbers_are_guarded(kit: ServiceKit, tenant: str) -> None:
    assert_numbers_are_guarded(kit, tenant)
