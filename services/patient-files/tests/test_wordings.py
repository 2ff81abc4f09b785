"""Types of consent and their wordings: written, published, signed, and replaced by others."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.servers import Servers
from jalsa.work.jobs import JobTools
from patient_files import jobs
from patient_files.consents import rules
from patient_files.consents.operations import ends
from patient_files.consents.queries import setup

from .test_pending_sub_files import wait_for_a_lock_or_the_end

Json = dict[str, Any]
Make = Callable[..., Json]
SetClock = Callable[[datetime], None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PATH = "/consent-types/TREATMENT/wordings"
#: In Riyadh 1 December 2026 begins then.
DECEMBER = datetime(2026, 11, 30, 21, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_nine(set_clock: SetClock) -> None:
    set_clock(NOW)


@pytest.fixture
def records(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "records", subject="mona")


@pytest.fixture
def patient(desk: Client, register: Make) -> Json:
    return register(desk, date_of_birth="1990-04-30")


@pytest.fixture
def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config)


def write(client: Client, path: str = PATH, **fields: Any) -> Json:
    body = {"text_en": "I agree.", "text_ar": "أوافق.", "effective_on": "2026-12-01", **fields}
    answer = client.post(path, body)
    assert answer.status_code == 201, answer.json
    made: Json = answer.json or {}
    return made


def publish(client: Client, wording: Json) -> Json:
    answer = client.post(f"/wordings/{wording['id']}/publish")
    assert answer.status_code == 200, answer.json
    made: Json = answer.json or {}
    return made


def published(client: Client, path: str = PATH, **fields: Any) -> Json:
    return publish(client, write(client, path, **fields))


def work(tools: JobTools) -> None:
    """All that is due."""
    while jobs.spread_wordings(tools) or jobs.expire_consents(tools):
        pass


def shown(client: Client, consent: Json) -> tuple[bool, str | None, str | None]:
    answer = client.get(f"/consents/{consent['id']}").json or {}
    return answer["counts"], answer["counts_until"], answer["counts_reason"]


def announced(kit: ServiceKit, tenant: str) -> list[bool]:
    return [e.data["consented"] for e in kit.events(tenant, "ConsentStandingChanged")]


def refusal(answer: Any) -> tuple[int, str, list[str]]:
    document = answer.json or {}
    return answer.status_code, document["code"], list(document.get("errors") or {})


def sign(client: Client, patient: Json, **fields: Any) -> Any:
    body = {"consent_type": "TREATMENT", "signed_by": "Huda Nasser", "signed_at": "2026-11-20T08:00:00Z"}
    return client.post("/consents", {"patient_id": patient["id"], **body, **fields})


def test_five_types_exist_without_set_up(desk: Client) -> None:
    items = (desk.get("/consent-types").json or {})["items"]
    assert [item["code"] for item in items] == ["DATA_SHARING", "PHOTOGRAPHY", "RESEARCH", "TELEHEALTH", "TREATMENT"]
    assert all(item["active"] and item["validity_days"] is None and item["name_ar"] for item in items)
    first = desk.get("/consent-types", limit=3).json or {}
    second = desk.get("/consent-types", limit=3, cursor=first["next_cursor"]).json or {}
    assert (first["items"] + second["items"], second["next_cursor"]) == (items, None)


def test_a_type_is_added_and_changed(records: Client, desk: Client, patient: Json, consent_to: Make) -> None:
    body = {"code": "HOME_VISIT", "name_en": "Visits at home", "name_ar": "الزيارة المنزلية", "validity_days": 10}
    assert refusal(sign(desk, patient, consent_type="HOME_VISIT"))[2] == ["consent_type"]

    added = records.post("/consent-types", body)

    assert (added.status_code, added.json) == (201, {**body, "active": True})
    assert refusal(records.post("/consent-types", body))[:2] == (409, "consent-type-exists")
    assert refusal(records.post("/consent-types", {**body, "code": "RESEARCH"}))[:2] == (409, "consent-type-exists")
    given = consent_to(desk, patient, consent_type="HOME_VISIT", signed_at="2026-11-20T08:00:00Z")
    assert given["expires_on"] == "2026-11-30"
    read = records.get("/consent-types/HOME_VISIT")
    changed = records.patch("/consent-types/HOME_VISIT", {"active": False}, read.headers["ETag"])
    assert changed.json == {**body, "active": False}
    assert refusal(sign(desk, patient, consent_type="HOME_VISIT"))[2] == ["consent_type"]
    assert shown(desk, given)[0], "what was given stays as it is"


def test_a_built_in_type_is_changed_but_treatment_stays(records: Client) -> None:
    path = "/consent-types/TREATMENT"
    etag = records.get(path).headers["ETag"]
    assert refusal(records.patch(path, {"active": False}, etag))[:2] == (409, "consent-type-fixed")
    assert refusal(records.patch(path, {"validity_days": 30}))[:2] == (428, "precondition-required")

    changed = records.patch(path, {"validity_days": 365, "name_en": "Care"}, etag)

    assert changed.json == {
        "code": "TREATMENT",
        "name_en": "Care",
        "name_ar": "العلاج",
        "validity_days": 365,
        "active": True,
    }
    assert records.get(path).json == changed.json
    assert refusal(records.patch(path, {}, etag))[:2] == (412, "precondition-failed")
    assert refusal(records.get("/consent-types/SURGERY"))[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("expires_on", "expected"),
    [(None, "2027-11-20"), ("2027-11-20", "2027-11-20"), ("2026-12-01", "2026-12-01"), ("2027-11-21", None)],
)
def test_a_consent_lasts_no_longer_than_its_type_allows(
    records: Client, desk: Client, patient: Json, expires_on: str | None, expected: str | None
) -> None:
    etag = records.get("/consent-types/TREATMENT").headers["ETag"]
    records.patch("/consent-types/TREATMENT", {"validity_days": 365}, etag)
    answer = sign(desk, patient, expires_on=expires_on)
    if expected is None:
        assert refusal(answer) == (422, "validation-error", ["expires_on"])
    else:
        assert (answer.json or {})["expires_on"] == expected


def test_a_wording_is_written_and_published_once(records: Client) -> None:
    draft = write(records)
    assert (draft["version"], draft["status"], draft["published_at"]) == (1, "DRAFT", None)
    assert draft["sha256"] == sha256("I agree.\x1fأوافق.".encode()).hexdigest()

    done = publish(records, draft)

    assert done == {
        **draft,
        "status": "PUBLISHED",
        "published_at": "2026-11-20T09:00:00Z",
        "published_by": "mona",
    }
    assert refusal(records.post(f"/wordings/{draft['id']}/publish"))[:2] == (409, "invalid-transition")
    assert refusal(records.post(f"/wordings/{uuid4()}/publish"))[:2] == (404, "not-found")
    assert write(records)["version"] == 2
    assert [item["version"] for item in (records.get(PATH).json or {})["items"]] == [1, 2]
    page = records.get(PATH, limit=1).json or {}
    assert [i["version"] for i in (records.get(PATH, cursor=page["next_cursor"]).json or {})["items"]] == [2]


@pytest.mark.parametrize(
    "change",
    ["text_en = 'I agree to all.'", "requires_resign = NOT requires_resign", "grace_days = 9", "published_at = NULL"],
)
def test_a_published_wording_is_held_by_the_database(
    kit: ServiceKit, servers: Servers, tenant: str, records: Client, change: str
) -> None:
    wording = published(records, requires_resign=True)
    with pytest.raises(ProgrammingError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text("UPDATE consent_wordings SET text_en = 'x'"))
    superuser = create_engine(make_url(servers.postgres.url).set(database=make_url(kit.config.database_url).database))
    for statement in (f"UPDATE consent_wordings SET {change}", "DELETE FROM consent_wordings"):
        with pytest.raises(IntegrityError, match="published wording"), superuser.begin() as conn:
            conn.execute(text(f"{statement} WHERE id = :id"), {"id": wording["id"]})
    superuser.dispose()


def test_a_text_with_another_fingerprint_is_refused_by_the_database(kit: ServiceKit, tenant: str) -> None:
    insert = text("""
        INSERT INTO consent_wordings (id, type, version, text_en, sha256, effective_on, requires_resign, grace_days,
                                      created_at, created_by)
        VALUES (gen_random_uuid(), 'TREATMENT', 1, 'I agree.', :sha256, '2026-12-01', false, 0, now(), 'x')
    """)
    with pytest.raises(IntegrityError, match="consent_wordings_sha256"), kit.transaction(tenant) as db:
        db.execute(insert, {"sha256": rules.fingerprint("I agree to all.", None)})
    with kit.transaction(tenant) as db:
        db.execute(insert, {"sha256": rules.fingerprint("I agree.", None)})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text_ar", None),
        ("text_en", " "),
        ("text_en", "x" * 20_001),
        ("text_en", "x\x00"),
        ("effective_on", "2026-11-19"),
        ("effective_on", None),
        ("grace_days", -1),
        ("grace_days", 367),
        ("requires_resign", "perhaps"),
    ],
)
def test_a_bad_wording_is_refused(records: Client, field: str, value: Any) -> None:
    body = {"text_en": None, "text_ar": "أوافق.", "effective_on": "2026-11-20", field: value}
    assert refusal(records.post(PATH, body)) == (422, "validation-error", [field])


def test_the_longest_texts_fit(records: Client) -> None:
    assert write(records, text_en="x" * 20_000, text_ar="ع" * 20_000)["version"] == 1


def test_wordings_are_published_in_their_order(records: Client) -> None:
    first, second = write(records), write(records, effective_on="2027-01-01")
    publish(records, second)
    assert refusal(records.post(f"/wordings/{first['id']}/publish"))[:2] == (409, "wording-superseded")
    earlier = {"text_ar": "أوافق.", "effective_on": "2026-12-31"}
    assert refusal(records.post(PATH, earlier)) == (422, "validation-error", ["effective_on"])


def test_a_draft_whose_day_is_over_is_not_published(records: Client, set_clock: SetClock) -> None:
    draft = write(records)
    set_clock(DECEMBER + timedelta(days=1))
    answer = records.post(f"/wordings/{draft['id']}/publish")
    assert refusal(answer) == (422, "validation-error", ["effective_on"])


def test_a_consent_says_which_wording_was_signed_in_which_language(
    records: Client, desk: Client, patient: Json
) -> None:
    wording, draft = published(records, text_en=None), write(records)
    other = published(records, "/consent-types/RESEARCH/wordings")

    signed = sign(desk, patient, wording_id=wording["id"], language="ar")

    assert ((signed.json or {})["wording_id"], (signed.json or {})["language"]) == (wording["id"], "ar")
    assert refusal(sign(desk, patient, wording_id=wording["id"], language="en"))[2] == ["language"]
    for unknown in (draft["id"], other["id"], str(uuid4())):
        assert refusal(sign(desk, patient, wording_id=unknown)) == (422, "validation-error", ["wording_id"])


def test_the_database_refuses_the_wording_of_another_type(
    kit: ServiceKit, tenant: str, records: Client, patient: Json
) -> None:
    other = published(records, "/consent-types/RESEARCH/wordings")
    insert = text("""
        INSERT INTO consents (id, patient_id, consent_type, signed_by, signed_at, created_at, created_by, wording_id)
        VALUES (gen_random_uuid(), :patient, 'TREATMENT', 'x', now(), now(), 'x', :wording)
    """)
    with pytest.raises(IntegrityError, match="consents_wording"), kit.transaction(tenant) as db:
        db.execute(insert, {"patient": patient["id"], "wording": other["id"]})


def test_what_was_signed_before_counts_until_the_grace_after_a_new_wording_is_over(
    kit: ServiceKit,
    records: Client,
    desk: Client,
    tenant: str,
    patient: Json,
    tools: JobTools,
    set_clock: SetClock,
) -> None:
    first = published(records, effective_on="2026-11-20")
    consent = sign(desk, patient, wording_id=first["id"]).json or {}
    second = published(records, requires_resign=True, grace_days=14)
    end = DECEMBER + timedelta(days=14)

    work(tools)

    assert shown(desk, consent) == (True, "2026-12-14T21:00:00Z", "NEW_WORDING")
    set_clock(end - timedelta(seconds=1))
    work(tools)
    assert announced(kit, tenant) == [True]
    set_clock(end)
    work(tools)
    assert shown(desk, consent)[0] is False
    assert announced(kit, tenant) == [True, False]
    late = {"signed_at": "2026-12-15T08:00:00+03:00"}
    set_clock(end + timedelta(days=1))
    assert refusal(sign(desk, patient, wording_id=first["id"], **late))[2] == ["wording_id"]
    assert sign(desk, patient, wording_id=second["id"], **late).status_code == 201
    assert announced(kit, tenant) == [True, False, True]


def test_who_signs_the_new_wording_before_it_holds_has_signed_it(
    kit: ServiceKit,
    records: Client,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    tools: JobTools,
    set_clock: SetClock,
) -> None:
    consent_to(desk, patient)
    wording = published(records, requires_resign=True)
    consent = sign(desk, patient, wording_id=wording["id"]).json or {}
    set_clock(DECEMBER + timedelta(days=100))
    work(tools)
    assert (shown(desk, consent), announced(kit, tenant)) == ((True, None, None), [True])


def test_a_wording_that_asks_for_no_new_signature_ends_nothing(
    records: Client, desk: Client, patient: Json, consent_to: Make, tools: JobTools
) -> None:
    consent = consent_to(desk, patient)
    published(records, grace_days=3)
    work(tools)
    assert shown(desk, consent) == (True, None, None)


def test_a_consent_without_a_known_wording_is_taken_for_one_to_what_held_then(
    records: Client, desk: Client, patient: Json, tools: JobTools, set_clock: SetClock, open_clinic: Callable[..., str]
) -> None:
    auckland = open_clinic(timezone="Pacific/Auckland")
    published(records, requires_resign=True, grace_days=14)
    # on 30 November in Riyadh, and on 1 December in Auckland
    set_clock(datetime(2026, 11, 30, 12, tzinfo=UTC))
    signed = {"signed_at": "2026-11-30T11:00:00Z"}
    before = sign(desk, patient, **signed).json or {}
    after = sign(desk, patient, clinic_id=auckland, **signed).json or {}
    work(tools)
    assert shown(desk, before) == (True, "2026-12-14T21:00:00Z", "NEW_WORDING")
    assert shown(desk, after) == (True, None, None)


def test_a_publication_takes_unknown_wordings_by_each_clinics_day(
    records: Client, desk: Client, patient: Json, tools: JobTools, set_clock: SetClock, open_clinic: Callable[..., str]
) -> None:
    auckland = open_clinic(timezone="Pacific/Auckland")
    signed = {"signed_at": "2026-11-20T12:00:00Z"}  # on 21 November in Auckland
    set_clock(NOW.replace(hour=13))
    before = sign(desk, patient, **signed).json or {}
    after = sign(desk, patient, clinic_id=auckland, **signed).json or {}
    published(records, requires_resign=True, grace_days=14, effective_on="2026-11-21")
    work(tools)
    assert shown(desk, before) == (True, "2026-12-04T21:00:00Z", "NEW_WORDING")
    assert shown(desk, after) == (True, None, None)


def test_the_grace_is_over_by_each_clinics_clock_also_by_a_corrected_one(
    kit: ServiceKit,
    records: Client,
    desk: Client,
    tenant: str,
    patient: Json,
    tools: JobTools,
    open_clinic: Callable[..., str],
    consent_to: Make,
) -> None:
    berlin = open_clinic(timezone="Europe/Berlin")
    here, everywhere = consent_to(desk, patient, clinic_id=berlin), consent_to(desk, patient)
    published(records, requires_resign=True)
    work(tools)
    assert [shown(desk, each)[1] for each in (here, everywhere)] == ["2026-11-30T23:00:00Z", "2026-11-30T21:00:00Z"]
    with kit.transaction(tenant) as db:
        ends.reckon_ends(db, UUID(berlin), "America/New_York", now=NOW)
    assert [shown(desk, each)[1] for each in (here, everywhere)] == ["2026-12-01T05:00:00Z", "2026-11-30T21:00:00Z"]


def test_the_consents_of_a_tenant_learn_of_a_wording_in_batches(
    kit: ServiceKit,
    records: Client,
    desk: Client,
    register: Make,
    consent_to: Make,
    tools: JobTools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ends, "BATCH", 2)
    consents = [consent_to(desk, register(desk, first_name_en=name)) for name in ("A", "B", "C", "D", "E")]
    published(records, requires_resign=True)
    known = []
    while jobs.spread_wordings(tools):
        known.append(sum(shown(desk, each)[2] == "NEW_WORDING" for each in consents))
    assert known == [2, 4, 5, 5]


def test_the_strictest_of_several_wordings_ends_a_consent(
    records: Client, desk: Client, patient: Json, consent_to: Make, tools: JobTools
) -> None:
    consent = consent_to(desk, patient)
    published(records, requires_resign=True, grace_days=60)
    work(tools)
    assert shown(desk, consent)[1] == "2027-01-29T21:00:00Z"
    published(records, requires_resign=True, grace_days=7)
    work(tools)
    assert shown(desk, consent)[1] == "2026-12-07T21:00:00Z"
    expiring = sign(desk, patient, expires_on="2026-12-02").json or {}
    assert shown(desk, expiring)[1:] == ("2026-12-02T21:00:00Z", "EXPIRY")


def publish_during_a_signature(
    kit: ServiceKit, records: Client, desk: Client, patient: Json, tools: JobTools, patch: pytest.MonkeyPatch
) -> Json:
    """A wording is published, and earlier consents learn of it, between a signature's look at wordings and its end."""
    wording = write(records, requires_resign=True, grace_days=1)
    has_looked, done, look = threading.Event(), threading.Event(), setup.demands

    def look_slowly(db: Session, code: str) -> Any:
        found = look(db, code)
        has_looked.set()
        wait_for_a_lock_or_the_end(kit, done)
        return found

    def publish_and_spread() -> None:
        publish(records, wording)
        while jobs.spread_wordings(tools):
            pass
        done.set()

    patch.setattr(setup, "demands", look_slowly)
    with ThreadPoolExecutor(2) as pool:
        signing = pool.submit(sign, desk, patient)
        assert has_looked.wait(30)
        publishing = pool.submit(publish_and_spread)
        consent: Json = signing.result(30).json or {}
        publishing.result(30)
    return consent


