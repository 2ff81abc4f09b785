"""No tenant sees another's patients, with the control that shows that the rows are there."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.exc import ProgrammingError

from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.dev.servers import Servers
from patient_files.models import AppointmentProjection, Consent, ConsentStanding, MainFile, Patient, SubFile
from patient_files.patients import queries

Json = dict[str, Any]
Register = Callable[..., Json]

_TABLES = ("patients", "main_files", "sub_files", "appointments", "consents", "consent_standings")


@pytest.fixture
def patient(kit: ServiceKit, desk: Client, tenant: str, register: Register, consent_to: Callable[..., Json]) -> Json:
    """A patient of the test's tenant, with a consent, and with an appointment and so a sub-file."""
    patient = register(desk)
    consent_to(desk, patient)
    kit.inbox.receive(example("AppointmentBooked", "group", tenant, patient_id=patient["id"]))
    return patient


def test_another_tenants_patient_is_not_found(kit: ServiceKit, tenant: str, desk: Client, patient: Json) -> None:
    stranger = kit.client(f"{tenant}-b")
    path = f"/patients/{patient['id']}"
    before = desk.get(path)

    for answer in (
        stranger.get(path),
        stranger.get(f"{path}/file"),
        stranger.get(f"{path}/sub-files"),
        stranger.patch(path, {"active": False}, before.headers["ETag"]),
    ):
        assert (answer.status_code, (answer.json or {})["code"]) == (404, "not-found")
    assert (stranger.get("/patients").json or {})["items"] == []
    assert (stranger.get("/patients", file_number=patient["file"]["file_number"]).json or {})["items"] == []
    assert (stranger.get("/events").json or {})["items"] == []
    assert desk.get(path).json == before.json


def test_another_tenants_consent_is_not_found(kit: ServiceKit, tenant: str, desk: Client, patient: Json) -> None:
    stranger = kit.client(f"{tenant}-b")
    [consent] = (desk.get("/consents").json or {})["items"]

    for answer in (stranger.get(f"/consents/{consent['id']}"), stranger.post(f"/consents/{consent['id']}/revoke")):
        assert (answer.status_code, (answer.json or {})["code"]) == (404, "not-found")
    for query in ({}, {"patient_id": patient["id"]}):
        assert (stranger.get("/consents", **query).json or {})["items"] == []
    body = {name: consent[name] for name in ("patient_id", "consent_type", "signed_by", "signed_at")}
    assert (stranger.post("/consents", body).json or {})["code"] == "unknown-patient"
    assert (desk.get(f"/consents/{consent['id']}").json or {}) == consent


def test_the_database_shows_one_tenants_rows_to_queries_that_filter_nothing(
    kit: ServiceKit, servers: Servers, tenant: str, patient: Json
) -> None:
    with kit.transaction(f"{tenant}-b") as db:
        for model in (Patient, MainFile, SubFile, AppointmentProjection, Consent, ConsentStanding):
            assert db.scalars(select(model)).all() == []
        assert queries.find_patient(db, UUID(patient["id"])) is None
    with kit.transaction(tenant) as db:
        assert [str(p.id) for p in db.scalars(select(Patient))] == [patient["id"]]

    # the control: who bypasses row-level security finds the rows under the stranger's tenant, too
    superuser = create_engine(make_url(servers.postgres.url).set(database=make_url(kit.config.database_url).database))
    with superuser.begin() as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": f"{tenant}-b"})
        for table in _TABLES:
            found = conn.execute(text(f"SELECT count(*) FROM {table} WHERE tenant_id = :t"), {"t": tenant}).scalar()
            assert found == 1, table
    superuser.dispose()


def test_the_owner_of_the_tables_sees_no_tenant_either(kit: ServiceKit, patient: Json) -> None:
    owner = create_engine(kit.config.database_owner_url)
    with owner.connect() as conn:
        assert [conn.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in _TABLES] == [0] * len(_TABLES)
    owner.dispose()


def test_a_row_can_not_be_written_for_another_tenant(kit: ServiceKit, tenant: str, patient: Json) -> None:
    insert = text("""
        INSERT INTO main_files (id, tenant_id, file_number, patient_id, opened_at)
        VALUES (gen_random_uuid(), :tenant, 'FILE-2026-999999', :patient, now())
    """)
    with pytest.raises(ProgrammingError, match="row-level security"), kit.transaction(f"{tenant}-b") as db:
        db.execute(insert, {"tenant": tenant, "patient": patient["id"]})


def test_the_same_ids_in_two_tenants_are_two_records(
    kit: ServiceKit, tenant: str, body: Json, give_ids: Callable[..., None]
) -> None:
    ids = ["01a1f000-0000-7000-8000-0000000000d1", "01a1f000-0000-7000-8000-0000000000d2"]
    for name in (tenant, f"{tenant}-b"):
        give_ids(*ids)
        assert kit.client(name).post("/patients", {**body, "first_name_en": name}).status_code == 201

    shown = kit.client(tenant).get(f"/patients/{ids[0]}").json or {}
    assert shown["first_name_en"] == tenant
