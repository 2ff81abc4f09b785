"""What was stored before identities were kept, and what the version before writes while it still runs."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.provision import Urls, drop_database, provision
from jalsa.dev.schema_checks import back_to
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE

FOLDER = migrations_folder(SERVICE)
REGISTER = text("""
    INSERT INTO patients (id, first_name_en, last_name_en, national_id, date_of_birth, sex, phone, preferred_language,
                          active, created_at)
    VALUES (:id, 'Sara', 'Nasser', :national_id, '2015-04-30', 'F', :phone, 'ar', true,
            timestamptz '2026-01-01' + :nth * interval '1 day')
""")
SETTINGS = text("""
    SELECT set_config('jalsa.tenant', :tenant, true), set_config('jalsa.actor', 'mona', true),
           set_config('jalsa.request', 'r', true)
""")


@pytest.fixture
def urls(servers: Servers) -> Iterator[Urls]:
    """A database as the version before has it."""
    name = f"patient_files_{secrets.token_hex(4)}"
    made = provision(servers.postgres.url, name, secret="test", service="patient_files")
    migrate(FOLDER, made.owner, "0005")
    yield made
    drop_database(servers.postgres.url, name)


@pytest.fixture
def engine(urls: Urls) -> Iterator[Engine]:
    made = create_engine(urls.app)
    yield made
    made.dispose()


def register(conn: Connection, tenant: str, nth: int, national_id: str | None, phone: str | None = None) -> UUID:
    """As the version before does it."""
    conn.execute(SETTINGS, {"tenant": tenant})
    patient_id = uuid4()
    conn.execute(REGISTER, {"id": patient_id, "nth": nth, "national_id": national_id, "phone": phone})
    return patient_id


def rows(engine: Engine, tenant: str, statement: str) -> Sequence[Any]:
    with engine.begin() as conn:
        conn.execute(SETTINGS, {"tenant": tenant})
        return conn.execute(text(statement)).all()


IDENTIFIERS = """
    SELECT patient_id, type, issuing_country, value, ended_by, end_reason FROM identifiers ORDER BY created_at
"""


def test_a_national_id_becomes_what_its_digits_say(urls: Urls, engine: Engine) -> None:
    numbers = ["1065432195", "2000000006", "1098765432", "AB-12345", "3012345678", None, "----"]
    with engine.begin() as conn:
        ids = [register(conn, "agdar", nth, number) for nth, number in enumerate(numbers)]

    migrate(FOLDER, urls.owner)

    assert rows(engine, "agdar", IDENTIFIERS) == [
        (ids[0], "NAT", "SA", "1065432195", None, None),
        (ids[1], "IQAMA", "SA", "2000000006", None, None),
        (ids[2], "OTHER", "ZZ", "1098765432", None, None),
        (ids[3], "OTHER", "ZZ", "AB12345", None, None),
        (ids[4], "OTHER", "ZZ", "3012345678", None, None),
    ]
    births = "SELECT birth_calendar, birth_precision, birth_value, born_from = born_to, identity_status FROM patients"
    assert set(rows(engine, "agdar", births)) == {("GREGORIAN", "DAY", "2015-04-30", True, "KNOWN")}


def test_of_two_numbers_that_are_one_the_older_registration_keeps_it(urls: Urls, engine: Engine) -> None:
    with engine.begin() as conn:
        younger = register(conn, "agdar", 2, "AB12345")
        older = register(conn, "agdar", 1, "AB-12345")
        third = register(conn, "agdar", 3, "A-B12345")
        elsewhere = register(conn, "riyadh", 3, "AB-12345")

    migrate(FOLDER, urls.owner)

    reason = f"same-number-as-patient {older}"
    assert rows(engine, "agdar", IDENTIFIERS) == [
        (older, "OTHER", "ZZ", "AB12345", None, None),
        (younger, "OTHER", "ZZ", "AB12345", "system:migration", reason),
        (third, "OTHER", "ZZ", "AB12345", "system:migration", reason),
    ]
    assert rows(engine, "riyadh", IDENTIFIERS) == [(elsewhere, "OTHER", "ZZ", "AB12345", None, None)]


def test_telephones_are_moved_with_what_they_are(urls: Urls, engine: Engine) -> None:
    with engine.begin() as conn:
        for nth, phone in enumerate(["+966500000001", "+966500000001", "+966112345678", None]):
            register(conn, "agdar", nth, None, phone)

    migrate(FOLDER, urls.owner)

    assert sorted(rows(engine, "agdar", "SELECT position, number, number_type, label FROM phones")) == [
        (1, "+966112345678", "FIXED_LINE", None),
        (1, "+966500000001", "MOBILE", None),
        (1, "+966500000001", "MOBILE", None),
    ]
    audited = "SELECT DISTINCT table_name, action FROM audit_log"
    assert rows(engine, "agdar", audited) == [("patients", "INSERT")], "what a migration moves is nobody's change"


def test_what_the_version_before_writes_while_it_still_runs_is_taken_over(urls: Urls, engine: Engine) -> None:
    migrate(FOLDER, urls.owner)
    with engine.begin() as conn:
        patient_id = register(conn, "agdar", 1, "1065432195", "+966500000001")
        register(conn, "agdar", 2, None)

    assert [(each.type, each.value) for each in rows(engine, "agdar", IDENTIFIERS)] == [("NAT", "1065432195")]
    phones = "SELECT patient_id, number, number_type FROM phones"
    assert rows(engine, "agdar", phones) == [(patient_id, "+966500000001", "MOBILE")]
    assert set(rows(engine, "agdar", "SELECT born_from::text FROM patients")) == {("2015-04-30",)}
    for phone, left in (("+966112345678", [("+966112345678",)]), (None, [])):
        with engine.begin() as conn:
            conn.execute(SETTINGS, {"tenant": "agdar"})
            conn.execute(text("UPDATE patients SET phone = :phone WHERE id = :id"), {"phone": phone, "id": patient_id})
        assert rows(engine, "agdar", "SELECT number FROM phones") == left
    with pytest.raises(IntegrityError, match=r"identifiers_value_key|patients_national_id_key"), engine.begin() as conn:
        register(conn, "agdar", 3, "106-5432195")


def test_the_way_back_gives_the_version_before_what_it_reads(urls: Urls, engine: Engine) -> None:
    with engine.begin() as conn:
        register(conn, "agdar", 1, "AB-12345", "+966500000001")
    migrate(FOLDER, urls.owner)
    with engine.begin() as conn:
        conn.execute(SETTINGS, {"tenant": "agdar"})
        conn.execute(text("UPDATE phones SET number = '+966500000002'"))
    engine.dispose()

    migrate(FOLDER, urls.owner, back_to("0005", FOLDER))

    read = "SELECT national_id, phone, date_of_birth::text FROM patients"
    assert rows(engine, "agdar", read) == [("AB12345", "+966500000002", "2015-04-30")]
