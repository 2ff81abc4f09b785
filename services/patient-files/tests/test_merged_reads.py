"""Merged records of a patient are read as one, under either id, and what is new goes to the survivor."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from jalsa.dev.kit import Client, ServiceKit
from patient_files.models import DuplicatePair

from .conftest import take_grant
from .test_merges import START, answer, book, merge, merged, refused, unmerged

Json = dict[str, Any]
Make = Callable[..., Json]

GUARDIAN = {"relation": "MOTHER", "name_en": "Huda"}
WARNING = {"kind": "BEHAVIOUR", "text": "May run away", "audience": "ALL"}
BADGE = {"type": "OTHER", "value": "BADGE1"}
PASSPORT = {"type": "PASSPORT", "issuing_country": "JO", "value": "K1234567"}


@pytest.fixture
def records(kit: ServiceKit, tenant: str) -> Client:
    """Somebody of the records department."""
    return kit.client(tenant, "records", subject="records-1")


@pytest.fixture
def two(desk: Client, register: Make) -> tuple[Json, Json]:
    """Two records of one patient."""
    return register(desk), register(desk)


def listed(client: Client, patient: Json, what: str) -> list[str]:
    return [each["id"] for each in answer(client.get(f"/patients/{patient['id']}/{what}"))["items"]]


def added(client: Client, patient: Json, what: str, body: Json) -> str:
    return str(answer(client.post(f"/patients/{patient['id']}/{what}", body), 201)["id"])


def summary(client: Client, patient: Json) -> Json:
    [found] = answer(client.post("/patients/names", {"ids": [patient["id"]]}))["items"]
    return dict(found)


@pytest.mark.parametrize(
    ("what", "bodies"),
    [
        ("identifiers", (BADGE, PASSPORT)),
        ("guardians", (GUARDIAN, {**GUARDIAN, "relation": "FATHER"})),
        ("alerts", (WARNING, WARNING)),
    ],
)
def test_what_belongs_to_either_record_is_listed_under_both_ids_until_the_undoing(
    desk: Client, records: Client, two: tuple[Json, Json], what: str, bodies: tuple[Json, Json]
) -> None:
    own = [added(desk, patient, what, body) for patient, body in zip(two, bodies, strict=True)]
    merged(records, *two)
    assert listed(desk, two[0], what) == listed(desk, two[1], what) == own
    unmerged(records, two[0])
    assert [listed(desk, patient, what) for patient in two] == [[own[0]], [own[1]]]


def test_both_records_answer_the_identifiers_the_guardians_and_the_alert_of_both(
    desk: Client, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    added(desk, loser, "identifiers", BADGE)
    added(desk, loser, "guardians", GUARDIAN)
    added(desk, loser, "alerts", WARNING)
    assert not summary(desk, survivor)["alert"]
    merged(records, loser, survivor)
    for patient in two:
        shown = answer(desk.get(f"/patients/{patient['id']}"))
        assert [each["value"] for each in shown["identifiers"]] == ["BADGE1"]
        assert (shown["national_id"], shown["alert"], len(shown["guardians"])) == ("BADGE1", True, 1)
        assert summary(desk, patient)["alert"]
    [first, second] = answer(desk.get("/patients"))["items"]
    assert first["alert"]
    assert second["alert"]
    unmerged(records, loser)
    shown = answer(desk.get(f"/patients/{survivor['id']}"))
    assert (shown["identifiers"], shown["guardians"], shown["alert"]) == ([], [], False)


def test_what_is_added_with_the_losers_id_is_the_survivors(
    desk: Client, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    merged(records, loser, survivor)
    new = {
        what: added(desk, loser, what, body)
        for what, body in {"identifiers": BADGE, "guardians": GUARDIAN, "alerts": WARNING}.items()
    }
    undone = unmerged(records, loser)
    assert sorted((each["kind"], each["patient_id"]) for each in undone["to_review"]) == [
        (kind, survivor["id"]) for kind in ("ALERT", "GUARDIAN", "IDENTIFIER")
    ]
    for what, one in new.items():
        assert (listed(desk, loser, what), listed(desk, survivor, what)) == ([], [one])


def test_names_and_searches_name_the_survivor_of_a_merged_record(desk: Client, records: Client, register: Make) -> None:
    first, second, third = (register(desk) for _ in range(3))
    merged(records, first, second)
    merged(records, second, third)
    assert [summary(desk, each)["survivor_id"] for each in (first, second, third)] == [third["id"], third["id"], None]
    [found] = answer(desk.post("/patients/search", {"text": first["file"]["file_number"]}))["items"]
    assert (found["id"], found["survivor_id"]) == (first["id"], third["id"])


def test_what_is_merged_with_a_restricted_record_is_restricted_until_the_undoing(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    etag = records.get(f"/patients/{loser['id']}").headers["ETag"]
    restricted = {"restricted": True, "reason": "A colleague"}
    assert records.patch(f"/patients/{loser['id']}", restricted, etag).status_code == 200
    biller, doctor = kit.client(tenant, "biller"), kit.client(tenant, "clinician", subject="dr.huda")
    assert answer(biller.get(f"/patients/{survivor['id']}"))["email"] is not None
    merged(records, loser, survivor)
    assert answer(biller.get(f"/patients/{survivor['id']}"))["email"] is None
    assert summary(desk, survivor)["restricted"]
    assert doctor.get(f"/patients/{survivor['id']}").status_code == 403
    take_grant(doctor, loser)
    for patient in two:
        assert doctor.get(f"/patients/{patient['id']}").status_code == 200
    unmerged(records, loser)
    assert answer(biller.get(f"/patients/{survivor['id']}"))["email"] is not None
    assert doctor.get(f"/patients/{loser['id']}").status_code == 403


def test_encounters_and_the_timeline_of_both_are_read_under_either_id(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    body = {"encounter_type": "OT", "encounter_class": "AMB", "status": "ARRIVED"}
    for patient in two:
        book(kit, tenant, patient)

    def opened(patient: Json) -> Json:
        return answer(records.post("/encounters", {**body, "patient_id": patient["id"]}), 201)

    def read(patient: Json) -> tuple[set[str], int]:
        found = answer(records.get("/encounters", patient_id=patient["id"]))["items"]
        return {each["id"] for each in found}, len(answer(records.get(f"/patients/{patient['id']}/timeline"))["items"])

    own = [opened(patient)["id"] for patient in two]
    apart = [read(patient) for patient in two]
    assert [ids for ids, _ in apart] == [{own[0]}, {own[1]}]
    merged(records, loser, survivor)
    assert read(loser) == read(survivor) == (set(own), sum(told for _, told in apart))
    new = opened(loser)
    assert new["patient_id"] == survivor["id"]
    one_of_both = answer(records.post(f"/encounters/{own[0]}/merge", {"into": own[1], "reason": "Opened twice"}))
    assert one_of_both["replaced_by"] == own[1]
    assert [each["kind"] for each in unmerged(records, loser)["to_review"]] == ["ENCOUNTER"]
    assert [read(patient)[0] for patient in two] == [{own[0]}, {own[1], new["id"]}]


def test_a_grant_for_the_encounters_of_one_record_holds_for_those_of_the_other(
    kit: ServiceKit, tenant: str, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    body = {"encounter_type": "OT", "encounter_class": "AMB", "status": "ARRIVED", "chief_complaint": "Headache"}
    answer(records.post("/encounters", {**body, "patient_id": loser["id"]}), 201)
    doctor = kit.client(tenant, "clinician", subject="dr.huda")
    take_grant(doctor, survivor, scope="ENCOUNTERS")

    def complaints() -> list[str | None]:
        found = answer(doctor.get("/encounters", patient_id=loser["id"]))["items"]
        return [each["chief_complaint"] for each in found]

    assert complaints() == [None]
    merged(records, loser, survivor)
    assert complaints() == ["Headache"]


def test_the_standing_of_another_type_is_the_union_as_well(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make
) -> None:
    loser, survivor = two
    consent_to(desk, loser, consent_type="PHOTOGRAPHY")

    def photographed(patient: Json) -> bool:
        of_type = answer(desk.get(f"/patients/{patient['id']}/consent-standing"))["standings"]
        return any(each["consented"] for each in of_type if each["consent_type"] == "PHOTOGRAPHY")

    def told() -> list[tuple[str, bool]]:
        return [(e.data["patient_id"], e.data["consented"]) for e in kit.events(tenant, "ConsentTypeStandingChanged")]

    merged(records, loser, survivor)
    assert [photographed(patient) for patient in two] == [True, True]
    assert told() == [(loser["id"], True), (survivor["id"], True)]
    unmerged(records, loser)
    assert [photographed(patient) for patient in two] == [True, False]
    assert told()[2:] == [(loser["id"], True), (survivor["id"], False)]


def test_a_guardian_of_the_losers_record_signs_for_the_survivor(
    desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make
) -> None:
    loser, survivor = two
    right = {"basis": "NATURAL_GUARDIAN", "valid_from": "2020-01-01"}
    guardian = added(desk, loser, "guardians", {**GUARDIAN, "rights": [right]})
    signer = {"kind": "GUARDIAN", "guardian_id": guardian}
    body = {"patient_id": survivor["id"], "consent_type": "TREATMENT", "signed_by": "Huda", "signer": signer}
    body["signed_at"] = "2026-06-01T09:00:00+03:00"
    assert answer(desk.post("/consents", body), 422)["code"] == "signer-may-not-consent"
    merged(records, loser, survivor)
    assert answer(desk.post("/consents", body), 201)["patient_id"] == survivor["id"]


def test_who_has_read_either_record_is_listed_under_both(
    kit: ServiceKit, tenant: str, records: Client, two: tuple[Json, Json]
) -> None:
    merged(records, *two)
    kit.client(tenant, subject="noura").get(f"/patients/{two[0]['id']}/file")
    for patient in two:
        items = answer(records.get(f"/patients/{patient['id']}/access-log"))["items"]
        assert ("noura", two[0]["id"]) in [(each["person"], each["patient_id"]) for each in items]


def test_a_sub_file_stays_open_while_an_appointment_of_either_record_lies_ahead(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json],
    set_clock: Callable[[datetime], None],
) -> None:  # fmt: skip
    loser, survivor = two
    merged(records, loser, survivor)
    book(kit, tenant, loser)
    set_clock(START)
    [sub_file] = listed(desk, survivor, "sub-files")
    assert answer(records.post(f"/sub-files/{sub_file}/close", {"reason": "x"}), 409)["code"] == "sub-file-in-use"


def test_billing_is_told_of_each_record_the_identity_that_the_patient_has(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    badge = added(desk, loser, "identifiers", BADGE)

    def told() -> list[tuple[str, str | None]]:
        changes = kit.events(tenant, "PatientIdentityChanged")
        return [(change.data["patient_id"], change.data["id_number"]) for change in changes]

    merged(records, loser, survivor)
    assert told()[1:] == [(survivor["id"], "BADGE1")]
    added(desk, survivor, "identifiers", {"type": "NAT", "value": "1065432195"})
    assert told()[2:] == [(survivor["id"], "1065432195")]
    answer(records.post(f"/identifiers/{badge}/withdraw", {"reason": "Not the patient's"}))
    assert told()[3:] == [(loser["id"], "1065432195")]
    unmerged(records, loser)
    assert told()[4:] == [(loser["id"], None), (survivor["id"], "1065432195")]


# Pairs and refusals


@pytest.fixture
def noticed(desk: Client, register: Make) -> tuple[Json, Json]:
    """Two records that were noticed to be probably one person's."""
    first = register(desk)
    return first, register(desk, date_of_birth="2015-04-30")


