"""What is published equals the golden examples, and each golden example that is read is accepted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from jalsa.dev.kit import Client, ServiceKit, example, golden, set_clock
from jalsa.events.contracts import FOLDER
from jalsa.events.envelope import Envelope, parse
from patient_files.app import SERVICE
from patient_files.models import AppointmentProjection, ClinicProjection, ProviderProjection

Json = dict[str, Any]
GiveIds = Callable[..., None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PATIENT, MAIN_FILE, SUB_FILE = (f"01a1f000-0000-7000-8000-0000000000d{n}" for n in (1, 2, 3))
SURVIVOR = PATIENT[:-1] + "2"
#: What differs between two runs, and says nothing of the event's shape.
_OF_THE_RUN = ("id", "tenantid", "position", "correlationid", "causationid", "traceparent")


@pytest.fixture
def at_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the golden examples."""
    set_clock(monkeypatch, NOW)


def assert_equal(published: Envelope, name: str, example_name: str = "default") -> None:
    expected = golden(name, example_name)
    actual = published.attributes()
    assert _without(actual, _OF_THE_RUN) == _without(expected, _OF_THE_RUN)
    assert set(actual) == set(expected)


def _without(attributes: Json, names: tuple[str, ...]) -> Json:
    return {name: value for name, value in attributes.items() if name not in names}


@pytest.mark.usefixtures("at_nine")
def test_patient_events_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE)
    etag = desk.post("/patients", body).headers["ETag"]
    assert desk.patch(f"/patients/{PATIENT}", {"phone": None, "active": False}, etag).status_code == 200

    registered, updated = kit.events(tenant)
    assert_equal(registered, "PatientRegistered")
    assert_equal(updated, "PatientUpdated")


@pytest.mark.usefixtures("at_nine")
def test_the_event_of_a_patient_without_contacts_equals_its_golden_example(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE)
    absent = ("first_name_ar", "last_name_ar", "phone", "email")
    desk.post("/patients", {**_without(body, absent), "preferred_language": "en"})

    [registered] = kit.events(tenant)
    assert_equal(registered, "PatientRegistered", "minimal")


@pytest.mark.usefixtures("at_nine")
def test_the_event_of_an_opened_sub_file_equals_its_golden_example(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE, SUB_FILE)
    desk.post("/patients", body)
    booking = example("AppointmentBooked", "group", tenant)
    kit.inbox.receive(booking)

    [opened] = kit.events(tenant, "SubFileOpened")
    assert_equal(opened, "SubFileOpened")
    assert (opened.causation_id, opened.correlation_id) == (str(booking.id), booking.correlation_id)


@pytest.mark.usefixtures("at_nine")
def test_the_events_of_a_consent_standing_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, consent_to: Callable[..., Json]
) -> None:
    give_ids(PATIENT, MAIN_FILE, *sorted(uuid4() for _ in range(2)))  # both end at one instant: by their ids
    patient = desk.post("/patients", body).json or {}
    kit.inbox.receive(example("ClinicSaved", "default", tenant))

    everywhere = consent_to(desk, patient)
    in_one_clinic = consent_to(desk, patient, clinic_id=golden("ClinicSaved", "default")["data"]["clinic_id"])
    for consent in (everywhere, in_one_clinic):
        assert desk.post(f"/consents/{consent['id']}/revoke").status_code == 200

    given, _, left, ended = kit.events(tenant, "ConsentStandingChanged")
    assert_equal(given, "ConsentStandingChanged")
    assert_equal(left, "ConsentStandingChanged", "clinic")
    assert_equal(ended, "ConsentStandingChanged", "ended")


def test_the_events_of_a_merge_and_its_undoing_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = kit.client(tenant, "records", subject="records-1")
    give_ids(PATIENT, MAIN_FILE, SURVIVOR, uuid4())
    for moment, path, said in (
        (NOW, "/patients", body),
        (NOW, "/patients", {**body, "national_id": None}),
        (NOW, f"/patients/{PATIENT}/merge", {"into": SURVIVOR, "reason": "One person"}),
        (NOW + timedelta(days=1), f"/patients/{PATIENT}/unmerge", {"reason": "Two persons"}),
    ):
        set_clock(monkeypatch, moment)
        assert records.post(path, said).status_code in (200, 201)

    [merged], [unmerged] = kit.events(tenant, "PatientsMerged"), kit.events(tenant, "PatientsUnmerged")
    assert_equal(merged, "PatientsMerged")
    assert_equal(unmerged, "PatientsUnmerged")


def test_every_event_published_has_an_example_that_its_schema_accepts() -> None:
    for event in SERVICE.publishes:
        paths = sorted((FOLDER / event.name / f"v{event.version}").glob("*.json"))
        assert paths, event.type
        for path in paths:
            envelope = parse(golden(event.name, path.stem))
            assert (envelope.type, envelope.aggregate) == (event.type, event.aggregate)
            assert event.schema.validate(dict(envelope.data)) == {}


def _read() -> list[tuple[str, str]]:
    names = [event.split(".")[0] for stream in SERVICE.streams for event in stream.reads]
    return [(name, path.stem) for name in names for path in sorted((FOLDER / name / "v1").glob("*.json"))]


