"""Giving, finding and revoking consents over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from jalsa.dev.kit import Client, ServiceKit
from jalsa.service import clock
from patient_files.consents import rules

Json = dict[str, Any]
Make = Callable[..., Json]
SetClock = Callable[[datetime], None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def patient(desk: Client, register: Make) -> Json:
    return register(desk)


def problem(response: Any) -> tuple[int, str, list[str]]:
    """Status, code and the fields with errors of a problem document."""
    assert response.content_type == "application/problem+json"
    return response.status_code, response.json["code"], list(response.json.get("errors") or {})


def stored(kit: ServiceKit, tenant: str) -> list[Any]:
    tables = ("consents", "consent_standings", "outbox", "idempotency_keys", "audit_log")
    with kit.transaction(tenant) as db:
        return [[tuple(row) for row in db.execute(text(f"SELECT * FROM {table}"))] for table in tables]


def test_a_consent_is_stored_as_it_was_signed(
    kit: ServiceKit, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    desk, clinic = kit.client(tenant, "front-desk", subject="mona"), open_clinic()

    answer = consent_to(desk, patient, clinic_id=clinic, expires_on="2100-12-31")

    created_at = datetime.fromisoformat(answer.pop("created_at"))
    assert abs(clock.now() - created_at) < timedelta(minutes=1)
    assert answer.pop("id")
    assert answer == {
        "patient_id": patient["id"],
        "consent_type": "TREATMENT",
        "clinic_id": clinic,
        "signed_by": "Huda Nasser",
        "signed_at": "2026-06-01T06:00:00Z",
        "expires_on": "2100-12-31",
        "status": "VALID",
        "revoked_at": None,
        "revoked_by": None,
        "revoke_reason": None,
        "created_by": "mona",
        "withheld": [],
    }


def test_a_consent_has_its_own_address_and_etag(desk: Client, patient: Json, consent_to: Make) -> None:
    answer = consent_to(desk, patient)

    read = desk.get(f"/consents/{answer['id']}")

    assert read.json == answer
    unchanged = desk.call("GET", f"/consents/{answer['id']}", headers={"If-None-Match": read.headers["ETag"]})
    assert unchanged.status_code == 304
    assert problem(desk.get(f"/consents/{uuid4()}"))[:2] == (404, "not-found")


def test_a_repeated_request_stores_one_consent(desk: Client, patient: Json) -> None:
    body = {
        "patient_id": patient["id"],
        "consent_type": "RESEARCH",
        "signed_by": "Huda Nasser",
        "signed_at": "2026-06-01T06:00:00Z",
    }

    answers = [desk.post("/consents", body, Idempotency_Key="k").json for _ in range(2)]

    assert answers[0] == answers[1]
    assert len((desk.get("/consents", patient_id=patient["id"]).json or {})["items"]) == 1


def test_a_revoked_consent_says_when_by_whom_and_why(
    kit: ServiceKit, tenant: str, patient: Json, consent_to: Make, set_clock: SetClock
) -> None:
    desk = kit.client(tenant, "front-desk", subject="mona")
    consent = consent_to(desk, patient)
    etag = desk.get(f"/consents/{consent['id']}").headers["ETag"]
    set_clock(NOW.replace(year=2030))

    revoked = desk.post(f"/consents/{consent['id']}/revoke", {"reason": "Moves away"}, If_Match=etag)

    assert revoked.status_code == 200, revoked.json
    assert revoked.json == {
        **consent,
        "status": "REVOKED",
        "revoked_at": "2030-11-20T09:00:00Z",
        "revoked_by": "mona",
        "revoke_reason": "Moves away",
    }
    assert desk.get(f"/consents/{consent['id']}").headers["ETag"] == revoked.headers["ETag"] != etag


def test_a_consent_is_revoked_once_and_only_as_it_was_read(desk: Client, patient: Json, consent_to: Make) -> None:
    path = f"/consents/{consent_to(desk, patient)['id']}"

    stale = desk.post(f"{path}/revoke", {}, If_Match='"stale"')
    first, second = desk.post(f"{path}/revoke"), desk.post(f"{path}/revoke")

    assert problem(stale)[:2] == (412, "precondition-failed")
    assert first.status_code == 200
    assert (first.json or {})["revoke_reason"] is None
    assert problem(second)[:2] == (409, "invalid-transition")
    assert desk.get(path).json == first.json
    assert problem(desk.post(f"/consents/{uuid4()}/revoke"))[:2] == (404, "not-found")


def test_a_consent_that_has_expired_can_still_be_revoked(desk: Client, patient: Json, consent_to: Make) -> None:
    consent = consent_to(desk, patient, consent_type="PHOTOGRAPHY", expires_on="2026-06-01")

    assert consent["status"] == "EXPIRED"
    assert (desk.post(f"/consents/{consent['id']}/revoke").json or {})["status"] == "REVOKED"


@pytest.mark.parametrize("state", rules.CONSENT.states)
def test_a_consent_changes_as_its_table_says_and_no_other_way(state: str) -> None:
    moves = {"VALID": {"EXPIRED", "REVOKED"}, "EXPIRED": {"REVOKED"}, "REVOKED": set()}
    assert rules.CONSENT.moves[state] == moves[state]


@pytest.mark.parametrize(
    ("zone", "last_instant"),
    [
        (None, "2026-12-31T20:59:59"),  # every clinic: Riyadh, by the default
        ("Asia/Riyadh", "2026-12-31T20:59:59"),
        ("Europe/Berlin", "2026-12-31T22:59:59"),
        ("Pacific/Auckland", "2026-12-31T10:59:59"),
    ],
)
def test_a_consent_is_valid_through_its_last_day_by_the_clinics_clock(
    desk: Client,
    patient: Json,
    consent_to: Make,
    open_clinic: Callable[..., str],
    set_clock: SetClock,
    zone: str | None,
    last_instant: str,
) -> None:
    clinic = open_clinic(timezone=zone) if zone else None
    consent = consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")
    last = datetime.fromisoformat(last_instant).replace(tzinfo=UTC)

    def status(at: datetime) -> str:
        set_clock(at)
        return str((desk.get(f"/consents/{consent['id']}").json or {})["status"])

    assert [status(last), status(last + timedelta(seconds=1))] == ["VALID", "EXPIRED"]


def test_a_day_ends_at_midnight_even_where_the_clocks_change_then() -> None:
    # Beirut's clocks went forward at midnight at the end of 29 March 2025: that midnight was never shown
    beginning = rules.end_of_day(datetime(2025, 3, 29, tzinfo=UTC).date(), "Asia/Beirut")
    assert beginning == datetime(2025, 3, 29, 22, tzinfo=UTC)


def test_consents_are_found_by_patient_type_clinic_and_state_page_by_page(
    desk: Client, register: Make, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    clinic, other = open_clinic(), register(desk)
    valid = consent_to(desk, patient)
    expired = consent_to(desk, patient, clinic_id=clinic, expires_on="2026-06-02")
    revoked = consent_to(desk, patient, consent_type="RESEARCH")
    desk.post(f"/consents/{revoked['id']}/revoke")
    elsewhere = consent_to(desk, other, clinic_id=clinic)

    def found(**query: Any) -> list[str]:
        response = desk.get("/consents", **query)
        assert response.status_code == 200, response.json
        return [item["id"] for item in (response.json or {})["items"]]

    everything = [c["id"] for c in (valid, expired, revoked, elsewhere)]
    assert found() == everything
    assert found(patient_id=patient["id"]) == everything[:3]
    assert found(consent_type="RESEARCH") == [revoked["id"]]
    assert found(clinic_id=clinic) == [expired["id"], elsewhere["id"]]
    assert found(state="VALID") == [valid["id"], elsewhere["id"]]
    assert found(state="EXPIRED") == [expired["id"]]
    assert found(state="REVOKED", patient_id=patient["id"]) == [revoked["id"]]
    assert found(state="REVOKED", patient_id=other["id"]) == []

    first = desk.get("/consents", limit=3).json or {}
    second = desk.get("/consents", limit=3, cursor=first["next_cursor"]).json or {}
    assert [item["id"] for item in first["items"] + second["items"]] == everything
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient_id", "x"),
        ("patient_id", None),
        ("consent_type", "SURGERY"),
        ("consent_type", None),
        ("clinic_id", "x"),
        ("clinic_id", "01a1f000-0000-7000-8000-00000000dead"),
        ("signed_by", " "),
        ("signed_by", "Hu\x00da"),
        ("signed_by", "\u202e\u200f"),
        ("signed_by", "\u3164"),
        ("signed_by", "\u200d"),
        ("signed_by", "Hu\x85da"),
        ("signed_by", None),
        ("signed_at", "2026-06-01T09:00:00"),
        ("signed_at", "2026-06-01"),
        ("signed_at", "2199-06-01T09:00:00Z"),
        ("signed_at", None),
        ("expires_on", "2026-05-31"),
        ("expires_on", "2026-02-30"),
        ("expires_on", "2201-01-01"),
        ("expires_on", "9999-12-31"),
        ("tenant_id", "another"),
        ("revoked_at", None),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, field: str, value: Any
) -> None:
    body = {
        "patient_id": patient["id"],
        "consent_type": "TREATMENT",
        "signed_by": "Huda Nasser",
        "signed_at": "2026-06-01T09:00:00+03:00",
        field: value,
    }
    before = stored(kit, tenant)

    response = desk.post("/consents", body, Idempotency_Key="k")

    assert problem(response) == (422, "validation-error", [field])
    assert stored(kit, tenant) == before


def test_the_consent_of_a_patient_who_is_not_known_is_refused(kit: ServiceKit, desk: Client, tenant: str) -> None:
    body = {"patient_id": str(uuid4()), "consent_type": "TREATMENT", "signed_by": "x", "signed_at": "2026-06-01T09:00Z"}

    assert problem(desk.post("/consents", body))[:2] == (422, "unknown-patient")
    assert not any(stored(kit, tenant))


def test_nobody_signs_in_the_future(desk: Client, patient: Json, consent_to: Make, set_clock: SetClock) -> None:
    set_clock(NOW)
    body = {"patient_id": patient["id"], "consent_type": "TREATMENT", "signed_by": "Huda Nasser"}

    late = desk.post("/consents", {**body, "signed_at": "2026-11-20T09:00:01Z"})

    assert problem(late) == (422, "validation-error", ["signed_at"])
    assert consent_to(desk, patient, signed_at="2026-11-20T09:00:00Z")["status"] == "VALID"


def test_a_consent_may_be_for_the_day_of_signing_alone_which_is_the_clinics_day(
    desk: Client, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    # 23:30 in Berlin, and the next day in Riyadh already
    signed_at = "2026-06-01T21:30:00Z"
    body = {"patient_id": patient["id"], "consent_type": "TREATMENT", "signed_by": "Huda Nasser"}

    assert consent_to(
        desk, patient, signed_at=signed_at, expires_on="2026-06-01", clinic_id=open_clinic(timezone="Europe/Berlin")
    )
    for_all = desk.post("/consents", {**body, "signed_at": signed_at, "expires_on": "2026-06-01"})
    assert problem(for_all) == (422, "validation-error", ["expires_on"])


def test_a_clinic_of_which_no_zone_is_known_has_the_default_one(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    clinic = open_clinic(timezone="Pacific/Auckland")
    with kit.transaction(tenant) as db:
        db.execute(text("UPDATE clinics SET timezone = NULL"))  # as one saved before zones were read

    consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")

    with kit.transaction(tenant) as db:
        ends_at = db.execute(text("SELECT ends_at FROM consents")).scalar_one()
    assert ends_at == datetime(2026, 12, 31, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [{"state": "OLD"}, {"patient_id": "x"}, {"clinic_id": "x"}, {"consent_type": "x"}, {"cursor": "!"}, {"limit": 0}],
)
def test_a_bad_query_is_refused(desk: Client, query: Json) -> None:
    assert problem(desk.get("/consents", **query)) == (422, "validation-error", list(query))


@pytest.mark.parametrize("reason", [7, "x" * 501, "be\x00cause"])
def test_a_bad_reason_is_refused_and_revokes_nothing(
    desk: Client, patient: Json, consent_to: Make, reason: Any
) -> None:
    path = f"/consents/{consent_to(desk, patient)['id']}"

    assert problem(desk.post(f"{path}/revoke", {"reason": reason})) == (422, "validation-error", ["reason"])
    assert (desk.get(path).json or {})["status"] == "VALID"


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [
        ("records", 200, 201),
        ("front-desk", 200, 201),
        ("manager", 200, 201),
        ("integration", 200, 201),
        ("clinician", 200, 403),
        ("biller", 200, 403),
        ("nobody", 403, 403),
    ],
)
def test_each_role_may_do_its_work_and_no_more(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, role: str, read: int, write: int
) -> None:
    path = f"/consents/{consent_to(desk, patient)['id']}"
    caller = kit.client(tenant, role)
    body = {
        "patient_id": patient["id"],
        "consent_type": "TREATMENT",
        "signed_by": "Huda Nasser",
        "signed_at": "2026-06-01T06:00:00Z",
    }

    assert caller.get(path).status_code == caller.get("/consents", patient_id=patient["id"]).status_code == read
    assert caller.post("/consents", body).status_code == write
    assert caller.post(f"{path}/revoke").status_code == (200 if write == 201 else 403)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("front-desk", 200),
        ("records", 200),
        ("manager", 200),
        ("clinician", 403),
        ("biller", 403),
        ("integration", 403),
    ],
)
def test_consents_of_everybody_are_for_who_lists_the_registry(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, role: str, status: int
) -> None:
    consent_to(desk, patient)
    for query in ({}, {"state": "VALID"}, {"consent_type": "TREATMENT"}):
        assert kit.client(tenant, role).get("/consents", **query).status_code == status


def test_every_change_leaves_an_audit_row_and_what_was_signed_can_not_be_altered(
    kit: ServiceKit, tenant: str, patient: Json, consent_to: Make
) -> None:
    records = kit.client(tenant, "records", subject="mona")
    consent = consent_to(records, patient)
    records.post(f"/consents/{consent['id']}/revoke", {"reason": "Moves away"})

    with kit.transaction(tenant) as db:
        rows = db.execute(
            text("SELECT action, actor, before, after FROM audit_log WHERE table_name = 'consents' ORDER BY id")
        ).all()
    assert [(row.action, row.actor) for row in rows] == [("INSERT", "mona"), ("UPDATE", "mona")]
    assert (rows[1].before["revoked_by"], rows[1].after["revoked_by"]) == (None, "mona")
    for statement in (
        "DELETE FROM consents",
        "UPDATE consents SET signed_by = 'x'",
        "UPDATE consents SET expires_on = NULL",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), kit.transaction(tenant) as db:
            db.execute(text(statement))


def test_logs_and_events_hold_neither_who_signed_nor_why_it_was_revoked(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make
) -> None:
    with capture_logs() as logs:
        consent = consent_to(desk, patient, signed_by="Huda Nasser")
        desk.post(f"/consents/{consent['id']}/revoke", {"reason": "Moves away"})
        desk.post(f"/consents/{consent['id']}/revoke", {"reason": "Moves away"})
        desk.post("/consents", {**consent, "signed_at": "2199-01-01T00:00:00Z"})
        desk.get("/consents", patient_id=patient["id"])

    assert [entry["status"] for entry in logs] == [201, 200, 409, 422, 200]
    published = [event.attributes() for event in kit.events(tenant, "ConsentStandingChanged")]
    assert len(published) == 2
    for value in ("Huda", "Nasser", "Moves away"):
        assert value not in repr(logs)
        assert value not in repr(published)
    assert patient["id"] not in repr(logs)
