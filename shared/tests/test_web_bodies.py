"""Bodies are read whole before a transaction begins, and bounded before a schema sees them."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import request
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client, ServiceKit
from jalsa.http.bodies import MAX_BYTES, MAX_ITEMS, MAX_MEMBERS, MAX_VALUES
from jalsa.service.problems import MAX_ERRORS, MAX_NAME

from .lamps import RUN, LampBody


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the lamps' schema was given to look at."""
    seen: list[Any] = []
    load = LampBody.load

    def counted(self: LampBody, data: Any, **kwargs: Any) -> Any:
        seen.append(data)
        return load(self, data, **kwargs)

    monkeypatch.setattr(LampBody, "load", counted)
    return seen


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


class Arriving(io.BytesIO):
    """A body that comes in pieces. `look` is called whenever one is asked for."""

    def __init__(self, body: bytes, look: Callable[[], None]) -> None:
        super().__init__(body)
        self.look = look

    def read(self, size: int | None = -1, /) -> bytes:
        self.look()
        return super().read(min(size or 7, 7) if size and size > 0 else 7)

    def readinto(self, buffer: Any, /) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_body_is_read_to_its_end_before_a_connection_is_taken(alpha: ServiceKit, client: Client) -> None:
    in_use: list[int] = []
    body = json.dumps({"name": "a lamp whose name comes slowly"}).encode()
    stream = Arriving(body, lambda: in_use.append(len(alpha.database._in_use)))
    answer = client.call(
        "POST", "/lamps", input_stream=stream, content_length=len(body), content_type="application/json"
    )
    assert answer.status_code == 201
    assert len(in_use) >= len(body) // 7
    assert set(in_use) == {0}


def test_a_body_of_a_view_that_reads_none_is_read_before_a_connection_is_taken_too(
    alpha: ServiceKit, client: Client
) -> None:
    RUN["body"] = lambda _: {"read": len(request.get_data())}
    in_use: list[int] = []
    stream = Arriving(b'"12345"', lambda: in_use.append(len(alpha.database._in_use)))
    answer = client.call("POST", "/run/body", input_stream=stream, content_length=7, content_type="application/json")
    assert answer.get_json() == {"read": 7}
    assert set(in_use) == {0}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}], ids=["without key", "with key"])
def test_a_body_has_64_kilobytes_unless_its_view_declares_more(headers: dict[str, str], client: Client) -> None:
    RUN["length"] = lambda _: {"length": len(request.get_data())}
    for length, status in ((MAX_BYTES, 200), (MAX_BYTES + 1, 413), (1 << 20, 413)):
        body = json.dumps("x" * (length - 2))
        answer = client.call("POST", "/run/length", data=body, content_type="application/json", headers=headers)
        assert answer.status_code == status
        headers = {name: f"{value}x" for name, value in headers.items()}
    assert code(answer) == (413, "request-entity-too-large")
    long = json.dumps("x" * 150_000)
    assert client.call("POST", "/run-long/length", data=long, content_type="application/json").status_code == 200
    longer = json.dumps("x" * 200_000)
    assert client.call("POST", "/run-long/length", data=longer, content_type="application/json").status_code == 413


def test_a_body_whose_length_nobody_announced_is_bounded_too(client: Client) -> None:
    body = json.dumps({"name": "x" * MAX_BYTES}).encode()
    answer = client.call(
        "POST",
        "/lamps",
        input_stream=io.BytesIO(body),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert code(answer) == (413, "request-entity-too-large")


@pytest.mark.parametrize(
    "body",
    [
        {f"k{number}": 1 for number in range(MAX_MEMBERS + 1)},
        {"name": "x", "note": {f"k{number}": 1 for number in range(MAX_MEMBERS + 1)}},
        {"name": [1] * (MAX_ITEMS + 1)},
        {"name": [[1] * (MAX_ITEMS - 1)] * (MAX_VALUES // MAX_ITEMS + 1)},
    ],
    ids=["members", "members below", "items", "values"],
)
def test_a_body_of_too_many_values_is_refused_before_any_schema_sees_it(
    body: Any, client: Client, loads: list[Any]
) -> None:
    assert len(json.dumps(body, separators=(",", ":"))) < MAX_BYTES
    answer = client.post("/lamps", body)
    assert code(answer) == (422, "validation-error")
    assert list(answer.get_json()["errors"]) == ["body"]
    assert loads == []


def test_a_body_just_within_the_bounds_is_the_schemas_to_judge(client: Client, loads: list[Any]) -> None:
    body = {"name": [1] * MAX_ITEMS, **{f"k{number}": 1 for number in range(MAX_MEMBERS - 1)}}
    assert code(client.post("/lamps", body)) == (422, "validation-error")
    assert loads == [body]


def test_an_answer_has_20_errors_at_most_and_says_that_there_are_more(client: Client) -> None:
    answer = client.post("/lamps", {f"k{number}": 1 for number in range(MAX_ERRORS - 1)})
    assert len(answer.get_json()["errors"]) == MAX_ERRORS, "each of them, and the name that is missing"
    assert "more_errors" not in answer.get_json()
    answer = client.post("/lamps", {f"k{number}": 1 for number in range(MAX_ERRORS)})
    assert len(answer.get_json()["errors"]) == MAX_ERRORS
    assert answer.get_json()["more_errors"] is True


def test_a_long_name_that_the_caller_made_up_is_not_sent_back_whole(client: Client) -> None:
    [name] = client.post("/lamps", {"name": "x", "y" * 5_000: 1}).get_json()["errors"]
    assert name == "y" * MAX_NAME + "…"


def limits(db: Session) -> Any:
    names = ("lock_timeout", "statement_timeout")
    return {name: db.execute(text(f"SHOW {name}")).scalar_one() for name in names}


def test_a_view_that_declares_it_may_take_longer_and_others_may_not(alpha: ServiceKit, client: Client) -> None:
    RUN["limits"] = limits
    assert client.post("/run/limits").get_json()["statement_timeout"] == "1min"
    assert client.post("/run-long/limits").get_json()["statement_timeout"] == "45s"
    with alpha.transaction("t1") as db:
        assert limits(db) == {"lock_timeout": "10s", "statement_timeout": "30s"}, "a connection keeps the role's"