def _with_unknown_fields(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{name: _with_unknown_fields(member) for name, member in value.items()}, "a_new_field": {"of": [1]}}
    return value


def test_every_event_that_is_read_has_an_example() -> None:
    assert {name for name, _ in _read()} == {e.split(".")[0] for s in SERVICE.streams for e in s.reads}


@pytest.mark.parametrize("unknown_fields", [False, True], ids=["as it is", "with unknown fields"])
@pytest.mark.parametrize(("name", "example_name"), _read())
def test_every_example_that_is_read_has_its_effect(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, name: str, example_name: str,
    unknown_fields: bool,
) -> None:  # fmt: skip
    give_ids(PATIENT, MAIN_FILE, *(uuid4() for _ in range(2)))
    desk.post("/patients", body)
    follows = name in _STATUS or name == "AppointmentRescheduled"
    event = example(name, example_name, tenant, sequence=2 if follows else 1)
    if "patient_id" in event.data:
        event = parse({**event.attributes(), "data": {**event.data, "patient_id": PATIENT}})
    if follows:
        ids = {"subject_id": event.data["appointment_id"], "appointment_id": event.data["appointment_id"]}
        kit.inbox.receive(example("AppointmentBooked", "group", tenant, patient_id=PATIENT, **ids))
    if unknown_fields:
        event = parse({**event.attributes(), "data": _with_unknown_fields(event.data)})

    kit.inbox.receive(event)

    assert _EFFECTS[name](kit, tenant) == _expected(name, event)


def _row(model: Any, *columns: str) -> Callable[[ServiceKit, str], list[Any]]:
    def read(kit: ServiceKit, tenant: str) -> list[Any]:
        with kit.transaction(tenant) as db:
            return [tuple(row) for row in db.execute(select(*(getattr(model, c) for c in columns)))]

    return read


#: What becomes of an appointment.
_STATUS = {
    "AppointmentConfirmed": "CONFIRMED",
    "AppointmentArrived": "ARRIVED",
    "AppointmentAttended": "ATTENDED",
    "AppointmentNoShow": "NO_SHOW",
    "AppointmentCancelled": "CANCELLED",
    "AppointmentCorrected": "as the event says",
}
_place = _row(AppointmentProjection, "appointment_number", "status", "clinic_id", "provider_id", "starts_at")
_EFFECTS: dict[str, Callable[[ServiceKit, str], list[Any]]] = {
    "ClinicSaved": _row(ClinicProjection, "code", "name_en", "name_ar", "active", "timezone"),
    "ProviderSaved": _row(ProviderProjection, "user_id", "name_en", "name_ar", "active"),
    "AppointmentBooked": _place,
    "AppointmentRescheduled": _place,
    **dict.fromkeys(_STATUS, _row(AppointmentProjection, "status")),
}


def _expected(name: str, event: Envelope) -> list[Any]:
    data = event.data
    if name == "ClinicSaved":
        return [(data["code"], data["name_en"], data["name_ar"], True, data["timezone"])]
    if name == "ProviderSaved":
        return [(data["user_id"], data["name_en"], data["name_ar"], True)]
    if name in _STATUS:
        return [(data.get("to_status", _STATUS[name]),)]
    starts_at = datetime.fromisoformat(data["session"]["starts_at"])
    ids = UUID(data["clinic"]["id"]), UUID(data["provider"]["id"])
    return [(data["appointment_number"], data["status"], *ids, starts_at)]


@pytest.mark.parametrize(("name", "key"), [("ClinicSaved", "clinic_id"), ("ProviderSaved", "provider_id")])
def test_what_is_saved_again_replaces_what_was_known(kit: ServiceKit, tenant: str, name: str, key: str) -> None:
    kit.inbox.receive(example(name, "default", tenant))
    kit.inbox.receive(example(name, "default", tenant, sequence=2, name_en="Renamed", active=False))

    [(_, name_en, _, active, *_)] = _EFFECTS[name](kit, tenant)
    assert (name_en, active) == ("Renamed", False)


def test_the_documents_of_the_surface_and_of_the_events_are_served(kit: ServiceKit) -> None:
    client = kit.app.test_client()

    document = client.get("/v1/openapi.json").json or {}
    assert document["openapi"] == "3.1.0"
    paths = {path for path in document["paths"] if not path.startswith("/v1/events")}
    patient, consent = "/v1/patients/{patient_id}", "/v1/consents/{consent_id}"
    assert paths == {
        "/v1/patients",
        patient,
        f"{patient}/file",
        f"{patient}/sub-files",
        f"{patient}/merge",
        f"{patient}/unmerge",
        "/v1/consents",
        consent,
        f"{consent}/revoke",
        "/v1/permissions",
    }
    for event in SERVICE.publishes:
        served = client.get(event.dataschema.removeprefix("https://jalsa.test/patient-files")).json or {}
        always = {name for name in served["properties"] if name in served["required"]}
        assert always == set(golden(event.name, "default")["data"])
