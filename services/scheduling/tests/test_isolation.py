"""No tenant sees or touches another's rows, with every filter of the application removed (P5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

from jalsa.db.aliases import follow_merge
from jalsa.db.numbers import gapless_number
from jalsa.db.transactions import sqlstate
from jalsa.dev.kit import ServiceKit, example
from jalsa.dev.servers import Servers
from jalsa.service.ids import new_id
from scheduling.models import CalendarLink, SeriesMember, SessionSeries, WaitlistEntry, WaitlistOffer

from .factories import Centre, Desk, at, created, ok, tenant_tables

#: Tables that hold nothing of any tenant.
WITHOUT_TENANT = {"alembic_version", "feed_checkpoints", "relay_state", "stopped_sources"}
REFUSED = {"42501"}  # insufficient privilege: by the policy, or for want of the right itself


class Tenants:
    """Two tenants, each with a row in every table that has tenants."""

    def __init__(self, kit: ServiceKit, mine: str, theirs: str) -> None:
        self.kit, self.mine, self.theirs = kit, mine, theirs
        self.desks = {tenant: populated(kit, tenant) for tenant in (mine, theirs)}


def populated(kit: ServiceKit, tenant: str) -> Desk:
    desk = Desk(Centre(kit, tenant))
    place = desk.placement(patient_id=desk.centre.create_patient(), room_id=desk.room["id"])
    participant = created(desk.centre.post("/appointments", place, Idempotency_Key="k1"))
    ok(desk.centre.post(f"/participants/{participant['id']}/confirm"))
    kit.inbox.receive(
        example(
            "FinancialClearanceChanged",
            "default",
            tenant,
            subject_id=participant["id"],
            appointment_id=participant["id"],
        )
    )
    desk.create_participant(desk.create_session(starts_at=at(8)))
    waiting = new_id()  # its first event is missing, so the second waits in the inbox
    kit.inbox.receive(example("PatientUpdated", "default", tenant, sequence=2, subject_id=waiting, patient_id=waiting))
    manager, provider = desk.centre.client(), f"/providers/{desk.provider['id']}"
    created(desk.centre.post(f"{provider}/time-off", {"starts_at": at(50).isoformat(), "ends_at": at(51).isoformat()}))
    eid = {"name_en": "Eid", "name_ar": "عيد", "starts_on": "2027-01-01", "ends_on": "2027-01-02"}
    created(desk.centre.post("/closures", eid))
    ok(manager.put("/settings", ok(manager.get("/settings"))))
    desk.create_package(start_date=at(60).date().isoformat())
    with kit.transaction(tenant) as db:
        gapless_number(db, "TEST")
        follow_merge(db, new_id(), new_id(), at())
        add_series_and_waitlist(db, desk)
    return desk


def add_series_and_waitlist(db: Session, desk: Desk) -> None:
    """A row in each of their tables, and in that of the calendar links."""
    made: dict[str, Any] = {"created_at": at(), "created_by": "tester"}
    group = desk.create_session(starts_at=at(5))
    service = {"service_type_id": UUID(desk.service_type["id"])}
    whom = {"clinic_id": UUID(desk.clinic["id"]), "provider_id": UUID(desk.provider["id"])}
    series = SessionSeries(
        **made, **service, **whom, starts_on=at().date(), start_time=at().time(), duration_minutes=60, rrule="",
        exceptions=[], max_capacity=3,
    )  # fmt: skip
    entry = WaitlistEntry(**made, **service, patient_id=new_id(), session_id=UUID(group["id"]), priority=3)
    link = CalendarLink(**made, provider_id=whom["provider_id"], token_hash=b"hash")
    db.add_all([series, entry, link])
    db.flush()
    member = SeriesMember(
        series_id=series.id, patient_id=new_id(), joined_on=at().date(), joined_at=at(), joined_by="tester"
    )
    offer = WaitlistOffer(
        entry_id=entry.id, session_id=UUID(group["id"]), patient_id=new_id(), offered_at=at(), expires_at=at(2)
    )
    db.add_all([member, offer])


@pytest.fixture(scope="module")
def tenants(kit: ServiceKit) -> Tenants:
    stem = str(new_id())[-12:]
    return Tenants(kit, f"mine{stem}", f"theirs{stem}")


@contextmanager
def superuser(kit: ServiceKit, servers: Servers) -> Iterator[Connection]:
    """The cluster's superuser in the service's database. Row-level security does not hold for it."""
    url = make_url(servers.postgres.url).set(drivername="postgresql", database=_database(kit))
    engine = create_engine(url)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def _database(kit: ServiceKit) -> str | None:
    return make_url(kit.config.database_url).database


def seen(db: Session | Connection, table: str) -> set[str]:
    """The tenants whose rows a query without any filter returns."""
    return set(db.execute(text(f"SELECT DISTINCT tenant_id FROM (SELECT * FROM {table}) AS everything")).scalars())


def seen_anywhere(db: Session | Connection) -> set[str]:
    """The tenants of which any table at all shows a row."""
    none: set[str] = set()
    return none.union(*(seen(db, table) for table in tenant_tables(db)))


def test_each_tenant_sees_its_own_rows_and_no_others_in_every_table(tenants: Tenants) -> None:
    for tenant in (tenants.mine, tenants.theirs):
        with tenants.kit.transaction(tenant) as db:
            tables = tenant_tables(db)
            assert len(tables) >= 17
            assert [table for table in tables if seen(db, table) != {tenant}] == []


def test_control_without_row_level_security_the_rows_of_both_are_there(tenants: Tenants, servers: Servers) -> None:
    with superuser(tenants.kit, servers) as conn:
        for table in tenant_tables(conn):
            assert seen(conn, table) >= {tenants.mine, tenants.theirs}, table


@pytest.mark.parametrize("setting", [None, "", "nobody", "%", "mine%' OR true --"])
def test_without_a_tenant_no_row_is_seen(tenants: Tenants, setting: str | None) -> None:
    engine = create_engine(tenants.kit.config.database_url)
    with engine.connect() as conn:
        if setting is not None:
            conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": setting})
        assert seen_anywhere(conn) == set()
    engine.dispose()


def test_a_tenant_set_for_one_transaction_is_forgotten_by_the_next(tenants: Tenants) -> None:
    engine = create_engine(tenants.kit.config.database_url, pool_size=1, max_overflow=0)
    with engine.begin() as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": tenants.mine})
        assert seen(conn, "clinics") == {tenants.mine}
    with engine.begin() as conn:
        assert seen(conn, "clinics") == set()
    engine.dispose()


def test_our_own_services_see_the_event_log_of_all_and_nothing_else(tenants: Tenants) -> None:
    with tenants.kit.transaction("*") as db:
        for table in tenant_tables(db):
            expected = {tenants.mine, tenants.theirs} if table in ("outbox", "inbox_heads") else set()
            assert seen(db, table) >= expected, table
            assert expected or not seen(db, table), table


def test_every_table_with_tenants_forces_row_level_security_and_every_other_is_known(tenants: Tenants) -> None:
    with tenants.kit.transaction(tenants.mine) as db:
        rows = db.execute(
            text("""
                SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            """)
        ).all()
        forced = {name for name, secure in rows if secure}
        assert forced == set(tenant_tables(db))
        assert {name for name, _ in rows} - forced == WITHOUT_TENANT


def test_the_owner_of_the_tables_sees_no_tenant_either(tenants: Tenants) -> None:
    owner = create_engine(tenants.kit.config.database_owner_url)
    with owner.connect() as conn:
        assert seen_anywhere(conn) == set()
    owner.dispose()


def test_the_application_owns_nothing_and_may_not_bypass_or_define_anything(tenants: Tenants) -> None:
    with tenants.kit.transaction(tenants.mine) as db:
        rights = db.execute(
            text("""
                SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb,
                       has_schema_privilege('public', 'CREATE'),
                       EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
                FROM pg_roles WHERE rolname = current_user
            """)
        ).one()
    assert tuple(rights) == (False, False, False)


def outcome(kit: ServiceKit, tenant: str, statement: str, **values: Any) -> int | str | None:
    """The number of rows that a statement touched under the tenant, or the state of the error that refused it."""
    try:
        with kit.transaction(tenant) as db:
            return db.execute(text(statement), values).rowcount  # type: ignore[attr-defined, no-any-return]
    except DBAPIError as error:
        return sqlstate(error)


def test_no_row_of_another_tenant_can_be_changed_or_deleted_in_any_table(tenants: Tenants) -> None:
    with tenants.kit.transaction(tenants.mine) as db:
        tables = tenant_tables(db)
    before = tenants.desks[tenants.theirs].centre.state()
    for table in tables:
        for statement in (
            f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = :theirs",
            f"UPDATE {table} SET tenant_id = :mine WHERE tenant_id = :theirs",
            f"DELETE FROM {table} WHERE tenant_id = :theirs",
        ):
            values = {"mine": tenants.mine, "theirs": tenants.theirs}
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            assert outcome(tenants.kit, tenants.mine, statement, **names) in {0, *REFUSED}, statement
    assert tenants.desks[tenants.theirs].centre.state() == before


def test_no_row_can_be_given_to_another_tenant_in_any_table(tenants: Tenants) -> None:
    with tenants.kit.transaction(tenants.mine) as db:
        tables = tenant_tables(db)
    for table in tables:
        statement = f"UPDATE {table} SET tenant_id = :theirs"
        assert outcome(tenants.kit, tenants.mine, statement, theirs=tenants.theirs) in REFUSED, table


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO patients (id, tenant_id, file_number, active) VALUES (gen_random_uuid(), :theirs, 'F', true)",
        """INSERT INTO clinics (id, tenant_id, code, name_en, name_ar, timezone, active)
           VALUES (gen_random_uuid(), :theirs, 'X', 'X', 'X', 'UTC', true)""",
        """INSERT INTO outbox_heads (tenant_id, subject, last) VALUES (:theirs, 'clinic/x', 1)""",
    ],
)
def test_no_row_can_be_written_for_another_tenant(tenants: Tenants, statement: str) -> None:
    before = tenants.desks[tenants.theirs].centre.state()
    with pytest.raises(ProgrammingError, match="row-level security"), tenants.kit.transaction(tenants.mine) as db:
        db.execute(text(statement), {"theirs": tenants.theirs})
    assert tenants.desks[tenants.theirs].centre.state() == before


def test_no_row_can_refer_to_another_tenants(tenants: Tenants) -> None:
    clinic = tenants.desks[tenants.theirs].clinic["id"]
    room = "INSERT INTO rooms (id, clinic_id, name, active) VALUES (gen_random_uuid(), :clinic, 'R', true)"
    assert outcome(tenants.kit, tenants.mine, room, clinic=clinic) == "23503"  # foreign key
    assert outcome(tenants.kit, tenants.theirs, room, clinic=clinic) == 1


def test_the_same_patient_id_in_two_tenants_is_two_patients(kit: ServiceKit, tenant: str) -> None:
    shared = new_id()
    for name, active in ((tenant, True), (f"{tenant}b", False)):
        Centre(kit, name).save_patient(shared, active=active)
    desk = Desk(Centre(kit, tenant))
    assert desk.create_appointment(patient_id=str(shared))["patient_id"] == str(shared)
