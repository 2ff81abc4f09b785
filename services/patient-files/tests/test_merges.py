"""Two records of one patient: merged, read as one, and parted again as if nothing had been."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.service.ids import new_id
from jalsa.work.jobs import JobTools
from patient_files import jobs
from patient_files.consents import operations as consents
from patient_files.consents.commands import GiveConsent, RevokeConsent
from patient_files.errors import MergeRefused, NotMerged
from patient_files.files import operations as files
from patient_files.files.commands import BookSubFile
from patient_files.merges import operations, rules
from patient_files.merges.commands import MergePatients, UndoMerge
from patient_files.models import Consent, ConsentStanding
from patient_files.patients import queries as patient_queries
from patient_files.patients.commands import RegisterPatient
from patient_files.patients.rules.births import on_day
from patient_files.use_cases import registration

Json = dict[str, Any]
Make = Callable[..., Json]

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
BOTH_ARE_ONE = "The same person, registered twice"


@pytest.fixture
def records(kit: ServiceKit, tenant: str) -> Client:
    """Somebody of the records department."""
    return kit.client(tenant, "records", subject="records-1")


@pytest.fixture
def two(desk: Client, register: Make) -> tuple[Json, Json]:
    """Two records of one patient."""
    return register(desk), register(desk)


def merge(client: Client, loser: Json, survivor: Json, **fields: Any) -> TestResponse:
    return client.post(f"/patients/{loser['id']}/merge", {"into": survivor["id"], "reason": BOTH_ARE_ONE, **fields})


def merged(client: Client, loser: Json, survivor: Json, **fields: Any) -> Json:
    return answer(merge(client, loser, survivor, **fields))


def unmerged(client: Client, loser: Json) -> Json:
    return answer(client.post(f"/patients/{loser['id']}/unmerge", {"reason": "Two persons after all"}))


def answer(response: TestResponse, status: int = 200) -> Json:
    assert response.status_code == status, response.json
    found: Json = response.json or {}
    return found


def refused(response: TestResponse) -> list[str]:
    problem = answer(response, 409)
    assert problem["code"] == "merge-refused"
    return list(problem["reasons"])


def standing(kit: ServiceKit, tenant: str, patient: Json) -> tuple[bool, list[str]]:
    """What was announced last of a patient's consents to treatment."""
    told = [e for e in kit.events(tenant, "ConsentStandingChanged") if e.data["patient_id"] == patient["id"]]
    last = max(told, key=lambda e: e.sequence, default=None)
    return (last.data["consented"], last.data["clinic_ids"]) if last else (False, [])


def book(kit: ServiceKit, tenant: str, patient: Json, code: str = "OT") -> str:
    """The patient is booked in a clinic. Returns the clinic's id, one for each code."""
    appointment, clinic = new_id(), f"01a1f000-0000-7000-8000-{code.encode().hex():0>12}"
    ids = {"subject_id": appointment, "appointment_id": appointment, "patient_id": patient["id"]}
    kit.inbox.receive(example("AppointmentBooked", "group", tenant, clinic={"id": clinic, "code": code}, **ids))
    return clinic


def sub_files(client: Client, patient: Json) -> list[str]:
    """The numbers of a patient's sub-files, by both ways to read them."""
    listed = answer(client.get(f"/patients/{patient['id']}/sub-files"))["items"]
    assert answer(client.get(f"/patients/{patient['id']}/file"))["sub_files"] == listed
    return [each["sub_file_number"] for each in listed]


