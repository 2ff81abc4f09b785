"""Errors over HTTP: problem documents with a stable code, never a stack trace, and nothing changed."""

import json
from typing import Any
from uuid import UUID

import pytest
from flask import Response, jsonify
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client, ServiceKit
from jalsa.service.errors import InvalidField
from jalsa.service.problems import Catalogue, Entry, Problem

from .lamps import RUN, Lamp, LampBusy, LampNameTaken, LampWarm, Logs


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Checks that an answer is this problem, in the documented form, and gives nothing away."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    document: dict[str, Any] = answer.get_json()
    assert (document["status"], document["code"], document["type"]) == (status, code, f"urn:jalsa:problem:{code}")
    assert document["title"]
    assert document["detail"]
    for secret in ("Traceback", "sqlalchemy", "psycopg", "/shared/src", "SELECT", "INSERT"):
        assert secret not in answer.get_data(as_text=True)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-ID"]
    return document


def names(client: Client) -> list[str]:
    return [item["name"] for item in client.get("/lamps").get_json()["items"]]


DEEP = b"[" * 30_000
BODIES: dict[str, bytes] = {
    "half": b'{"name": "x"',
    "text": b"name=x",
    "deep": DEEP,
    "65 deep": b'{"name": ' + b"[" * 65 + b"]" * 65 + b"}",
    "deep in a field": b'{"name": ' + DEEP + b"]" * 30_000 + b"}",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "NaN": b'{"name": "x", "level": NaN}',
    "a name twice": b'{"name": "x", "name": "y"}',
    "a name twice inside": b'{"name": "x", "note": [{"a": 1, "a": 1}]}',
    "a name twice, once escaped": b'{"name": "x", "n\\u0061me": "x"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_json_is_a_400(name: str, client: Client) -> None:
    answer = client.call("POST", "/lamps", data=BODIES[name], content_type="application/json")
    problem(answer, 400, "malformed-request")
    assert names(client) == []


@pytest.mark.parametrize("token", [None, "", "Bearer", "Basic eA==", "Bearer x", "Bearer x.y.z"])
def test_a_request_without_a_good_token_is_a_401(token: str | None, alpha: ServiceKit) -> None:
    headers = {} if token is None else {"Authorization": token}
    answer = alpha.app.test_client().get("/v1/lamps", headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_role_without_the_permission_is_a_403_also_for_a_body_that_is_wrong(alpha: ServiceKit, tenant: str) -> None:
    answer = alpha.client(tenant, "clinician").post("/lamps", {"colour": 1})
    problem(answer, 403, "forbidden")


def test_what_the_policy_does_not_name_and_what_no_permission_marks_is_refused_to_everybody(
    alpha: ServiceKit, tenant: str
) -> None:
    client = alpha.client(tenant, "manager", "front-desk", "clinician", "biller", "records", "integration")
    for path in ("/nobody", "/unmarked"):
        problem(client.get(path), 403, "forbidden")


def test_another_tenants_record_is_a_404_like_one_that_never_was(
    alpha: ServiceKit, client: Client, tenant: str
) -> None:
    lamp_id = client.post("/lamps", {"name": "a"}).get_json()["id"]
    stranger = alpha.client(f"{tenant}b")
    foreign = problem(stranger.get(f"/lamps/{lamp_id}"), 404, "not-found")
    assert foreign == problem(stranger.get("/lamps/01a1f000-0000-7000-8000-000000000001"), 404, "not-found")


@pytest.mark.parametrize("path", ["/nothing", "/lamps/1", "/lamps/../../etc/passwd", "/lamps/%00", "/"])
def test_an_unknown_path_is_a_404(path: str, client: Client) -> None:
    problem(client.get(path), 404, "not-found")


def test_a_wrong_method_is_a_405_that_says_which_are_allowed(client: Client) -> None:
    answer = client.call("DELETE", "/lamps")
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_what_the_stored_records_do_not_allow_is_a_409(client: Client) -> None:
    RUN["busy"] = lambda _: refuse(LampBusy(["heat"]))
    assert problem(client.post("/run/busy"), 409, "lamp-busy")["blockers"] == ["heat"]


def refuse(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("asked", "language"),
    [("ar", "ar"), ("ar-SA,ar;q=0.9,en;q=0.8", "ar"), ("en-GB", "en"), ("fr", "en"), ("", "en"), ("*", "en")],
)
def test_a_problem_is_said_in_the_language_that_the_caller_asks_for(asked: str, language: str, client: Client) -> None:
    answer = client.post("/lamps", {"level": "x"}, Accept_Language=asked)
    document = problem(answer, 422, "validation-error")
    english = language == "en"
    assert answer.headers["Content-Language"] == language
    assert "Accept-Language" in answer.headers["Vary"]
    assert document["detail"] == ("The request has invalid fields." if english else "في الطلب حقول غير صالحة.")
    required = "Missing data for required field." if english else "هذا الحقل مطلوب."
    assert document["errors"]["name"] == [required]


def test_arabic_is_written_as_it_is_read(client: Client) -> None:
    answer = client.call("GET", "/lamps/01a1f000-0000-7000-8000-000000000001", {"Accept-Language": "ar"})
    assert "غير موجود".encode() in answer.data, "and not as escapes"


def test_an_error_without_an_entry_is_answered_as_its_base_class_is(client: Client) -> None:
    RUN["warm"] = lambda _: refuse(LampWarm())
    problem(client.post("/run/warm"), 409, "conflict")


def test_a_catalogue_has_one_entry_for_an_error() -> None:
    entry = Entry(LampWarm, 409, "lamp-warm", "The lamp is warm.")
    with pytest.raises(ValueError, match="two entries"):
        Catalogue(entry, entry)
    with pytest.raises(LookupError):
        Catalogue(entry).entry(LampBusy(["heat"]))


def test_a_constraint_is_the_problem_that_the_service_says_it_is(client: Client) -> None:
    assert client.post("/lamps", {"name": "Sara"}).status_code == 201
    document = problem(client.post("/lamps", {"name": "Sara"}), 409, "name-taken")
    assert "Sara" not in json.dumps(document)


def test_a_constraint_that_nobody_named_is_a_409_without_its_values(client: Client, logs: Logs) -> None:
    def break_it(db: Session) -> None:
        db.execute(text("INSERT INTO lamps (id, name) VALUES (gen_random_uuid(), 'Sara')"))

    RUN["break"] = break_it
    problem(client.post("/run/break"), 409, "conflict")
    assert any(entry["event"] == "constraint-violated" for entry in logs)
    assert "Sara" not in str(logs)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
def test_a_body_of_another_type_is_a_415(content_type: str | None, client: Client) -> None:
    answer = client.call("POST", "/lamps", data=b'{"name": "x"}', content_type=content_type)
    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x" * 500}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "\u202e\u200d"}, "name"),
        ({"name": "a\x85b"}, "name"),
        ({"name": "a\ud83d"}, "name"),
        ({"name": "x", "level": -1}, "level"),
        ({"name": "x", "level": "high"}, "level"),
        ({"name": "x", "note": "a\0b"}, "note"),
        ({"name": "x", "note": "a\x9bb"}, "note"),
        ({"name": "x", "note": "a" * 2001}, "note"),
        ({"name": "x", "unknown": 1}, "unknown"),
    ],
    ids=str,
)
def test_a_field_that_is_wrong_is_a_422_that_names_it(body: dict[str, Any], field: str, client: Client) -> None:
    document = problem(client.post("/lamps", body), 422, "validation-error")
    assert list(document["errors"]) == [field]
    assert names(client) == []


