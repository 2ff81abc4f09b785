"""What happened to a patient, as each role reads it. Nothing shows what is hidden."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from jalsa.db import access_log
from jalsa.db.access_log import FindEntries
from jalsa.dev.kit import Client, ServiceKit, example
from patient_files.timeline import operations as timeline
from patient_files.timeline.commands import AddEntry

from .conftest import Register, take_grant
from .visits import ARRIVED_AT, Json, Visit, kept, opened

_ADMIN = ["APPOINTMENT_ATTENDED", "APPOINTMENT_ARRIVED", "APPOINTMENT_BOOKED"]
_CLINICAL = ["ENCOUNTER_CLOSED", "ENCOUNTER_OPENED"]


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


@pytest.fixture
def read(kit: ServiceKit, tenant: str) -> Callable[..., list[str]]:
    """The kinds of a patient's entries as a role reads them, the newest first."""

    def kinds(role: str, patient: Json, **query: Any) -> list[str]:
        client = kit.client(tenant, role, provider_id=str(uuid4()))
        answer = client.get(f"/patients/{patient['id']}/timeline", **query)
        assert answer.status_code == 200, answer.json
        return [item["kind"] for item in answer.json["items"]]

    return kinds


@pytest.fixture
def visit(kit: ServiceKit, tenant: str, patient: Json) -> Visit:
    """A patient came, a note was signed, and the invoice was paid."""
    visit = Visit(kit, tenant, patient["id"]).booked().arrived().attended()
    visit.note(at=ARRIVED_AT + timedelta(hours=2))
    invoice: Json = {"subject_id": (invoice_id := str(uuid4())), "invoice_id": invoice_id}
    kit.inbox.receive(example("InvoiceIssued", "default", tenant, patient_id=patient["id"], **invoice))
    kit.inbox.receive(example("InvoicePaid", "default", tenant, sequence=2, time=ARRIVED_AT, **invoice))
    assert kept(kit, tenant) == []
    return visit


@pytest.mark.parametrize(
    ("role", "classes"),
    [
        ("front-desk", "AB"),
        ("clinician", "A"),
        ("records", "ACN"),
        ("manager", "ACNB"),
        ("integration", "ACB"),
    ],
)
@pytest.mark.usefixtures("visit")
def test_each_role_reads_its_classes(read: Callable[..., list[str]], patient: Json, role: str, classes: str) -> None:
    told = {"A": _ADMIN, "C": _CLINICAL, "N": ["NOTE_SIGNED"], "B": ["INVOICE_PAID", "INVOICE_ISSUED"]}
    assert sorted(read(role, patient)) == sorted(kind for one in classes for kind in told[one])


def test_a_clinician_reads_more_of_a_patient_whom_he_or_she_treats(
    kit: ServiceKit, tenant: str, visit: Visit, patient: Json, read: Callable[..., list[str]]
) -> None:
    with kit.transaction(tenant) as db:
        db.execute(text("UPDATE appointments SET starts_at = now()"))
    client = kit.client(tenant, "clinician", provider_id=visit.provider_id)
    kinds = [item["kind"] for item in client.get(f"/patients/{patient['id']}/timeline").json["items"]]
    assert sorted(kinds) == sorted([*_ADMIN, *_CLINICAL, "NOTE_SIGNED"])
    assert sorted(read("clinician", patient)) == sorted(_ADMIN), "the control: another one"


@pytest.mark.usefixtures("visit")
def test_a_clinician_reads_more_under_a_grant_and_each_reading_is_marked(
    kit: ServiceKit, tenant: str, patient: Json
) -> None:
    client, path = kit.client(tenant, "clinician", subject="dr.mona"), f"/patients/{patient['id']}/timeline"
    take_grant(client, patient, scope="ENCOUNTERS")
    assert len(client.get(path).json["items"]) == len(_ADMIN), "the control: a grant for something else"
    grant = take_grant(client, patient, scope="TIMELINE")
    for _ in range(2):
        kinds = [item["kind"] for item in client.get(path).json["items"]]
        assert sorted(kinds) == sorted([*_ADMIN, *_CLINICAL, "NOTE_SIGNED"])
    with kit.transaction(tenant) as db:
        rows = access_log.entries(db, FindEntries(person="dr.mona"), limit=10)
    assert [str(row.grant_id) for row in rows if row.kind == "timeline" and not row.hourly] == [grant["id"]] * 2


def test_who_bills_or_subscribes_reads_none(kit: ServiceKit, tenant: str, patient: Json) -> None:
    for role in ("biller", "subscriber"):
        assert kit.client(tenant, role).get(f"/patients/{patient['id']}/timeline").status_code == 403


def test_an_entry_names_what_it_is_about(kit: ServiceKit, tenant: str, visit: Visit, patient: Json) -> None:
    path = f"/patients/{patient['id']}/timeline"
    [entry] = kit.client(tenant).get(path, kind="APPOINTMENT_ARRIVED").json["items"]
    expected = {
        "ref_kind": "appointment",
        "ref_id": visit.appointment_id,
        "provider_id": visit.provider_id,
        "at": "2026-11-23T06:50:00Z",
    }
    assert {name: entry[name] for name in expected} == expected