def test_a_signature_during_a_publication_ends_with_the_grace(
    kit: ServiceKit,
    records: Client,
    desk: Client,
    tenant: str,
    patient: Json,
    tools: JobTools,
    set_clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consent = publish_during_a_signature(kit, records, desk, patient, tools, monkeypatch)
    assert shown(desk, consent) == (True, "2026-12-01T21:00:00Z", "NEW_WORDING")
    set_clock(DECEMBER + timedelta(days=1))
    work(tools)
    assert announced(kit, tenant) == [True, False]


def test_control_without_the_lock_of_the_type_such_a_signature_counts_without_an_end(
    kit: ServiceKit,
    records: Client,
    desk: Client,
    tenant: str,
    patient: Json,
    tools: JobTools,
    set_clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setup, "lock_type_for_signing", lambda *_: None)
    consent = publish_during_a_signature(kit, records, desk, patient, tools, monkeypatch)
    assert shown(desk, consent) == (True, None, None)
    set_clock(DECEMBER + timedelta(days=400))
    work(tools)
    assert announced(kit, tenant) == [True]


def test_two_who_publish_one_wording_publish_it_once(records: Client) -> None:
    wording = write(records)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: records.post(f"/wordings/{wording['id']}/publish").status_code, range(4)))
    assert sorted(answers) == [200, 409, 409, 409]