@pytest.mark.parametrize("body", [[], [1], "x", 1, None, True], ids=repr)
def test_a_body_that_is_no_object_is_a_422(body: Any, client: Client) -> None:
    answer = client.call("POST", "/lamps", data=json.dumps(body), content_type="application/json")
    assert "errors" in problem(answer, 422, "validation-error")


def test_a_value_that_no_schema_caught_and_the_database_can_not_store_is_a_422(client: Client) -> None:
    problem(client.post("/lamps", {"name": "x", "level": 10**12}), 422, "validation-error")
    statement = text("SELECT CAST(:value AS text)")
    RUN["nul"] = lambda db: db.execute(statement, {"value": "a\0b"}).scalar()
    RUN["half"] = lambda db: db.execute(statement, {"value": "a\ud83d"}).scalar()
    for name in ("nul", "half"):
        problem(client.post(f"/run/{name}"), 422, "validation-error")


def test_an_operation_names_the_field_that_it_refuses(client: Client) -> None:
    RUN["invalid"] = lambda _: refuse(InvalidField("level", "Too bright."))
    document = problem(client.post("/run/invalid"), 422, "validation-error")
    assert document["errors"] == {"level": ["Too bright."]}


@pytest.mark.parametrize("cursor", ["x", "%%%", "AAAA", "م", "", "AA==", "a" * 401, "bm8gaWQ"])
def test_a_cursor_that_is_none_of_ours_is_a_422(cursor: str, client: Client) -> None:
    problem(client.get("/lamps", cursor=cursor), 422, "validation-error")


