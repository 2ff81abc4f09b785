"""What is wrong is refused with its documented problem, and changes nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.surface import assert_each_role_is_told_its_permissions, assert_no_read_takes_an_unknown_parameter
from jalsa.service.config import ConfigError
from patient_files.config import PatientFilesConfig
from patient_files.patients import operations as patients
from patient_files.patients.commands import RegisterPatient

Json = dict[str, Any]
Register = Callable[..., Json]

_NAMES = [
    "",
    " ",
    "x" * 500,
    "Sa\x00ra",
    "\u200f\u202e",
    "\u3164",
    "\u0301",
    "Sa\x9bra",
    "Sa\nra",
    "\ud800",
    None,
    7,
    ["Sara"],
]
_CASES = [
    *[("first_name_en", value) for value in _NAMES],
    *[("last_name_ar", value) for value in _NAMES if value is not None],
    ("national_id", "12"),
    ("national_id", "1" * 21),
    ("national_id", "10987\x0065432"),
    ("national_id", "\u200e\u202c"),
    ("national_id", "10987\x8565432"),
    ("date_of_birth", "1899-12-31"),
    ("date_of_birth", "2015-02-30"),
    ("date_of_birth", "yesterday"),
    ("date_of_birth", None),
    ("sex", "X"),
    ("sex", "m"),
    ("phone", "123"),
    ("phone", "0500000001 ext 5"),
    ("phone", "call 0500000001"),
    ("phone", "0500000001\x00"),
    ("phone", "\u202e\u200e"),
    ("phone", "0500\x85000001"),
    ("phone", "+999500000001"),
    ("phone", "0" * 500),
    ("email", "sara"),
    ("email", "sara@example.com\nBcc: all@example.com"),
    ("email", '"sa ra"@example.com'),
    ("email", "sara@example.com\x00"),
    ("email", "sara@\x85example.com"),
    ("email", "\u200esa\u0301ra@example.com"),
    ("email", f"{'x' * 250}@example.com"),
    ("preferred_language", "fr"),
    ("preferred_language", None),
    ("tenant_id", "another"),
]


def _stored(kit: ServiceKit, tenant: str) -> list[Any]:
    tables = ("patients", "main_files", "sub_files", "numbers", "outbox", "idempotency_keys", "audit_log")
    with kit.transaction(tenant) as db:
        return [[tuple(row) for row in db.execute(text(f"SELECT * FROM {table}"))] for table in tables]


@pytest.mark.parametrize(("field", "value"), _CASES)
def test_a_bad_field_is_named_and_nothing_is_registered(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, field: str, value: Any
) -> None:
    response = desk.post("/patients", {**body, field: value}, Idempotency_Key="k")

    answer = response.json or {}
    assert (response.status_code, answer["code"]) == (422, "validation-error")
    assert response.content_type == "application/problem+json"
    assert list(answer["errors"]) == [field]
    assert not any(_stored(kit, tenant))


@pytest.mark.parametrize("field", ["first_name_en", "last_name_en", "date_of_birth", "sex", "preferred_language"])
def test_a_missing_field_is_named(kit: ServiceKit, desk: Client, tenant: str, body: Json, field: str) -> None:
    del body[field]
    response = desk.post("/patients", body)

    assert (response.status_code, list((response.json or {})["errors"])) == (422, [field])
    assert not any(_stored(kit, tenant))


@pytest.mark.parametrize(
    ("field", "pasted", "stored"),
    [
        ("first_name_en", "\u202aSara\u202c", "Sara"),
        ("last_name_ar", "\u200fآل\u00a0سعود\u200f", "آل سعود"),
        ("first_name_ar", "محمد\u200cعلی\u200d", "محمد\u200cعلی"),
        ("last_name_ar", ".", None),
        ("phone", "\u202a+966\u00a050\u00a0123\u00a04567\u202c", "+966501234567"),
        ("phone", "٠٥٠١٢٣٤٥٦٧", "+966501234567"),
        ("email", "\ufeffsara@example.com\u200b\u00a0", "sara@example.com"),
        ("national_id", "\u200e١٠٩٨٧٦٥٤٣٢\u200e", "1098765432"),
    ],
    ids=ascii,
)
def test_what_was_pasted_with_marks_is_stored_without_them(
    desk: Client, body: Json, field: str, pasted: str, stored: str | None
) -> None:
    response = desk.post("/patients", {**body, field: pasted})

    assert response.status_code == 201, response.json
    assert (response.json or {})[field] == stored


def test_an_identity_is_taken_in_whatever_digits_it_is_written(desk: Client, body: Json) -> None:
    assert desk.post("/patients", {**body, "national_id": "1098765432"}).status_code == 201
    again = desk.post("/patients", {**body, "national_id": "۱۰۹۸۷۶۵۴۳۲"})

    assert (again.status_code, (again.json or {})["code"]) == (409, "national-id-taken")


def test_a_parameter_that_does_not_exist_shows_nobody(desk: Client, body: Json) -> None:
    assert desk.post("/patients", body).status_code == 201
    response = desk.get("/patients", national_id="1098765432")

    assert (response.status_code, list((response.json or {})["errors"])) == (422, ["national_id"])
    assert "1098765432" not in response.text


def test_nobody_is_born_tomorrow(kit: ServiceKit, desk: Client, tenant: str, body: Json) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    response = desk.post("/patients", {**body, "date_of_birth": tomorrow.isoformat()})

    assert (response.status_code, list((response.json or {})["errors"])) == (422, ["date_of_birth"])
    assert not any(_stored(kit, tenant))


def test_who_was_born_today_in_the_default_time_zone_can_be_registered(
    kit: ServiceKit, tenant: str, body: Json
) -> None:
    after_midnight_in_riyadh = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
    command = RegisterPatient(**{**body, "date_of_birth": date(2026, 11, 21)})

    with kit.transaction(tenant) as db:
        patients.register_patient(db, command, zone="Asia/Riyadh", now=after_midnight_in_riyadh)
    assert len(kit.events(tenant)) == 1


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400, "malformed-request"),
        ({"data": b"\xff", "content_type": "application/json"}, 400, "malformed-request"),
        ({"data": b"[1]", "content_type": "application/json"}, 422, "validation-error"),
        ({"data": b"a=b", "content_type": "text/plain"}, 415, "unsupported-media-type"),
        ({"data": b" " * (2 << 20), "content_type": "application/json"}, 413, "request-entity-too-large"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(
    kit: ServiceKit, desk: Client, tenant: str, request_: Json, status: int, code: str
) -> None:
    response = desk.call("POST", "/patients", **request_)

    assert (response.status_code, (response.json or {})["code"]) == (status, code)
    assert response.content_type == "application/problem+json"
    assert not any(_stored(kit, tenant))


@pytest.mark.parametrize(("field", "value"), [case for case in _CASES if case[0] != "tenant_id"])
def test_a_bad_change_is_refused_and_changes_nothing(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, field: str, value: Any
) -> None:
    path = f"/patients/{register(desk)['id']}"
    etag = desk.get(path).headers["ETag"]
    before = _stored(kit, tenant)

    response = desk.patch(path, {field: value}, etag)

    assert (response.status_code, (response.json or {})["code"]) == (422, "validation-error")
    assert _stored(kit, tenant) == before


@pytest.mark.parametrize("path", ["", "/file", "/sub-files"])
def test_an_unknown_patient_is_not_found(desk: Client, path: str) -> None:
    response = desk.get(f"/patients/{uuid4()}{path}")

    assert (response.status_code, (response.json or {})["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    "query",
    [
        {"file_number": "FILE-2026-1"},
        {"file_number": "\x00"},
        {"cursor": "!"},
        {"cursor": "AAAA"},
        {"limit": 0},
        {"limit": 201},
    ],
)
def test_a_bad_query_is_refused(desk: Client, query: Json) -> None:
    response = desk.get("/patients", **query)

    assert (response.status_code, (response.json or {})["code"]) == (422, "validation-error")
    assert list((response.json or {})["errors"]) == list(query)


def test_without_a_token_nothing_is_answered(kit: ServiceKit, body: Json) -> None:
    response = kit.app.test_client().post("/v1/patients", json=body)

    assert (response.status_code, (response.json or {})["code"]) == (401, "unauthenticated")


def test_a_time_zone_that_does_not_exist_stops_the_start() -> None:
    assert PatientFilesConfig.from_env({}).default_timezone == "Asia/Riyadh"
    assert PatientFilesConfig.from_env({"DEFAULT_TIMEZONE": "Africa/Cairo"}).default_timezone == "Africa/Cairo"
    with pytest.raises(ConfigError, match=r"^DEFAULT_TIMEZONE is not a valid TimeZone"):
        PatientFilesConfig.from_env({"DEFAULT_TIMEZONE": "Riyadh"})


def test_no_read_takes_a_parameter_that_does_not_exist(kit: ServiceKit, tenant: str) -> None:
    assert_no_read_takes_an_unknown_parameter(kit, tenant)


def test_each_role_is_told_its_permissions(kit: ServiceKit, tenant: str) -> None:
    assert_each_role_is_told_its_permissions(kit, tenant)