@pytest.mark.usefixtures("visit")
def test_the_timeline_is_read_by_kind_and_time(read: Callable[..., list[str]], patient: Json) -> None:
    assert read("manager", patient, kind="NOTE_SIGNED") == ["NOTE_SIGNED"]
    assert read("front-desk", patient, kind="NOTE_SIGNED") == []
    since = {"from": "2026-11-23T08:00:00Z"}
    assert "NOTE_SIGNED" in read("manager", patient, **since)
    assert "ENCOUNTER_OPENED" not in read("manager", patient, **since)
    assert "NOTE_SIGNED" not in read("manager", patient, to="2026-11-23T08:00:00Z")


def fill(kit: ServiceKit, tenant: str, patient: Json, kinds: list[str]) -> None:
    """An entry of each of the kinds, a minute apart."""
    with kit.transaction(tenant) as db:
        for minute, kind in enumerate(kinds):
            at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minute)
            entry = AddEntry(patient_id=UUID(patient["id"]), at=at, kind=kind, ref_kind="appointment", ref_id=uuid4())
            timeline.add(db, entry)


def test_no_page_shows_that_something_is_hidden(
    kit: ServiceKit, tenant: str, patient: Json, desk: Client, register: Register
) -> None:
    """A clinician's pages are the same, byte for byte but for ids, whatever else is in the timeline."""
    other = register(desk)
    fill(kit, tenant, patient, ["NOTE_SIGNED", "APPOINTMENT_BOOKED", "INVOICE_PAID", "ENCOUNTER_OPENED"] * 5)
    fill(kit, tenant, other, ["APPOINTMENT_CONFIRMED", "APPOINTMENT_BOOKED"] * 5)

    def pages(role: str, of: Json, limit: int) -> list[int]:
        client, sizes, cursor = kit.client(tenant, role), list[int](), dict[str, str]()
        while True:
            answer = client.get(f"/patients/{of['id']}/timeline", limit=limit, **cursor).json
            sizes.append(len(answer["items"]))
            if answer["next_cursor"] is None:
                return sizes
            cursor = {"cursor": answer["next_cursor"]}

    assert pages("clinician", patient, 2) == [2, 2, 1], "5 of 20 entries, without a gap and without an empty page"
    assert pages("clinician", other, 2) == [2, 2, 2, 2, 2]
    assert pages("manager", patient, 7) == [7, 7, 6]


def test_each_class_is_one_range_of_the_index(
    kit: ServiceKit, tenant: str, patient: Json, read: Callable[..., list[str]]
) -> None:
    statements: list[tuple[str, Any]] = []

    def look(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if "timeline_entries" in statement:
            statements.append((statement, parameters))

    sqlalchemy_event.listen(kit.database.engine, "before_cursor_execute", look)
    read("front-desk", patient, limit=3)
    sqlalchemy_event.remove(kit.database.engine, "before_cursor_execute", look)
    [(statement, parameters)] = statements
    with kit.transaction(tenant) as db:
        db.execute(text("SET LOCAL enable_seqscan = off"))
        cursor = db.connection().connection.cursor()
        cursor.execute(f"EXPLAIN {statement}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    # each is read in its order, and no further than the page
    assert plan.count("Index Scan Backward using timeline_entries_visible") == 2, plan
    assert plan.count("visibility = ") == 2, plan


def test_a_note_that_comes_before_its_appointment_is_told_when_that_comes(
    kit: ServiceKit, tenant: str, patient: Json, read: Callable[..., list[str]]
) -> None:
    visit = Visit(kit, tenant, patient["id"])
    visit.note(at=ARRIVED_AT)
    assert read("manager", patient) == []
    visit.booked()
    assert read("manager", patient, kind="NOTE_SIGNED") == ["NOTE_SIGNED"]


def test_a_groups_note_is_told_to_all_of_its_patients(
    kit: ServiceKit, tenant: str, patient: Json, desk: Client, register: Register, read: Callable[..., list[str]]
) -> None:
    other = register(desk)
    visit = Visit(kit, tenant, patient["id"]).booked()
    Visit(kit, tenant, other["id"], session_id=visit.session_id).booked()
    visit.note(at=ARRIVED_AT, individual=False)
    assert [read("manager", one, kind="NOTE_SIGNED") for one in (patient, other)] == [["NOTE_SIGNED"]] * 2


def test_a_psychotherapy_note_is_not_told(
    kit: ServiceKit, tenant: str, patient: Json, read: Callable[..., list[str]]
) -> None:
    Visit(kit, tenant, patient["id"]).booked().note(at=ARRIVED_AT, kind="PSYCHOTHERAPY")
    assert read("manager", patient) == ["APPOINTMENT_BOOKED"]


def test_an_encounter_that_is_moved_takes_its_entries_along(
    kit: ServiceKit, tenant: str, patient: Json, desk: Client, register: Register, read: Callable[..., list[str]]
) -> None:
    other, manager = register(desk), kit.client(tenant)
    encounter = opened(manager, patient)
    body = {"patient_id": other["id"], "reason": "Wrong patient"}
    assert manager.post(f"/encounters/{encounter['id']}/move", body).status_code == 200
    assert (read("manager", patient), read("manager", other)) == ([], ["ENCOUNTER_OPENED"])


def test_the_timeline_of_nobody_and_of_another_tenants_patient_is_not_found(
    kit: ServiceKit, tenant: str, patient: Json
) -> None:
    assert kit.client(tenant).get(f"/patients/{uuid4()}/timeline").status_code == 404
    assert kit.client(f"{tenant}-b").get(f"/patients/{patient['id']}/timeline").status_code == 404