def test_two_who_write_at_once_write_two_versions(records: Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: write(records)["version"], range(4)))
    assert sorted(versions) == [1, 2, 3, 4]


def test_what_is_consented_to_is_shown_type_by_type(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    clinic = open_clinic()
    consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")
    consent_to(desk, patient, consent_type="PHOTOGRAPHY")
    answer = desk.get(f"/patients/{patient['id']}/consent-standing").json or {}
    assert answer["patient_id"] == patient["id"]
    standings = {one.pop("consent_type"): one for one in answer["standings"]}
    nothing = {"consented": False, "clinic_ids": [], "changes_at": None}
    assert standings == {
        "DATA_SHARING": nothing,
        "PHOTOGRAPHY": {**nothing, "consented": True},
        "RESEARCH": nothing,
        "TELEHEALTH": nothing,
        "TREATMENT": {**nothing, "clinic_ids": [clinic], "changes_at": "2026-12-31T21:00:00Z"},
    }
    assert refusal(desk.get(f"/patients/{uuid4()}/consent-standing"))[:2] == (404, "not-found")
    [event] = kit.events(tenant, "ConsentTypeStandingChanged")
    assert (event.data["consent_type"], event.data["consented"]) == ("PHOTOGRAPHY", True)


def test_the_standing_of_a_restricted_record_is_for_who_reads_all_of_it(
    kit: ServiceKit, tenant: str, records: Client, patient: Json
) -> None:
    path = f"/patients/{patient['id']}"
    restricting = {"restricted": True, "reason": "A person known to all"}
    assert records.patch(path, restricting, records.get(path).headers["ETag"]).status_code == 200
    answers = {
        role: kit.client(tenant, role).get(f"{path}/consent-standing") for role in ("records", "manager", "biller")
    }
    assert answers["records"].status_code == 200
    assert refusal(answers["manager"])[:2] == (403, "break-glass-required")
    assert refusal(answers["biller"])[:2] == (403, "forbidden")


@pytest.mark.parametrize(
    ("role", "read", "write_"),
    [
        ("records", 200, 201),
        ("manager", 200, 201),
        ("front-desk", 200, 403),
        ("clinician", 200, 403),
        ("biller", 200, 403),
        ("integration", 200, 403),
        ("subscriber", 403, 403),
    ],
)
def test_wordings_are_read_by_all_and_written_by_records_and_managers(
    kit: ServiceKit, tenant: str, role: str, read: int, write_: int
) -> None:
    client = kit.client(tenant, role, provider_id=str(uuid4()))
    for path in ("/consent-types", "/consent-types/TREATMENT", PATH):
        assert client.get(path).status_code == read
    body = {"text_ar": "أوافق.", "effective_on": "2026-11-20"}
    assert client.post(PATH, body).status_code == write_


def test_the_relay_role_sees_where_a_wording_is_due_and_nothing_of_it(kit: ServiceKit) -> None:
    query = text("""
        SELECT column_name FROM information_schema.column_privileges
        WHERE grantee = 'patient_files_relay' AND table_name IN ('consent_wordings', 'consent_types')
    """)
    with kit.relay.engine.connect() as conn:
        assert set(conn.execute(query).scalars()) == {"id", "tenant_id", "spread_due_at"}


def test_another_tenants_wording_is_not_found(kit: ServiceKit, tenant: str, records: Client, patient: Json) -> None:
    wording, stranger = published(records), kit.client(f"{tenant}-b")
    assert refusal(stranger.post(f"/wordings/{wording['id']}/publish"))[:2] == (404, "not-found")
    assert (stranger.get(PATH).json or {})["items"] == []


def test_the_days_of_a_consent_end_it_on_the_first_of_them() -> None:
    days = [date(2026, 12, day) for day in (1, 2, 3)]
    assert rules.LastDays(*days).reason == "EXPIRY"
    assert rules.LastDays(days[2], days[1], days[2]).reason == "NEW_WORDING"
    assert (rules.LastDays(None, days[1], days[0]).last, rules.LastDays(None, None, days[0]).reason) == (
        days[0],
        "MAJORITY",
    )
    assert (rules.LastDays(None, None, None).last, rules.LastDays(None, None, None).reason) == (None, None)