def decisions(client: Client) -> list[str]:
    return [each["decision"] for each in answer(client.get("/duplicate-pairs"))["items"]]


def test_a_merge_decides_the_open_pair_of_the_two_and_the_undoing_opens_it_again(
    records: Client, noticed: tuple[Json, Json]
) -> None:
    assert decisions(records) == ["OPEN"]
    merged(records, *noticed, dry_run=True)
    assert decisions(records) == ["OPEN"]
    merged(records, *noticed)
    [pair] = answer(records.get("/duplicate-pairs"))["items"]
    assert (pair["decision"], pair["decided_by"]) == ("MERGED", "records-1")
    candidates = answer(records.post("/patients/duplicates", {"patient_id": noticed[1]["id"]}))["candidates"]
    assert candidates == []
    unmerged(records, noticed[0])
    [pair] = answer(records.get("/duplicate-pairs"))["items"]
    assert (pair["decision"], pair["decision_reason"], pair["decided_at"]) == ("OPEN", None, None)


def test_a_merge_leaves_a_dismissed_pair_and_other_pairs_as_they_are(
    kit: ServiceKit, tenant: str, records: Client, noticed: tuple[Json, Json], desk: Client, register: Make
) -> None:
    other = register(desk, date_of_birth="2001-01-01")
    [pair] = answer(records.get("/duplicate-pairs"))["items"]
    answer(records.post(f"/duplicate-pairs/{pair['id']}/dismiss", {"reason": "Twins"}))
    merged(records, *noticed)
    assert decisions(records) == ["NOT_DUPLICATE"]
    merged(records, other, noticed[1])
    assert kit.count(tenant, DuplicatePair) == 1


