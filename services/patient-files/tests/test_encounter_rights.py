"""Who reads and writes what of an encounter, and where its clinical text is stored."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy import event as sqlalchemy_event

from jalsa.db import access_log
from jalsa.db.access_log import Entry, FindEntries
from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.dev.servers import Servers
from jalsa.service import clock
from patient_files.encounters.rules import CLINICAL_FIELDS, text_hash

from .conftest import Register, take_grant
from .visits import Json, Visit, know_provider, opened

_SAID = {
    "chief_complaint": "Headache",
    "reason_for_visit": "Referral",
    "acuity_level": 3,
    "quality_measures": {"pain": 7},
}
_CODE = {"system": "ICD-10-AM", "code": "F84.0"}
_REASON = {"reason": "A slip"}


@pytest.fixture
def provider(kit: ServiceKit, tenant: str) -> str:
    provider_id = str(uuid4())
    know_provider(kit, tenant, provider_id)
    return provider_id


@pytest.fixture
def encounter(kit: ServiceKit, tenant: str, desk: Client, register: Register, provider: str) -> Json:
    manager = kit.client(tenant, "manager")
    return opened(manager, register(desk), provider_id=provider, billing_codes=[_CODE], **_SAID)


@pytest.fixture
def client_of(kit: ServiceKit, tenant: str, provider: str) -> Callable[[str], Client]:
    """A caller by role: `own` is the encounter's provider, `clinician` another one."""

    def client(role: str) -> Client:
        if role == "own":
            return kit.client(tenant, "clinician", provider_id=provider)
        return kit.client(tenant, role, provider_id=str(uuid4()))

    return client


@pytest.mark.parametrize("role", ["front-desk", "clinician", "biller", "own", "records", "manager", "integration"])
def test_the_clinical_fields_are_read_by_those_who_may(
    client_of: Callable[[str], Client], encounter: Json, role: str
) -> None:
    reads = role in ("own", "records", "manager", "integration")
    client = client_of(role)

    for shown in (
        client.get(f"/encounters/{encounter['id']}").json,
        client.get("/encounters", patient_id=encounter["patient_id"]).json["items"][0],
    ):
        assert {name: shown[name] for name in CLINICAL_FIELDS} == (_SAID if reads else dict.fromkeys(CLINICAL_FIELDS))
        assert (set(CLINICAL_FIELDS) <= set(shown["withheld"])) is not reads
        assert bool(shown["billing_codes"]) is (role != "front-desk")
        assert shown["encounter_number"] == encounter["encounter_number"]


@pytest.fixture
def treating(kit: ServiceKit, tenant: str, encounter: Json) -> Client:
    """A clinician who is not the encounter's provider, and has an appointment with the patient tomorrow."""
    visit = Visit(kit, tenant, encounter["patient_id"])
    golden = example("AppointmentBooked", "group", tenant).data["session"]
    starts_at = (clock.now() + timedelta(days=1)).isoformat()
    visit.booked(session={**golden, "id": visit.session_id, "starts_at": starts_at}, booked_by="desk")
    return kit.client(tenant, "clinician", provider_id=visit.provider_id, subject="dr.omar")


def readings(kit: ServiceKit, tenant: str, person: str) -> list[Entry]:
    with kit.transaction(tenant) as db:
        return list(access_log.entries(db, FindEntries(person=person), limit=100))


def test_whoever_treats_the_patient_reads_and_writes_the_clinical_fields(
    kit: ServiceKit, tenant: str, treating: Client, encounter: Json
) -> None:
    path = f"/encounters/{encounter['id']}"
    answer = treating.get(path)
    assert {name: answer.json[name] for name in CLINICAL_FIELDS} == _SAID
    assert treating.get("/encounters").json["items"][0]["chief_complaint"] == "Headache"
    [listed, read] = readings(kit, tenant, "dr.omar")
    assert sorted((row.kind, row.relation, row.hourly) for row in (listed, read) if not row.hourly) == [
        ("encounter", "treating", False)
    ]
    assert treating.patch(path, {"acuity_level": 2}, answer.headers["ETag"]).json["acuity_level"] == 2


