"""Entity tags. What has not changed is not sent again, and what has changed is not overwritten unseen."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client


@pytest.fixture
def lamp_path(client: Client) -> str:
    return f"/lamps/{client.post('/lamps', {'name': 'a', 'level': 1}).get_json()['id']}"


def code(answer: TestResponse) -> tuple[int, str | None]:
    document: dict[str, Any] = answer.get_json() or {}
    return answer.status_code, document.get("code")


def test_the_tag_is_the_same_until_the_record_changes(client: Client, lamp_path: str) -> None:
    first, again = client.get(lamp_path), client.get(lamp_path)
    assert first.headers["ETag"] == again.headers["ETag"]
    changed = client.patch(lamp_path, {"level": 2}, first.headers["ETag"])
    assert changed.headers["ETag"] == client.get(lamp_path).headers["ETag"] != first.headers["ETag"]


def test_creating_answers_with_the_tag_that_reading_gives(client: Client) -> None:
    created = client.post("/lamps", {"name": "b"})
    assert created.headers["ETag"] == client.get(f"/lamps/{created.get_json()['id']}").headers["ETag"]


def test_what_the_reader_has_is_a_304_without_a_body(client: Client, lamp_path: str) -> None:
    tag = client.get(lamp_path).headers["ETag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = client.call("GET", lamp_path, headers={"If-None-Match": given})
        assert (answer.status_code, answer.get_data(), answer.headers["ETag"]) == (304, b"", tag)
    assert client.call("GET", lamp_path, headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_without_if_match_is_a_428(method: str, client: Client, lamp_path: str) -> None:
    body = {"json": {"level": 5}} if method == "PATCH" else {}
    for headers in ({}, {"If-Match": ""}):
        answer = client.call(method, lamp_path, headers=headers, **body)
        assert code(answer) == (428, "precondition-required")
    assert client.get(lamp_path).get_json()["level"] == 1


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("tag", ['"x"', "x", '""', "weak", "\N{DEGREE SIGN}"])
def test_a_stale_or_broken_if_match_is_a_412(method: str, tag: str, client: Client, lamp_path: str) -> None:
    if tag == "weak":
        tag = "W/" + client.get(lamp_path).headers["ETag"]
    body = {"json": {"level": 5}} if method == "PATCH" else {}
    assert code(client.call(method, lamp_path, headers={"If-Match": tag}, **body)) == (412, "precondition-failed")
    assert client.get(lamp_path).get_json()["level"] == 1


@pytest.mark.parametrize("given", ["{tag}", '"x", {tag}', "*"])
def test_a_matching_if_match_lets_the_request_through(given: str, client: Client, lamp_path: str) -> None:
    headers = {"If-Match": given.format(tag=client.get(lamp_path).headers["ETag"])}
    assert client.call("GET", lamp_path, headers=headers).status_code == 200
    assert client.call("PATCH", lamp_path, headers=headers, json={"level": 2}).status_code == 200
    headers = {"If-Match": given.format(tag=client.get(lamp_path).headers["ETag"])}
    assert client.call("DELETE", lamp_path, headers=headers).status_code == 204
    assert client.get(lamp_path).status_code == 404


def test_of_two_who_change_what_they_read_at_the_same_time_one_is_told(client: Client, lamp_path: str) -> None:
    tag = client.get(lamp_path).headers["ETag"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda level: client.patch(lamp_path, {"level": level}, tag).status_code, range(2, 8)))
    assert sorted(answers) == [200] + [412] * 5
