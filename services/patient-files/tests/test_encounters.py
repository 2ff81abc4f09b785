"""Encounters that people open, move on, correct and sign off."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from jalsa.dev.kit import Client, ServiceKit
from patient_files.encounters.rules import ENCOUNTER

from .conftest import Register
from .visits import Json, know_provider, opened

#: What leads to each state, and the request that makes each move.
_WAY_TO = {
    "PLANNED": (),
    "ARRIVED": ("arrive",),
    "IN_PROGRESS": ("start",),
    "FINISHED": ("start", "close"),
    "CANCELLED": ("cancel",),
    "ENTERED_IN_ERROR": ("entered-in-error",),
}
_MOVE_TO = {
    "ARRIVED": "arrive",
    "IN_PROGRESS": "start",
    "FINISHED": "close",
    "CANCELLED": "cancel",
    "ENTERED_IN_ERROR": "entered-in-error",
}
_REASONS = {"entered-in-error": {"reason": "A slip"}, "withdraw-sign-off": {"reason": "A slip"}}


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


def step(client: Client, encounter: Json, name: str, body: Json | None = None, status: int = 200) -> Json:
    answer = client.post(f"/encounters/{encounter['id']}/{name}", body or _REASONS.get(name))
    assert answer.status_code == status, answer.json
    found: Json = answer.json
    return found


def in_state(client: Client, patient: Json, state: str) -> Json:
    encounter = opened(client, patient)
    for name in _WAY_TO[state]:
        encounter = step(client, encounter, name)
    assert encounter["status"] == state
    return encounter


def test_an_encounter_is_opened_with_its_number_and_read_by_its_id(manager: Client, tenant: str, patient: Json) -> None:
    encounter = opened(manager, patient, status="ARRIVED", chief_complaint="Headache", acuity_level=3)

    year = encounter["created_at"][:4]
    assert encounter["encounter_number"] == f"ENC-{tenant.upper()}-{year}-00001"
    expected: Json = {
        "status": "ARRIVED",
        "encounter_class": "AMB",
        "priority": "ROUTINE",
        "source": "MANUAL",
        "chief_complaint": "Headache",
        "reason_for_visit": None,
        "acuity_level": 3,
        "text_version": 1,
        "documentation_complete": False,
        "signed_off": False,
        "billable": True,
        "billing_codes": [],
        "quality_measures": {},
    }
    assert {name: encounter[name] for name in expected} == expected
    read = manager.get(f"/encounters/{encounter['id']}")
    assert read.json == encounter
    assert "ETag" in read.headers


@pytest.mark.parametrize("target", _MOVE_TO)
@pytest.mark.parametrize("state", ENCOUNTER.states)
def test_only_the_moves_of_the_table_are_made(manager: Client, patient: Json, state: str, target: str) -> None:
    encounter = in_state(manager, patient, state)
    # closing one that has arrived makes both moves
    allowed = target in ENCOUNTER.moves[state] or (state, target) == ("ARRIVED", "FINISHED")

    answer = step(manager, encounter, _MOVE_TO[target], status=200 if allowed else 409)

    assert answer.get("code") == (None if allowed else "invalid-transition")
    present = manager.get(f"/encounters/{encounter['id']}").json
    assert present["status"] == (target if allowed else state)


def test_each_change_is_one_event(kit: ServiceKit, manager: Client, tenant: str, patient: Json) -> None:
    encounter = opened(manager, patient)
    for name in ("arrive", "close", "sign-off", "withdraw-sign-off", "entered-in-error"):
        step(manager, encounter, name)

    names = [event.event for event in kit.events(tenant) if event.aggregate == "encounter"]
    assert names == [
        "EncounterOpened.v1",
        "EncounterUpdated.v1",
        "EncounterClosed.v1",
        "EncounterSignedOff.v1",
        "EncounterUpdated.v1",
        "EncounterUpdated.v1",
    ]


def test_no_event_carries_what_is_said_of_the_patients_condition(
    kit: ServiceKit, manager: Client, tenant: str, patient: Json
) -> None:
    word = f"canary{uuid4().hex}"
    encounter = opened(
        manager, patient, chief_complaint=word, reason_for_visit=word, quality_measures={word: 1}, acuity_level=2
    )
    step(manager, encounter, "cancel", {"reason": word})

    for event in kit.events(tenant):
        assert word not in str(event.data)
        assert not {"acuity_level", "quality_measures", "correction_reason"} & set(event.data)


def test_a_patch_changes_what_was_given_and_stores_the_text_as_a_new_version(manager: Client, patient: Json) -> None:
    encounter = opened(manager, patient, chief_complaint="Headache", reason_for_visit="Referral")
    path = f"/encounters/{encounter['id']}"

    etag = manager.get(path).headers["ETag"]
    changed = manager.patch(path, {"chief_complaint": "Migraine", "priority": "URGENT"}, etag)
    stale = manager.patch(path, {"priority": "STAT"}, etag)
    same = manager.patch(path, {"chief_complaint": "Migraine", "priority": "URGENT"}, changed.headers["ETag"])

    shown = [changed.json[name] for name in ("chief_complaint", "reason_for_visit", "priority", "text_version")]
    assert shown == ["Migraine", "Referral", "URGENT", 2]
    assert (stale.status_code, stale.json["code"]) == (412, "precondition-failed")
    assert same.json == changed.json, "nothing was different, so nothing was changed"
    assert manager.patch(path, {"priority": "STAT"}).json["code"] == "precondition-required"


def test_what_is_signed_off_is_not_changed_until_the_sign_off_is_withdrawn(manager: Client, patient: Json) -> None:
    encounter = in_state(manager, patient, "FINISHED")
    path = f"/encounters/{encounter['id']}"
    signed = step(manager, encounter, "sign-off")
    assert (signed["signed_off"], signed["signed_by"]) == (True, "tester")

    refused = manager.patch(path, {"priority": "STAT"}, manager.get(path).headers["ETag"])
    assert (refused.status_code, refused.json["code"]) == (409, "encounter-signed-off")
    for name in ("entered-in-error", "sign-off"):
        assert step(manager, encounter, name, status=409)["code"] == "encounter-signed-off"
    withdrawn = step(manager, encounter, "withdraw-sign-off")
    assert (withdrawn["signed_off"], withdrawn["signed_by"], withdrawn["signed_at"]) == (False, None, None)
    assert step(manager, encounter, "withdraw-sign-off", status=409)["code"] == "invalid-transition"
    etag = manager.get(path).headers["ETag"]
    assert manager.patch(path, {"priority": "STAT"}, etag).status_code == 200


def test_what_has_not_ended_is_not_signed_off(manager: Client, patient: Json) -> None:
    for state in ("PLANNED", "ARRIVED", "IN_PROGRESS", "CANCELLED", "ENTERED_IN_ERROR"):
        refused = step(manager, in_state(manager, patient, state), "sign-off", status=409)
        assert (refused["code"], refused["blockers"]) == ("sign-off-blocked", ["not-finished"])


def test_complete_documentation_is_asked_for_only_where_the_tenant_says_so(manager: Client, patient: Json) -> None:
    def finished(complete: bool) -> Json:
        encounter = opened(manager, patient, status="IN_PROGRESS", documentation_complete=complete)
        return step(manager, encounter, "close")

    assert manager.get("/settings").json["sign_off_needs_documentation"] is False
    step(manager, finished(False), "sign-off")
    answer = manager.put("/settings", {"sign_off_needs_documentation": True})
    assert answer.json["sign_off_needs_documentation"] is True
    refused = step(manager, finished(False), "sign-off", status=409)
    assert (refused["code"], refused["blockers"]) == ("sign-off-blocked", ["documentation"])
    step(manager, finished(True), "sign-off")


def test_an_encounter_is_given_to_the_patient_whose_it_is(
    manager: Client, desk: Client, patient: Json, register: Register
) -> None:
    encounter, other = opened(manager, patient), register(desk)
    moved = step(manager, encounter, "move", {"patient_id": other["id"], "reason": "Wrong patient"})
    assert (moved["patient_id"], moved["correction_reason"]) == (other["id"], "Wrong patient")
    body = {"patient_id": str(uuid4()), "reason": "Nobody"}
    assert step(manager, encounter, "move", body, status=422)["code"] == "unknown-patient"


def test_a_merged_encounter_is_in_error_and_names_the_one_that_replaces_it(manager: Client, patient: Json) -> None:
    twice, once = opened(manager, patient), opened(manager, patient)
    merged = step(manager, twice, "merge", {"into": once["id"], "reason": "Opened twice"})
    assert (merged["status"], merged["replaced_by"]) == ("ENTERED_IN_ERROR", once["id"])
    assert manager.get(f"/encounters/{once['id']}").json == once


def test_an_encounter_is_merged_into_another_valid_one_of_the_same_patient_only(
    manager: Client, desk: Client, patient: Json, register: Register
) -> None:
    encounter = opened(manager, patient)
    in_error, elsewhere = in_state(manager, patient, "ENTERED_IN_ERROR"), opened(manager, register(desk))
    for into in (encounter, in_error, elsewhere):
        refused = step(manager, encounter, "merge", {"into": into["id"], "reason": "Twice"}, status=409)
        assert refused["code"] == "encounter-merge-refused"
    refused = step(manager, encounter, "merge", {"into": str(uuid4()), "reason": "Twice"}, status=422)
    assert list(refused["errors"]) == ["into"]


def test_encounters_are_listed_by_ids_state_and_time(
    manager: Client, desk: Client, patient: Json, register: Register
) -> None:
    day = "2026-11-{:02d}T08:00:00Z"
    first, second, third = (opened(manager, patient, started_at=day.format(n)) for n in (20, 21, 22))
    opened(manager, register(desk), started_at=day.format(21))
    second = step(manager, second, "cancel")

    def listed(**query: Any) -> list[str]:
        return [item["id"] for item in manager.get("/encounters", patient_id=patient["id"], **query).json["items"]]

    everything = [first["id"], second["id"], third["id"]]
    assert listed() == everything
    assert listed(status="CANCELLED") == [second["id"]]
    assert listed(**{"from": day.format(21), "to": day.format(22)}) == [second["id"]]
    assert listed(encounter_number=third["encounter_number"]) == [third["id"]]
    assert listed(ids=[first["id"], third["id"], str(uuid4())]) == [first["id"], third["id"]]
    page = manager.get("/encounters", patient_id=patient["id"], limit=2).json
    rest = manager.get("/encounters", patient_id=patient["id"], limit=2, cursor=page["next_cursor"]).json
    assert [item["id"] for item in page["items"] + rest["items"]] == everything
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient_id", "nobody"),
        ("encounter_type", ""),
        ("encounter_type", "with blanks"),
        ("encounter_class", "OUT"),
        ("status", "FINISHED"),
        ("priority", "SOON"),
        ("acuity_level", 0),
        ("acuity_level", 6),
        ("billing_codes", [{"system": "X", "code": "Y"}] * 51),
        ("billing_codes", [{"system": "X"}]),
        ("quality_measures", [1]),
        ("chief_complaint", "x" * 4001),
        ("chief_complaint", "a\x00b"),
        ("started_at", "2026-11-20T09:00:00"),
        ("provider_id", str(UUID(int=1))),
        ("clinic_id", str(UUID(int=1))),
        ("appointment_id", str(UUID(int=1))),
        ("unknown_field", 1),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_opened(
    manager: Client, patient: Json, field: str, value: object
) -> None:
    body = {"patient_id": patient["id"], "encounter_type": "CONSULTATION", field: value}
    answer = manager.post("/encounters", body)
    assert (answer.status_code, answer.json["code"]) == (422, "validation-error")
    assert field in answer.json["errors"]
    assert manager.get("/encounters", patient_id=patient["id"]).json["items"] == []


def test_an_unknown_patient_has_no_encounter(manager: Client) -> None:
    answer = manager.post("/encounters", {"patient_id": str(uuid4()), "encounter_type": "CONSULTATION"})
    assert (answer.status_code, answer.json["code"]) == (422, "unknown-patient")


def test_times_that_contradict_each_other_are_refused(manager: Client, patient: Json) -> None:
    encounter = opened(manager, patient, status="ARRIVED", started_at="2026-11-20T09:00:00Z")
    before = step(manager, encounter, "close", {"at": "2026-11-20T08:00:00Z"}, status=422)
    ahead = step(manager, encounter, "close", {"at": "2199-01-01T00:00:00Z"}, status=422)
    assert list(before["errors"]) == list(ahead["errors"]) == ["at"]
    closed = step(manager, encounter, "close", {"at": "2026-11-20T10:00:00Z"})
    path = f"/encounters/{encounter['id']}"
    etag = manager.get(path).headers["ETag"]
    late = manager.patch(path, {"started_at": "2026-11-20T10:00:01Z"}, etag)
    assert (late.status_code, list(late.json["errors"])) == (422, ["started_at"])
    assert closed["ended_at"] == "2026-11-20T10:00:00Z"


def test_another_tenants_encounter_is_not_found(kit: ServiceKit, manager: Client, tenant: str, patient: Json) -> None:
    encounter, stranger = opened(manager, patient), kit.client(f"{tenant}-b")
    path = f"/encounters/{encounter['id']}"
    answers = [stranger.get(path), stranger.patch(path, {"priority": "STAT"}, '"x"')]
    answers += [
        stranger.post(f"{path}/{name}", _REASONS.get(name)) for name in ("close", "sign-off", "entered-in-error")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert stranger.get("/encounters").json["items"] == []


def test_a_clinician_who_names_nobody_is_the_provider(
    kit: ServiceKit, tenant: str, patient: Json, open_clinic: Callable[..., str]
) -> None:
    provider = str(uuid4())
    know_provider(kit, tenant, provider)
    encounter = opened(kit.client(tenant, "clinician", provider_id=provider), patient, clinic_id=open_clinic())
    assert encounter["provider_id"] == provider