def test_two_identifiers_of_one_type_are_different_even_if_a_merged_record_has_one(
    desk: Client, records: Client, register: Make
) -> None:
    survivor, loser, third = register(desk), register(desk), register(desk)
    added(desk, loser, "identifiers", PASSPORT)
    added(desk, third, "identifiers", {**PASSPORT, "value": "K7654321"})
    merged(records, loser, survivor)
    assert refused(merge(records, third, survivor)) == ["different-identifiers"]
    merged(records, third, survivor, override={"reason": "Both passports were shown"})


def test_a_known_patient_is_not_merged_into_an_unknown_one_but_the_other_way_round(
    desk: Client, records: Client, register: Make
) -> None:
    known = register(desk)
    somebody = {"identity_status": "UNKNOWN", "sex": "U", "preferred_language": "ar"}
    unknown = answer(desk.post("/patients", somebody), 201)
    for fields in ({}, {"override": {"reason": "x"}}):
        assert refused(merge(records, known, unknown, **fields)) == ["known-into-unknown"]
    merged(records, unknown, known)


def test_a_record_that_was_merged_is_not_identified(desk: Client, records: Client, register: Make) -> None:
    known = register(desk)
    somebody = {"identity_status": "UNKNOWN", "sex": "U", "preferred_language": "ar"}
    unknown = answer(desk.post("/patients", somebody), 201)
    merged(records, unknown, known)
    said = {"first_name_en": "Sara", "date_of_birth": "2015-04-30", "sex": "F", "reason": "Woke up"}
    problem = answer(desk.post(f"/patients/{unknown['id']}/identify", said), 409)
    assert (problem["code"], problem["survivor_id"]) == ("patient-merged", known["id"])
