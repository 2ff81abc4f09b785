"""The requests of docs/guide.md are sent to the running services, and answered as the page says."""

from pathlib import Path
from typing import Any

import pytest
from guide import Examples, Exchange, broken, exchanges
from scene import eventually, new_tenant, noon_zone, soon
from stack import Answer, Api, ApiFor

PAGE = (Path(__file__).parents[1] / "docs/guide.md").read_text()
#: What the reader chooses, which is the clinic's zone, when the session starts, and when the consent was signed.
STARTS_AT, SIGNED_AT = "2026-11-26T10:10:00+03:00", "2026-11-26T10:00:00+03:00"


def test_the_guide_is_answered_as_it_says(api_for: ApiFor) -> None:
    tenant = new_tenant()
    callers = {"$MANAGER": api_for(tenant, "manager"), "$FRONT_DESK": api_for(tenant, "front-desk")}
    examples = Examples({"Asia/Riyadh": noon_zone(), STARTS_AT: soon(10), SIGNED_AT: soon(-5)})
    for exchange in exchanges(PAGE):
        follow(callers, examples, exchange)


def follow(callers: dict[str, Api], examples: Examples, exchange: Exchange) -> None:
    """Send a request of the page until it is answered as shown, because other services hear of things a little later.

    Only what changes nothing is sent again, which is a GET, and whatever was refused.
    """
    _, _, caller = exchange.headers["Authorization"].partition(" ")
    headers = {name.replace("-", "_"): value for name, value in exchange.headers.items() if name != "Authorization"}
    path, body = examples.filled(exchange.path), exchange.body and examples.filled(exchange.body)

    def answered() -> bool:
        answer = callers[caller].send(exchange.method, path, body, **headers)
        if not (differences := broken(examples, exchange, answer)):
            return True
        assert exchange.method == "GET" or answer.status >= 400, (exchange.method, exchange.path, differences)
        found[:] = differences
        return False

    found: list[str] = []
    try:
        eventually(answered, within=30)
    except AssertionError:
        pytest.fail(f"{exchange.method} {exchange.path}: {found}")


def exchange(shown: Any, status: int = 200) -> Exchange:
    """An exchange that promises this answer."""
    return Exchange("GET", "/", {}, None, status, shown)


ID, OTHER = "01a20000-0000-7000-8000-0000000000c1", "01a20000-0000-7000-8000-0000000000c2"


@pytest.mark.parametrize(
    ("shown", "actual"),
    [
        ({"id": ID}, {"id": "layla"}),
        ({"id": ID, "again": ID}, {"id": ID, "again": OTHER}),
        ({"status": "PAID"}, {"status": "ISSUED"}),
        ({"status": "PAID"}, {"status": "PAID", "more": 1}),
        ({"status": "PAID", "…": "…"}, {"more": 1}),
        ({"items": [{"…": "…"}]}, {"items": []}),
        ({"at": "2026-11-26T07:05:00Z"}, {"at": "2026-11-26"}),
        ({"at": "2026-11-26T07:05:00Z"}, {"at": None}),
        ({"count": 1}, {"count": True}),
    ],
)
def test_an_answer_that_differs_from_the_page_is_found(shown: Any, actual: Any) -> None:
    examples = Examples()
    assert broken(examples, exchange(shown), Answer(200, actual, {}))
    assert examples.known == {}


def test_another_status_is_found() -> None:
    assert broken(Examples(), exchange({}), Answer(201, {}, {}))


def test_examples_stand_for_what_the_run_has_and_unknown_ones_are_refused() -> None:
    examples = Examples()
    shown, actual = {"id": ID, "number": "APT-GUIDE-2026-00001"}, {"id": OTHER, "number": "APT-T1-2027-00007"}
    assert broken(examples, exchange({**shown, "…": "…"}), Answer(200, {**actual, "more": None}, {})) == []
    assert examples.filled(f"/{ID}?n=APT-GUIDE-2026-00001") == f"/{OTHER}?n=APT-T1-2027-00007"
    with pytest.raises(ValueError, match=OTHER):
        examples.filled(f"/{OTHER}")


def test_a_request_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        list(exchanges("```http\nGET /\n```\n"))
    with pytest.raises(ValueError, match="no answer follows GET /"):
        list(exchanges("```http\nGET /\n```\n```http\nGET /\n```\n"))
