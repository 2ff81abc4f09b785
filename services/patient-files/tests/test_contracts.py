"""What is published equals the golden examples, and each golden example that is read is accepted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from jalsa.dev.kit import Client, ServiceKit, example, golden, set_clock
from jalsa.events.contracts import FOLDER
from jalsa.events.envelope import Envelope, parse
from jalsa.work.jobs import JobTools
from patient_files.app import SERVICE
from patient_files.jobs import ask_for_reviews
from patient_files.models import (
    AppointmentProjection,
    ClinicProjection,
    ProviderProjection,
    SignedNote,
    TimelineEntry,
)

from .conftest import somebody_else, take_grant

Json = dict[str, Any]
GiveIds = Callable[..., None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PATIENT, MAIN_FILE, SUB_FILE, GUARDIAN = (f"01a1f000-0000-7000-8000-0000000000d{n}" for n in (1, 2, 3, 4))
PATIENT, MAIN_FILE, SUB_FILE, ENCOUNTER = (f"01a1f000-0000-7000-8000-0000000000d{n}" for n in (1, 2, 3, 4))
PROVIDER = "01a1f000-0000-7000-8000-0000000000b1"
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

    registered, identity, updated = kit.events(tenant)
    assert_equal(registered, "PatientRegistered")
    assert_equal(identity, "PatientIdentityChanged")
    assert_equal(updated, "PatientUpdated")


@pytest.mark.usefixtures("at_nine")
def test_the_event_of_a_child_with_a_guardian_equals_its_golden_example(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, GUARDIAN, MAIN_FILE)
    names = {"name_en": "Huda Nasser", "name_ar": "هدى ناصر"}
    reached = {"phone": "0500000003", "email": "huda@example.com", "language": "ar", "receives_messages": True}
    desk.post("/patients", {**body, "guardians": [{"relation": "MOTHER", **names, **reached}]})

    [registered] = kit.events(tenant, "PatientRegistered")
    assert_equal(registered, "PatientRegistered", "guardian")


@pytest.mark.usefixtures("at_nine")
def test_the_event_of_a_withdrawn_identifier_equals_its_golden_example(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE)
    [identifier] = (desk.post("/patients", body).json or {})["identifiers"]
    assert desk.post(f"/identifiers/{identifier['id']}/withdraw", {"reason": "Another's"}).status_code == 200

    _, withdrawn = kit.events(tenant, "PatientIdentityChanged")
    assert_equal(withdrawn, "PatientIdentityChanged", "withdrawn")


@pytest.mark.usefixtures("at_nine")
def test_the_event_of_a_patient_without_contacts_equals_its_golden_example(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE)
    absent = ("first_name_ar", "last_name_ar", "phone", "email")
    desk.post("/patients", {**_without(body, absent), "preferred_language": "en"})

    [registered] = kit.events(tenant, "PatientRegistered")
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
def test_the_events_of_a_changed_sub_file_equal_their_golden_examples(
    kit: ServiceKit, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE, SUB_FILE)
    manager = kit.client(tenant)
    manager.post("/patients", body)
    booking = example("AppointmentBooked", "group", tenant)
    kit.inbox.receive(booking)
    kit.inbox.receive(
        example("AppointmentCancelled", "default", tenant, sequence=2, subject_id=booking.data["appointment_id"])
    )
    assert manager.post(f"/sub-files/{SUB_FILE}/close", {"reason": "Discharged"}).status_code == 200
    kit.inbox.receive(example("AppointmentBooked", "group", tenant, subject_id=uuid4(), appointment_id=uuid4()))

    closed, booked = kit.events(tenant, "SubFileUpdated")
    assert_equal(closed, "SubFileUpdated")
    assert_equal(booked, "SubFileUpdated", "booked")


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


@pytest.mark.usefixtures("at_nine")
def test_the_events_of_another_types_standing_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, consent_to: Callable[..., Json]
) -> None:
    give_ids(PATIENT, MAIN_FILE, uuid4(), uuid4())
    consent = consent_to(desk, desk.post("/patients", body).json or {}, consent_type="PHOTOGRAPHY")
    assert desk.post(f"/consents/{consent['id']}/revoke").status_code == 200

    given, ended = kit.events(tenant, "ConsentTypeStandingChanged")
    assert_equal(given, "ConsentTypeStandingChanged")
    assert_equal(ended, "ConsentTypeStandingChanged", "ended")


@pytest.mark.usefixtures("at_nine")
def test_the_events_of_a_break_glass_grant_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant, not_reviewed = golden("EmergencyAccessOpened", "default")["data"]["grant_id"], str(uuid4())
    give_ids(PATIENT, MAIN_FILE, grant, not_reviewed)
    patient = desk.post("/patients", body).json
    doctor, reviewer = kit.client(tenant, "clinician", subject="dr.huda"), kit.client(tenant, "records")
    for _ in range(2):
        take_grant(doctor, patient)
    doctor.post(f"/break-glass/{grant}/close")
    assert reviewer.post(f"/break-glass/{grant}/review", {"outcome": "JUSTIFIED"}).status_code == 200
    set_clock(monkeypatch, NOW + timedelta(hours=72))
    ask_for_reviews(JobTools(kit.database, kit.relay, kit.config, kit.service.name))

    opened, _ = kit.events(tenant, "EmergencyAccessOpened")
    [reviewed] = kit.events(tenant, "EmergencyAccessReviewed")
    [due] = kit.events(tenant, "EmergencyAccessReviewDue")
    assert_equal(opened, "EmergencyAccessOpened")
    assert_equal(reviewed, "EmergencyAccessReviewed")
    of_the_other = {**due.attributes(), "subject": f"break-glass/{grant}", "data": {**due.data, "grant_id": grant}}
    assert_equal(parse(of_the_other), "EmergencyAccessReviewDue")


@pytest.mark.usefixtures("at_nine")
def test_the_events_of_an_encounter_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds
) -> None:
    give_ids(PATIENT, MAIN_FILE, SUB_FILE, ENCOUNTER)
    desk.post("/patients", body)
    kit.inbox.receive(example("AppointmentBooked", "group", tenant))
    kit.inbox.receive(example("AppointmentArrived", "default", tenant, sequence=2))
    layla = kit.client(tenant, "clinician", provider_id=PROVIDER, subject="layla")
    path = f"/encounters/{ENCOUNTER}"
    etag = layla.get(path).headers["ETag"]
    code = {"system": "ICD-10-AM", "code": "F84.0", "primary": True}
    # the complaint is nobody's business but the readers of this record
    said = {"chief_complaint": "Headache", "location": "Ward 2", "billing_codes": [code]}
    assert layla.patch(path, said, etag).status_code == 200
    assert layla.post(f"{path}/start").status_code == 200
    kit.inbox.receive(example("AppointmentAttended", "default", tenant, sequence=3))
    assert layla.post(f"{path}/sign-off").status_code == 200

    events = kit.events(tenant)
    events = [event for event in events if event.aggregate == "encounter"]
    names = ["EncounterOpened", "EncounterUpdated", "EncounterUpdated", "EncounterClosed", "EncounterSignedOff"]
    assert [event.event for event in events] == [f"{name}.v1" for name in names]
    opened, _, started, closed, signed = events
    for published in (opened, started, closed, signed):
        assert published.data["encounter_number"] == f"ENC-{tenant.upper()}-2026-00001"
        data = {**published.data, "encounter_number": "ENC-AGDAR-2026-00001"}
        assert_equal(replace(published, data=data), published.event.split(".")[0])


def test_the_events_of_a_merge_and_its_undoing_equal_their_golden_examples(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = kit.client(tenant, "records", subject="records-1")
    give_ids(PATIENT, MAIN_FILE, SURVIVOR, uuid4())
    for moment, path, said in (
        (NOW, "/patients", body),
        (NOW, "/patients", {**body, "national_id": None, **somebody_else(1)}),
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
    give_ids(PATIENT, MAIN_FILE, *(uuid4() for _ in range(3)))
    desk.post("/patients", body)
    of_invoice = name in ("InvoicePaid", "InvoiceVoided")
    follows = name in _STATUS or name == "AppointmentRescheduled"
    event = example(name, example_name, tenant, sequence=2 if follows or of_invoice else 1)
    if "patient_id" in event.data:
        event = parse({**event.attributes(), "data": {**event.data, "patient_id": PATIENT}})
    if follows:
        ids = {"subject_id": event.data["appointment_id"], "appointment_id": event.data["appointment_id"]}
        kit.inbox.receive(example("AppointmentBooked", "group", tenant, patient_id=PATIENT, **ids))
    if of_invoice:
        kit.inbox.receive(example("InvoiceIssued", "default", tenant, patient_id=PATIENT))
    if unknown_fields:
        event = parse({**event.attributes(), "data": _with_unknown_fields(event.data)})

    kit.inbox.receive(event)

    assert _EFFECTS[name](kit, tenant) == _expected(name, event)


def _row(model: Any, *columns: str) -> Callable[[ServiceKit, str], list[Any]]:
    def read(kit: ServiceKit, tenant: str) -> list[Any]:
        with kit.transaction(tenant) as db:
            query = select(*(getattr(model, c) for c in columns)).order_by(model.id)
            return [tuple(row) for row in db.execute(query)]

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


def _invoices(kit: ServiceKit, tenant: str) -> list[Any]:
    """What the timeline tells of invoices."""
    return _row(TimelineEntry, "kind", "patient_id", "ref_id", "at")(kit, tenant)[-1:]


_place = _row(AppointmentProjection, "appointment_number", "status", "clinic_id", "provider_id", "starts_at")
_EFFECTS: dict[str, Callable[[ServiceKit, str], list[Any]]] = {
    "ClinicSaved": _row(ClinicProjection, "code", "name_en", "name_ar", "active", "timezone"),
    "ProviderSaved": _row(ProviderProjection, "user_id", "name_en", "name_ar", "active"),
    "AppointmentBooked": _place,
    "AppointmentRescheduled": _place,
    **dict.fromkeys(("InvoiceIssued", "InvoicePaid", "InvoiceVoided"), _invoices),
    "NoteSigned": _row(SignedNote, "id", "session_id", "appointment_id", "complete", "at"),
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
    if name.startswith("Invoice"):
        told = {"InvoiceIssued": "INVOICE_ISSUED", "InvoicePaid": "INVOICE_PAID", "InvoiceVoided": "INVOICE_VOIDED"}
        return [(told[name], UUID(PATIENT), UUID(data["invoice_id"]), event.time)]
    if name == "NoteSigned":
        about = data["participant_id"] and UUID(data["participant_id"])
        complete = True if data["scope"] == "INDIVIDUAL" else None
        return [(UUID(data["note_id"]), UUID(data["session_id"]), about, complete, event.time)]
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
    encounter = "/v1/encounters/{encounter_id}"
    steps = ("arrive", "start", "close", "cancel", "entered-in-error", "move", "merge", "sign-off", "withdraw-sign-off")
    assert paths == {
        "/v1/patients",
        patient,
        f"{patient}/identify",
        f"{patient}/identifiers",
        f"{patient}/guardians",
        f"{patient}/alerts",
        "/v1/identifiers/{identifier_id}",
        "/v1/identifiers/{identifier_id}/correct",
        "/v1/identifiers/{identifier_id}/withdraw",
        "/v1/guardians/{guardian_id}",
        "/v1/guardians/{guardian_id}/rights",
        "/v1/guardians/{guardian_id}/end",
        "/v1/alerts/{alert_id}",
        "/v1/alerts/{alert_id}/end",
        f"{patient}/file",
        f"{patient}/sub-files",
        "/v1/patients/search",
        "/v1/patients/names",
        "/v1/patients/duplicates",
        "/v1/duplicate-pairs",
        "/v1/duplicate-pairs/{pair_id}/dismiss",
        "/v1/sub-files/{sub_file_id}",
        "/v1/sub-files/{sub_file_id}/close",
        "/v1/sub-files/{sub_file_id}/reopen",
        "/v1/files/pending",
        f"{patient}/consent-standing",
        f"{patient}/timeline",
        f"{patient}/merge",
        f"{patient}/unmerge",
        "/v1/consents",
        "/v1/consents/due",
        "/v1/consent-types",
        "/v1/consent-types/{code}",
        "/v1/consent-types/{code}/wordings",
        "/v1/wordings/{wording_id}/publish",
        consent,
        f"{consent}/revoke",
        f"{patient}/access-log",
        "/v1/access-log",
        "/v1/access-log/mine",
        "/v1/changes",
        "/v1/break-glass",
        "/v1/break-glass/{grant_id}",
        "/v1/break-glass/{grant_id}/close",
        "/v1/break-glass/{grant_id}/review",
        "/v1/settings",
        "/v1/encounters",
        encounter,
        *(f"{encounter}/{step}" for step in steps),
        "/v1/encounters/integrity",
        "/v1/encounters/references",
        f"{encounter}/references",
        "/v1/references",
        "/v1/references/{reference_id}",
        "/v1/reference-systems",
        "/v1/reference-systems/{system}",
        "/v1/permissions",
    }
    for event in SERVICE.publishes:
        served = client.get(event.dataschema.removeprefix("https://jalsa.test/patient-files")).json or {}
        always = {name for name in served["properties"] if name in served["required"]}
        assert always == set(golden(event.name, "default")["data"])