def test_a_record_is_merged_and_says_so_and_changes_no_other_row(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make
) -> None:
    loser, survivor = two
    consent_to(desk, loser)
    book(kit, tenant, loser)
    before = rows(kit, tenant)
    outcome = merged(records, loser, survivor)
    assert (outcome["loser_id"], outcome["survivor_id"]) == (loser["id"], survivor["id"])
    assert outcome["loser_file_number"] == loser["file"]["file_number"]
    assert outcome["records"] == {"sub_files": 1, "consents": 1, "appointments": 1, "encounters": 0}
    assert (outcome["dry_run"], outcome["merged_by"]) == (False, "records-1")
    assert answer(desk.get(f"/patients/{loser['id']}"))["merged_into"] == survivor["id"]
    assert answer(desk.get(f"/patients/{survivor['id']}"))["merged_into"] is None
    [found] = answer(desk.get("/patients", file_number=loser["file"]["file_number"]))["items"]
    assert (found["id"], found["merged_into"]) == (loser["id"], survivor["id"])
    unchanged = ("main_files", "sub_files", "consents", "appointments")
    assert {name: rows(kit, tenant)[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_a_dry_run_tells_what_would_come_of_it_and_stores_nothing(
    kit: ServiceKit, tenant: str, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    book(kit, tenant, loser)
    before = rows(kit, tenant)
    outcome = merged(records, loser, survivor, dry_run=True)
    assert (outcome["dry_run"], outcome["merged_at"], outcome["records"]["sub_files"]) == (True, None, 1)
    assert (rows(kit, tenant), kit.events(tenant, "PatientsMerged")) == (before, [])


@pytest.mark.parametrize("role", ["front-desk", "clinician", "biller", "integration"])
def test_only_records_and_managers_merge(kit: ServiceKit, tenant: str, two: tuple[Json, Json], role: str) -> None:
    person = kit.client(tenant, role)
    assert merge(person, *two).status_code == 403
    assert person.post(f"/patients/{two[0]['id']}/unmerge", {"reason": "x"}).status_code == 403


def test_a_merge_is_refused_with_all_its_reasons(desk: Client, records: Client, register: Make) -> None:
    one, other = register(desk, national_id="1065432195"), register(desk, national_id="1010101010", sex="M")
    assert refused(merge(records, one, one)) == ["same-record"]
    assert refused(merge(records, one, other)) == ["different-identifiers", "different-sex"]
    assert refused(merge(records, one, other, dry_run=True)) == ["different-identifiers", "different-sex"]
    merged(records, one, other, override={"reason": "The number was mistyped"})
    third = register(desk, sex="M")
    assert refused(merge(records, one, third, override={"reason": "x"})) == ["loser-merged"]
    assert refused(merge(records, third, one, override={"reason": "x"})) == ["survivor-merged"]


def test_a_record_that_does_not_exist_is_not_merged(records: Client, two: tuple[Json, Json]) -> None:
    nobody = {"id": str(uuid4())}
    assert answer(merge(records, nobody, two[0]), 404)["code"] == "not-found"
    assert answer(merge(records, two[0], nobody), 422)["code"] == "unknown-patient"
    assert answer(records.post(f"/patients/{two[0]['id']}/unmerge", {"reason": "x"}), 409)["code"] == "not-merged"


def test_a_merged_record_cannot_be_changed_and_names_its_survivor(
    desk: Client, records: Client, register: Make
) -> None:
    first, second, third = (register(desk) for _ in range(3))
    etag = desk.get(f"/patients/{first['id']}").headers["ETag"]
    merged(records, first, second)
    merged(records, second, third)
    assert desk.patch(f"/patients/{first['id']}", {"phone": None}, etag).status_code == 412
    etag = desk.get(f"/patients/{first['id']}").headers["ETag"]
    problem = answer(desk.patch(f"/patients/{first['id']}", {"phone": None}, etag), 409)
    assert (problem["code"], problem["survivor_id"]) == ("patient-merged", third["id"])


def test_two_sub_files_of_one_clinic_both_stay_and_bookings_use_the_survivors(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    for patient in two:
        book(kit, tenant, patient)
    merged(records, loser, survivor)
    numbers = [f"{patient['file']['file_number']}-OT-01" for patient in two]
    assert sub_files(desk, loser) == sub_files(desk, survivor) == numbers
    book(kit, tenant, loser)
    book(kit, tenant, loser, "SLP")
    added = [*numbers, f"{survivor['file']['file_number']}-SLP-02"]
    assert sub_files(desk, loser) == added
    assert answer(desk.get(f"/patients/{loser['id']}/file"))["patient_id"] == survivor["id"]
    unmerged(records, loser)
    assert (sub_files(desk, loser), sub_files(desk, survivor)) == (numbers[:1], added[1:])


def test_the_standing_of_both_is_the_union_of_their_consents_and_each_has_its_own_again_after_the_undoing(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make,
    open_clinic: Callable[..., str],
) -> None:  # fmt: skip
    loser, survivor = two
    one, other = sorted(open_clinic() for _ in range(2))
    consent_to(desk, loser, clinic_id=one)
    consent_to(desk, survivor, clinic_id=other)
    merged(records, loser, survivor)
    assert standing(kit, tenant, survivor) == standing(kit, tenant, loser) == (False, [one, other])
    for patient in two:
        listed = answer(desk.get("/consents", patient_id=patient["id"]))["items"]
        assert [consent["clinic_id"] for consent in listed] == [one, other]
    unmerged(records, loser)
    assert (standing(kit, tenant, loser), standing(kit, tenant, survivor)) == ((False, [one]), (False, [other]))


def test_a_consent_that_is_given_with_the_losers_id_is_the_survivors(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make
) -> None:
    loser, survivor = two
    merged(records, loser, survivor)
    assert consent_to(desk, loser)["patient_id"] == survivor["id"]
    assert standing(kit, tenant, loser) == standing(kit, tenant, survivor) == (True, [])
    unmerged(records, loser)
    assert (standing(kit, tenant, loser), standing(kit, tenant, survivor)) == ((False, []), (True, []))


@pytest.mark.parametrize("revoked_after_the_merge", [True, False])
def test_a_revocation_on_one_record_ends_the_earlier_consents_to_the_same_clinic_on_the_other(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make,
    open_clinic: Callable[..., str], revoked_after_the_merge: bool,
) -> None:  # fmt: skip
    loser, survivor = two
    clinic = open_clinic()
    consents = [consent_to(desk, patient) for patient in two]
    consent_to(desk, loser, clinic_id=clinic)

    def revoke() -> None:
        answer(desk.post(f"/consents/{consents[1]['id']}/revoke"))

    if not revoked_after_the_merge:
        revoke()
    merged(records, loser, survivor)
    if revoked_after_the_merge:
        assert standing(kit, tenant, survivor) == (True, [clinic])
        revoke()
    assert standing(kit, tenant, survivor) == standing(kit, tenant, loser) == (False, [clinic])
    later = consent_to(desk, loser, signed_at=datetime.now(UTC).isoformat())
    assert standing(kit, tenant, survivor) == (True, [clinic])
    assert later["patient_id"] == survivor["id"]
    unmerged(records, loser)
    assert standing(kit, tenant, loser) == (True, [clinic])


def test_the_end_of_a_consent_ends_the_standing_of_both(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make,
    set_clock: Callable[[datetime], None],
) -> None:  # fmt: skip
    loser, survivor = two
    consent_to(desk, loser, expires_on="2026-12-31")
    merged(records, loser, survivor)
    assert standing(kit, tenant, survivor) == (True, [])
    set_clock(datetime(2026, 12, 31, 21, tzinfo=UTC))
    tools = JobTools(kit.database, kit.relay, kit.config)
    while jobs.expire_consents(tools):
        pass
    assert standing(kit, tenant, survivor) == standing(kit, tenant, loser) == (False, [])


def test_undoing_tells_all_that_holds_of_both_anew_after_the_undoing_itself(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make
) -> None:
    loser, survivor = two
    for patient in two:
        consent_to(desk, patient)
    merged(records, loser, survivor)
    told = len(kit.events(tenant))
    unmerged(records, loser)
    after = [(e.event.split(".")[0], e.subject.split("/")[1]) for e in kit.events(tenant)[told:]]
    assert [name for name, patient in after if patient == loser["id"]] == [
        "PatientsUnmerged",
        "PatientUpdated",
        "PatientIdentityChanged",
        "ConsentStandingChanged",
    ]
    assert [name for name, patient in after if patient == survivor["id"]] == [
        "PatientUpdated",
        "PatientIdentityChanged",
        "ConsentStandingChanged",
    ]


def test_undoing_answers_what_was_written_in_between(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, two: tuple[Json, Json], consent_to: Make
) -> None:
    loser, survivor = two
    before = consent_to(desk, loser)
    book(kit, tenant, survivor)
    merged(records, loser, survivor)
    consent = consent_to(desk, survivor, consent_type="RESEARCH")
    book(kit, tenant, loser, "SLP")
    answer(desk.post(f"/consents/{before['id']}/revoke"))
    undone = unmerged(records, loser)
    review = [(each["kind"], each["patient_id"]) for each in undone["to_review"]]
    assert sorted(review) == sorted(
        [
            ("CONSENT", survivor["id"]),
            ("SUB_FILE", survivor["id"]),
            ("APPOINTMENT", loser["id"]),
            ("REVOCATION", loser["id"]),
        ]
    )
    assert consent["id"] in {each["id"] for each in undone["to_review"]}
    assert undone["more_to_review"] is False
    assert [each["at"] for each in undone["to_review"]] == sorted(each["at"] for each in undone["to_review"])


def test_a_record_may_be_merged_again_after_the_undoing(
    kit: ServiceKit, tenant: str, records: Client, two: tuple[Json, Json]
) -> None:
    loser, survivor = two
    merged(records, loser, survivor)
    unmerged(records, loser)
    merged(records, survivor, loser)
    assert answer(records.get(f"/patients/{survivor['id']}"))["merged_into"] == loser["id"]
    assert len(kit.events(tenant, "PatientsMerged")) == 2


def test_another_tenant_neither_merges_nor_finds_a_record(
    kit: ServiceKit, tenant: str, records: Client, two: tuple[Json, Json]
) -> None:
    stranger = kit.client(f"{tenant}-b", "records")
    assert merge(stranger, *two).status_code == 404
    merged(records, *two)
    assert stranger.post(f"/patients/{two[0]['id']}/unmerge", {"reason": "x"}).status_code == 404


def test_the_first_id_of_an_instant_is_not_after_any_that_is_made_then() -> None:
    before = datetime.now(UTC)
    made = new_id()
    assert rules.first_id_of(before) <= made < rules.first_id_of(datetime.now(UTC) + timedelta(seconds=1))


# Races


@pytest.fixture
def three(desk: Client, register: Make) -> list[Json]:
    return [register(desk) for _ in range(3)]


def _in_a_circle(kit: ServiceKit, tenant: str, three: list[Json]) -> list[int]:
    """A into B, B into C and C into A at once. Returns the statuses of the answers."""
    start = threading.Barrier(3)

    def run(n: int) -> int:
        client = kit.client(tenant, "records")
        start.wait(30)
        return merge(client, three[n], three[(n + 1) % 3]).status_code

    with ThreadPoolExecutor(3) as pool:
        return sorted(pool.map(run, range(3)))


def _all_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever merges has read both records when the others have, if no lock keeps them from it."""
    reads, real = threading.Barrier(3), rules.refusals

    def meet(*args: Any, **kwargs: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            reads.wait(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(rules, "refusals", meet)


def test_of_merges_in_a_circle_at_once_at_least_one_is_refused(
    kit: ServiceKit, tenant: str, three: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    _all_see_nothing(monkeypatch)
    answers = _in_a_circle(kit, tenant, three)
    assert set(answers) == {200, 409}
    assert any(answer(kit.client(tenant).get(f"/patients/{each['id']}"))["merged_into"] is None for each in three)


def test_without_the_lock_all_three_of_a_circle_are_merged(
    kit: ServiceKit, tenant: str, three: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    _all_see_nothing(monkeypatch)
    real = patient_queries.find_patient
    monkeypatch.setattr(patient_queries, "lock_rows", lambda *_: None)
    monkeypatch.setattr(patient_queries, "find_patient", lambda db, one, **_: real(db, one))
    monkeypatch.setattr(consents, "refresh_standings", lambda *_, **__: None)
    assert _in_a_circle(kit, tenant, three) == [200, 200, 200]


# Histories


TYPES = ("TREATMENT", "PHOTOGRAPHY")
TABLES = (
    *("patients", "identifiers", "guardians", "alerts", "duplicate_pairs", "main_files", "sub_files", "consents"),
    *("consent_standings", "appointments", "encounters", "aliases"),
)


def rows(kit: ServiceKit, tenant: str) -> dict[str, list[str]]:
    """Every row of the tenant, but for the history of merges, audit log and outbox."""
    with kit.transaction(tenant) as db:
        return _rows(db)


def _rows(db: Session) -> dict[str, list[str]]:
    return {
        name: [str(row) for row in db.scalars(text(f"SELECT to_jsonb(t) FROM {name} t ORDER BY t.id"))]
        for name in TABLES
    }


@pytest.fixture(scope="module")
def start(kit: ServiceKit) -> tuple[str, list[UUID]]:
    """A tenant with five records, each with a sub-file and consents, of which some were revoked."""
    tenant = f"t{uuid4().hex[:12]}"
    clinics: list[UUID | None] = [None, new_id(), new_id()]
    for clinic in clinics[1:]:
        kit.inbox.receive(example("ClinicSaved", "default", tenant, subject_id=clinic, clinic_id=clinic))
    with kit.transaction(tenant) as db:
        ids = [_registered(db) for _ in range(5)]
        for n, patient in enumerate(ids):
            _book(db, patient)
            for of_type in TYPES:
                _consent(db, patient, of_type, clinics[n % 3])
                ended = _consent(db, patient, of_type, clinics[(n + 1) % 3])
                consents.revoke_consent(db, ended, RevokeConsent(), now=START + timedelta(minutes=n + 1))
    return tenant, ids


class Over(Exception):
    """Ends a history and leaves nothing of it."""


def _registered(db: Session) -> UUID:
    """One of several who may be one person: each two of them are an open pair."""
    birth = on_day(date(2015, 4, 30))
    command = RegisterPatient(
        first_name_en="Sara", last_name_en="Nasser", birth=birth, sex="F", preferred_language="ar"
    )
    return registration.register_patient(db, command, zone="Asia/Riyadh", now=START).id


def _book(db: Session, patient: UUID) -> None:
    booked = BookSubFile(
        appointment_id=new_id(),
        appointment_number="APT-2026-00001",
        patient_id=patient,
        clinic_id=new_id(),
        clinic_code="OT",
        provider_id=new_id(),
    )
    files.book_sub_file(db, booked, now=START)


def _consent(db: Session, patient: UUID, of_type: str, clinic: UUID | None) -> Consent:
    command = GiveConsent(patient_id=patient, consent_type=of_type, clinic_id=clinic, signed_by="Huda", signed_at=START)
    return consents.give_consent(db, command, zone="Asia/Riyadh", now=START)


def _standings(db: Session, groups: list[set[UUID]]) -> dict[tuple[UUID, str], tuple[bool, set[UUID]]]:
    """The standing of every record, by a plain statement of the rule."""
    every = db.scalars(select(Consent)).all()
    found = dict[tuple[UUID, str], tuple[bool, set[UUID]]]()
    for group, of_type in product(groups, TYPES):
        own = [each for each in every if each.patient_id in group and each.consent_type == of_type]
        ended = [(each.patient_id, each.clinic_id) for each in own if each.revoked_at]  # later than every signature
        counting = {
            each.clinic_id
            for each in own
            if not each.revoked_at
            and not any(who != each.patient_id and clinic == each.clinic_id for who, clinic in ended)
        }
        clinics = {clinic for clinic in counting if clinic}
        told = (None in counting, set() if None in counting else clinics)
        found |= {(record, of_type): told for record in group}
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    attempts=st.lists(
        st.tuples(st.sampled_from(["merge", "merge", "undo"]), st.integers(0, 4), st.integers(0, 4)), max_size=12
    )
)
def test_whatever_was_merged_and_undone_the_standings_are_right_and_every_row_is_at_last_as_it_was(
    kit: ServiceKit, start: tuple[str, list[UUID]], attempts: list[tuple[str, int, int]]
) -> None:
    tenant, ids = start
    links: dict[UUID, UUID] = {}
    with suppress(Over), kit.transaction(tenant) as db:
        before, now = _rows(db), START + timedelta(days=1)
        for n, (kind, one, other) in enumerate(attempts):
            now += timedelta(minutes=n)
            loser, into = ids[one], ids[other]
            if kind == "undo":
                assert _undo(db, loser, now) == (loser in links)
                links.pop(loser, None)
            else:
                may = loser != into and loser not in links and into not in links
                assert _merge(db, loser, into, now) == may
                if may:
                    links[loser] = into
            told = {
                (each.patient_id, each.consent_type): (each.consented, set(each.clinic_ids))
                for each in db.scalars(select(ConsentStanding))
            }
            assert told == _standings(db, _groups(ids, links))
        for loser in list(links):
            assert _undo(db, loser, now + timedelta(minutes=1))
        assert _rows(db) == before
        raise Over


def _groups(ids: list[UUID], links: dict[UUID, UUID]) -> list[set[UUID]]:
    def last(one: UUID) -> UUID:
        return last(links[one]) if one in links else one

    return [{each for each in ids if last(each) == survivor} for survivor in ids if survivor not in links]


def _merge(db: Session, loser: UUID, into: UUID, now: datetime) -> bool:
    try:
        operations.merge_patients(
            db, operations.locked_patient(db, loser, into), MergePatients(into=into, reason="x"), now=now
        )
    except MergeRefused:
        return False
    return True


def _undo(db: Session, loser: UUID, now: datetime) -> bool:
    try:
        operations.undo_merge(db, operations.locked_patient(db, loser), UndoMerge(reason="x"), now=now)
    except NotMerged:
        return False
    return True