def test_a_grant_for_encounters_lets_read_the_clinical_fields_and_write_none(
    kit: ServiceKit, tenant: str, client_of: Callable[[str], Client], encounter: Json
) -> None:
    path, patient = f"/encounters/{encounter['id']}", {"id": encounter["patient_id"]}
    provider = str(uuid4())
    know_provider(kit, tenant, provider)
    client = kit.client(tenant, "clinician", provider_id=provider, subject="dr.mona")
    take_grant(client, patient, scope="TIMELINE")
    assert client.get(path).json["chief_complaint"] is None, "the control: a grant for something else"
    grant = take_grant(client, patient, scope="ENCOUNTERS")
    for _ in range(2):
        answer = client.get(path)
        assert {name: answer.json[name] for name in CLINICAL_FIELDS} == _SAID
        assert client.get("/encounters").json["items"][0]["withheld"] == []
    marked = [row for row in readings(kit, tenant, "dr.mona") if row.grant_id is not None]
    assert {(row.purpose, str(row.grant_id), row.reason, row.record_id) for row in marked} == {
        ("ETREAT", grant["id"], "EMERGENCY", encounter["id"])
    }
    assert len(marked) == 4
    etag = answer.headers["ETag"]
    assert client.patch(path, {"acuity_level": 1}, etag).status_code == 403
    assert client.patch(path, {"provider_id": provider}, etag).status_code == 403, "it would outlast the grant"
    assert client_of("clinician").get(path).json["chief_complaint"] is None, "the control: somebody without a grant"


