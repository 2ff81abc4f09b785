"""What is said of a request beside its answer: ids, logs, metrics, health, and the OpenAPI document."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from jalsa import VERSION
from jalsa.dev.kit import Client, ServiceKit

from .lamps import RUN, Logs

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def test_the_callers_request_id_and_trace_are_taken_over_into_events_audit_and_logs(
    alpha: ServiceKit, client: Client, tenant: str, logs: Logs
) -> None:
    headers = {"X-Request-ID": "desk-42", "traceparent": TRACE}
    answer = client.call("POST", "/lamps", json={"name": "a"}, headers=headers)
    assert answer.headers["X-Request-ID"] == "desk-42"
    [event] = alpha.events(tenant)
    assert event.correlation_id == "desk-42"
    assert event.traceparent.split("-")[1] == "a" * 32
    assert event.traceparent != TRACE, "a span of its own"
    with alpha.transaction(tenant) as db:
        row = db.execute(text("SELECT actor, request_id, action, after FROM audit_log")).one()
    assert (row.actor, row.request_id, row.action, row.after["name"]) == ("tester", "desk-42", "INSERT", "a")
    [entry] = [e for e in logs if e["event"] == "request"]
    assert (entry["request_id"], entry["tenant"], entry["actor"]) == ("desk-42", tenant, "tester")
    assert (entry["route"], entry["status"], entry["service"]) == ("/v1/lamps", 201, "alpha")
    assert entry["traceparent"] == event.traceparent


@pytest.mark.parametrize("given", [None, "", "x" * 101, "a b", "é", "<script>", 'a"b'])
def test_a_request_id_that_is_no_plain_token_is_replaced(given: str | None, client: Client) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    made = client.call("GET", "/lamps", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f-]{36}", made)


@pytest.mark.parametrize("given", [None, "x", "00-zz-bb-01", TRACE.upper(), TRACE + "-x"])
def test_a_trace_that_is_none_is_replaced(given: str | None, alpha: ServiceKit, client: Client, tenant: str) -> None:
    headers = {} if given is None else {"traceparent": given}
    client.call("POST", "/lamps", json={"name": "a"}, headers=headers)
    [event] = alpha.events(tenant)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", event.traceparent)
    assert given is None or event.traceparent.split("-")[1] not in given


def test_refusals_carry_a_request_id_too(alpha: ServiceKit, client: Client) -> None:
    RUN["crash"] = lambda _: 1 / 0
    for answer in (
        alpha.app.test_client().get("/v1/lamps"),
        client.get("/nothing"),
        client.call("PUT", "/lamps"),
        client.post("/run/crash"),
    ):
        assert answer.status_code >= 400
        assert answer.headers["X-Request-ID"]


def test_logs_name_the_route_and_never_the_path_or_the_query(client: Client, logs: Logs) -> None:
    client.get("/lamps/Sara-Al-Otaibi")
    client.get("/lamps", cursor="0501234567")
    client.post("/lamps", {"name": "Sara", "note": "0501234567", "unknown": "Sara"})
    client.call("GET", "/lamps", headers={"User-Agent": "Sara"})
    assert len([e for e in logs if e["event"] == "request"]) == 4
    assert "Sara" not in str(logs)
    assert "0501234567" not in str(logs)


def test_one_requests_ids_do_not_stay_for_the_next_one(alpha: ServiceKit, client: Client, logs: Logs) -> None:
    client.get("/lamps")
    alpha.app.test_client().get("/v1/lamps")
    first, second = [e for e in logs if e["event"] == "request"]
    assert "tenant" in first
    assert "tenant" not in second
    assert first["request_id"] != second["request_id"]


# Metrics


def samples(kit: ServiceKit, name: str) -> list[dict[str, str]]:
    page = kit.app.test_client().get("/metrics").get_data(as_text=True)
    return [
        sample.labels
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    ]


def test_requests_are_measured_by_route(alpha: ServiceKit, client: Client) -> None:
    client.get("/lamps")
    labels = {"service": "alpha", "method": "GET", "route": "/v1/lamps", "status": "200"}
    assert labels in samples(alpha, "jalsa_http_request_seconds_count")


def test_no_label_grows_with_what_callers_send(alpha: ServiceKit, client: Client) -> None:
    def count() -> int:
        return len(samples(alpha, "jalsa_http_request_seconds_count"))

    def odd_requests(letter: str) -> None:
        client.get(f"/{letter}{letter}")
        client.get(f"/lamps/{letter}")
        client.get("/lamps", cursor=letter)
        client.call(letter * 5, "/lamps")
        client.call(letter * 5, f"/{letter}")

    odd_requests("X")
    count()  # which is a request itself
    before = count()
    for letter in "YZW":
        odd_requests(letter)
    assert count() == before


def test_metrics_hold_no_tenant(alpha: ServiceKit, client: Client, tenant: str) -> None:
    client.post("/lamps", {"name": "a"})
    assert tenant not in alpha.app.test_client().get("/metrics").get_data(as_text=True)


# Beside the resources


def test_health_and_documents_need_no_token(alpha: ServiceKit) -> None:
    anyone = alpha.app.test_client()
    assert anyone.get("/livez").get_json() == {"status": "ok", "version": VERSION}
    assert anyone.get("/v1/openapi.json").get_json()["info"]["version"] == VERSION
    assert f'jalsa_build_info{{service="alpha",version="{VERSION}"}} 1.0' in anyone.get("/metrics").get_data(
        as_text=True
    )
    assert anyone.get("/readyz").get_json() == {"status": "ok", "checks": {"database": "ok"}}
    page = anyone.get("/v1/docs")
    assert page.content_type.startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"(src|href)=.?https?:", page.get_data(as_text=True)), "nothing is loaded from outside"


def test_the_openapi_document_describes_views_and_problems(alpha: ServiceKit) -> None:
    document: dict[str, Any] = alpha.app.test_client().get("/v1/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    api = alpha.app.extensions["jalsa-api"]
    assert api.document is api.document, "it is built once"
    assert {"/v1/lamps", "/v1/lamps/{lamp_id}", "/v1/events"} <= set(document["paths"])
    post = document["paths"]["/v1/lamps"]["post"]
    assert "201" in post["responses"]
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in post["parameters"]
    patch = document["paths"]["/v1/lamps/{lamp_id}"]["patch"]
    assert {"$ref": "#/components/parameters/IfMatch"} in patch["parameters"]
    for status, response in (post["responses"] | patch["responses"]).items():
        if status >= "4":
            assert set(response["content"]) == {"application/problem+json"}, status


def test_arabic_is_answered_as_it_is_written(client: Client) -> None:
    assert "مصباح".encode() in client.post("/lamps", {"name": "مصباح"}).data
    half = client.call("POST", "/lamps", data=b'{"name": "x", "\\ud800": 1}', content_type="application/json")
    assert (half.status_code, list(half.get_json()["errors"])) == (422, ["\ud800"])


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/docs"])
def test_what_does_not_change_is_the_same_at_every_call_and_is_not_sent_twice(path: str, alpha: ServiceKit) -> None:
    anyone = alpha.app.test_client()
    answers = [anyone.get(path) for _ in range(100)]
    assert {(answer.status_code, answer.headers["ETag"]) for answer in answers} == {(200, answers[0].headers["ETag"])}
    assert answers[1].data == answers[99].data == answers[0].data
    again = anyone.get(path, headers={"If-None-Match": answers[0].headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", answers[0].headers["ETag"])
    assert anyone.get(path, headers={"If-None-Match": '"another"'}).data == answers[0].data


def test_logs_on_the_standard_output_are_lines_of_json_without_values() -> None:
    program = """
import logging, structlog
from jalsa.service import logging as ours
ours.configure("INFO", "alpha")
log = structlog.get_logger()
try:
    raise ValueError("Sara 0501234567")
except ValueError as error:
    log.error("failed", exc_info=True)
    log.error("failed-too", exc_info=error)
    logging.getLogger("some.library").warning("saw %s", "Sara", exc_info=True)
    logging.getLogger("some.library").info("saw Sara")
log.debug("Sara")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["failed", "failed-too", "library"]
    assert [line["error"] for line in lines] == ["ValueError"] * 3
    assert lines[2]["template"] == "saw %s"
    assert all(line["service"] == "alpha" and line["timestamp"].endswith("Z") for line in lines)
    assert "Sara" not in done.stdout + done.stderr


def test_an_unknown_log_level_is_refused() -> None:
    from jalsa.service import logging as ours

    with pytest.raises(ValueError, match="LOUD"):
        ours.configure("LOUD", "alpha")