def test_what_a_view_raises_is_a_500_that_says_nothing_and_is_logged_without_its_message(
    client: Client, logs: Logs
) -> None:
    RUN["crash"] = lambda _: refuse(RuntimeError("Sara Al-Otaibi +966501234567"))
    answer = client.post("/run/crash")
    problem(answer, 500, "internal-error")
    assert "Sara" not in answer.get_data(as_text=True)
    [entry] = [e for e in logs if e["event"] == "request-failed"]
    assert entry["error"] == "RuntimeError"
    assert any("test_web_problems.py" in place for place in entry["at"])
    assert "Sara" not in str(logs)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/lamps"),
        ("GET", "/lamps/01a1f000-0000-7000-8000-000000000001"),
        ("GET", "/events"),
        ("GET", "/events/inbox"),
        ("GET", "/events/schemas/LampSwitched.v1"),
        ("GET", "/open/alpha/lamps"),
        ("POST", "/lamps"),
        ("POST", "/run/anything"),
        ("PATCH", "/lamps/01a1f000-0000-7000-8000-000000000001"),
        ("DELETE", "/lamps/01a1f000-0000-7000-8000-000000000001"),
    ],
)
def test_a_parameter_that_does_not_exist_is_named_and_its_value_is_not(
    method: str, path: str, client: Client, logs: Logs
) -> None:
    """A filter that is ignored would show everybody."""
    query = {"national_id": "1098765432", "limits": "Sara"}
    answer = client.call(method, path, query_string=query, json={"name": "x", "level": 1} if method != "GET" else None)
    document = problem(answer, 422, "validation-error")
    assert list(document["errors"]) == ["national_id", "limits"]
    for value in query.values():
        assert value not in answer.get_data(as_text=True)
        assert value not in str(logs)
    assert names(client) == []


def test_a_parameter_that_stands_twice_is_refused(client: Client) -> None:
    document = problem(client.call("GET", "/lamps?limit=1&limit=2"), 422, "validation-error")
    assert list(document["errors"]) == ["limit"]


def test_of_many_unknown_parameters_some_are_named_and_none_at_length(client: Client) -> None:
    query = "&".join(f"{'n' * 200}{n}{'m' * 5}=1" for n in range(30)) + "".join(f"&p{n}=1" for n in range(30))
    errors = problem(client.call("GET", f"/lamps?{query}"), 422, "validation-error")["errors"]
    assert len(errors) == 20
    assert max(map(len, errors)) == 50


def test_a_failing_statement_is_a_500_that_says_nothing(client: Client, logs: Logs) -> None:
    RUN["sql"] = lambda db: db.execute(text("SELECT CAST(:v AS int) / 0, 'Sara'"), {"v": 1})
    problem(client.post("/run/sql"), 500, "internal-error")
    [entry] = [e for e in logs if e["event"] == "request-failed"]
    assert entry["error"] == "DataError 22012"
    assert "Sara" not in str(logs)


# Nothing changed


def write_and(then: Any) -> Any:
    def view(db: Session) -> Any:
        db.add(Lamp(name="written", level=1))
        db.flush()
        return then() if callable(then) else then

    return view


@pytest.mark.parametrize(
    ("then", "status"),
    [
        (lambda: refuse(RuntimeError()), 500),
        (lambda: refuse(LampNameTaken()), 409),
        (lambda: refuse(Problem(503, "later", "Later.")), 503),
        (lambda: Response("no", 400), 400),
        (lambda: (jsonify({}), 422), 422),
        (lambda: ({}, 500), 500),
    ],
    ids=["raises", "problem", "503", "400", "422", "500"],
)
def test_a_view_that_fails_after_a_write_leaves_nothing(then: Any, status: int, client: Client) -> None:
    RUN["write"] = write_and(then)
    answer = client.post("/run/write", Idempotency_Key="k")
    assert answer.status_code == status
    assert names(client) == []
    RUN["write"] = write_and({"fine": True})
    assert client.post("/run/write", Idempotency_Key="k").get_json() == {"fine": True}, "nor a key"
    assert names(client) == ["written"]


def test_a_view_that_succeeds_is_committed_with_its_events(alpha: ServiceKit, client: Client, tenant: str) -> None:
    """The control. The same write is there where the view does not fail."""
    RUN["write"] = write_and({})
    assert client.post("/run/write").status_code == 200
    assert names(client) == ["written"]
    created = client.post("/lamps", {"name": "b", "level": 3}).get_json()
    [event] = alpha.events(tenant)
    assert event.subject == f"lamp/{UUID(created['id'])}"


def test_the_loser_of_a_deadlock_runs_again(client: Client) -> None:
    calls = []

    def lose_once(db: Session) -> Any:
        calls.append(1)
        db.add(Lamp(name=f"try {len(calls)}", level=1))
        db.flush()
        if len(calls) == 1:
            db.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
        return {"calls": len(calls)}

    RUN["lose"] = lose_once
    assert client.post("/run/lose").get_json() == {"calls": 2}
    assert names(client) == ["try 2"]