def test_a_list_asks_for_the_rights_to_all_of_its_patients_at_once(
    kit: ServiceKit, tenant: str, treating: Client, encounter: Json, desk: Client, register: Register
) -> None:
    manager = kit.client(tenant, "manager")
    asked: list[str] = []

    def look(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    def count() -> int:
        asked.clear()
        sqlalchemy_event.listen(kit.database.engine, "before_cursor_execute", look)
        assert treating.get("/encounters").status_code == 200
        sqlalchemy_event.remove(kit.database.engine, "before_cursor_execute", look)
        return len([each for each in asked if "appointments" in each or "break_glass" in each])

    of_one = count()
    for _ in range(3):
        opened(manager, register(desk))
    assert count() == of_one == 2


def test_a_subscriber_reads_no_encounter(kit: ServiceKit, tenant: str, encounter: Json) -> None:
    client = kit.client(tenant, "subscriber", events=["patient-files.encounter"])
    assert client.get(f"/encounters/{encounter['id']}").status_code == 403
    assert client.get("/encounters").status_code == 403


def test_who_does_not_read_a_clinical_field_does_not_write_it(
    client_of: Callable[[str], Client], encounter: Json
) -> None:
    path = f"/encounters/{encounter['id']}"
    for role in ("front-desk", "clinician"):
        client = client_of(role)
        etag = client.get(path).headers["ETag"]
        for name, value in _SAID.items():
            assert client.patch(path, {name: value}, etag).status_code == 403, (role, name)
            body = {"patient_id": encounter["patient_id"], "encounter_type": "X", name: value}
            body["provider_id"] = encounter["provider_id"]
            assert client.post("/encounters", body).status_code == 403, (role, name)
        assert client.patch(path, {"priority": "URGENT"}, etag).status_code == 200, role
    desk = client_of("front-desk")
    assert desk.patch(path, {"billing_codes": []}, desk.get(path).headers["ETag"]).status_code == 403
    own = client_of("own")
    assert own.patch(path, {"acuity_level": 1}, own.get(path).headers["ETag"]).json["acuity_level"] == 1


def test_nobody_reads_a_colleagues_record_by_becoming_its_provider(
    kit: ServiceKit, tenant: str, client_of: Callable[[str], Client], encounter: Json
) -> None:
    path, other = f"/encounters/{encounter['id']}", str(uuid4())
    know_provider(kit, tenant, other)
    for role in ("clinician", "front-desk"):
        client = kit.client(tenant, role, provider_id=other)
        assert client.patch(path, {"provider_id": other}, client.get(path).headers["ETag"]).status_code == 403
    own = client_of("own")
    assert own.patch(path, {"provider_id": other}, own.get(path).headers["ETag"]).status_code == 200
    assert kit.client(tenant, "clinician", provider_id=other).get(path).json["chief_complaint"] == "Headache"


_WRITERS = {"front-desk", "own", "clinician", "records", "manager", "integration"}
_ASKED: list[tuple[str, Json, set[str]]] = [
    ("arrive", {}, _WRITERS),
    ("cancel", {}, _WRITERS),
    ("entered-in-error", _REASON, {"records", "manager"}),
    ("move", {**_REASON, "patient_id": str(uuid4())}, {"records", "manager"}),
    ("merge", {**_REASON, "into": str(uuid4())}, {"records", "manager"}),
    ("sign-off", {}, {"own", "manager"}),
    ("withdraw-sign-off", _REASON, {"own", "manager"}),
]


@pytest.mark.parametrize(("name", "asked", "allowed"), _ASKED, ids=[one[0] for one in _ASKED])
def test_each_step_is_for_those_who_may(
    client_of: Callable[[str], Client], encounter: Json, name: str, asked: Json, allowed: set[str]
) -> None:
    for role in ("front-desk", "own", "clinician", "biller", "records", "manager", "integration", "subscriber"):
        answer = client_of(role).post(f"/encounters/{encounter['id']}/{name}", asked)
        assert (answer.status_code != 403) is (role in allowed), (role, answer.status_code)


def test_a_biller_opens_no_encounter(client_of: Callable[[str], Client], encounter: Json) -> None:
    body = {"patient_id": encounter["patient_id"], "encounter_type": "X"}
    assert client_of("biller").post("/encounters", body).status_code == 403


def test_clinical_text_is_stored_once_and_audited_by_its_hash(
    kit: ServiceKit, servers: Servers, tenant: str, desk: Client, register: Register
) -> None:
    word = f"canary{secrets.token_hex(8)}"
    manager, patient = kit.client(tenant, "manager"), register(desk)
    encounter = opened(manager, patient, chief_complaint=f"{word} one")
    path = f"/encounters/{encounter['id']}"
    body = {"chief_complaint": f"{word} two", "reason_for_visit": word}
    assert manager.patch(path, body, manager.get(path).headers["ETag"]).status_code == 200
    assert manager.post(f"{path}/cancel", {}, Idempotency_Key=secrets.token_hex(8)).status_code == 200
    kit.events(tenant)

    url = make_url(servers.postgres.url).set(database=make_url(kit.config.database_url).database)
    superuser = create_engine(url)
    with superuser.connect() as conn:
        tables = conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        found = {}
        for table in tables:
            count = text(f"SELECT count(*) FROM {table} t WHERE t::text LIKE :word")
            found[table] = conn.execute(count, {"word": f"%{word}%"}).scalar_one()
        kept = conn.execute(
            text("SELECT convert_from(body, 'UTF8') FROM idempotency_keys WHERE tenant_id = :t"), {"t": tenant}
        ).scalar_one()
        audited = (
            conn.execute(
                text("SELECT after FROM audit_log WHERE table_name = 'encounters' AND tenant_id = :t ORDER BY id DESC"),
                {"t": tenant},
            )
            .scalars()
            .first()
        )
    superuser.dispose()
    assert audited is not None
    digest = text_hash(UUID(encounter["id"]), 2, f"{word} two", word)
    assert {table: count for table, count in found.items() if count} == {"encounter_texts": 2}
    assert word not in kept
    assert digest in kept
    assert (audited["text_version"], audited["text_sha256"]) == (2, digest)


def test_a_repeat_is_answered_with_the_text_as_it_was_then(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    manager, key = kit.client(tenant, "manager"), secrets.token_hex(8)
    body = {"patient_id": register(desk)["id"], "encounter_type": "X", "chief_complaint": "Headache"}
    first = manager.post("/encounters", body, Idempotency_Key=key)
    path = f"/encounters/{first.json['id']}"
    manager.patch(path, {"chief_complaint": "Migraine"}, manager.get(path).headers["ETag"])

    repeated = manager.post("/encounters", body, Idempotency_Key=key)

    assert (repeated.status_code, repeated.headers["Idempotent-Replayed"]) == (201, "true")
    assert repeated.json == first.json
    assert (repeated.json["chief_complaint"], repeated.json["text_version"]) == ("Headache", 1)
    assert repeated.headers["ETag"] == first.headers["ETag"]


def test_a_repeat_shows_nothing_that_the_caller_may_no_longer_read(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    key = secrets.token_hex(8)
    body = {"patient_id": register(desk)["id"], "encounter_type": "X", "chief_complaint": "Headache"}
    first = kit.client(tenant, "manager").post("/encounters", body, Idempotency_Key=key)
    assert first.json["chief_complaint"] == "Headache"

    repeated = kit.client(tenant, "front-desk").post("/encounters", body, Idempotency_Key=key)

    assert (repeated.status_code, repeated.json["chief_complaint"]) == (201, None)
    assert "chief_complaint" in repeated.json["withheld"]
    assert "ETag" not in repeated.headers


def test_what_is_clinical_is_declared_so(desk: Client) -> None:
    schema: dict[str, Any] = desk.get("/openapi.json").get_json()["components"]["schemas"]["EncounterAnswer"]
    readers = {name: field.get("x-readers") for name, field in schema["properties"].items()}
    assert {name for name in readers if readers[name] == ["integration", "manager", "records"]} == set(CLINICAL_FIELDS)
