"""The five calls that a newcomer makes first: as lines to paste, and made by `jalsa demo`, which shows what follows."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from typing import Any

import urllib3

from jalsa.dev.issuer import Issuer
from jalsa_local.demo import AGDAR, Api, bookable
from jalsa_local.settings import Running, Settings

#: How long `jalsa demo` waits for what follows from a booking, in seconds.
FOLLOWS_WITHIN = 30.0


@dataclass(frozen=True)
class Call:
    """A request below the gateway, and in a few words what it is for."""

    title: str
    method: str
    path: str
    body: Any = None

    def as_curl(self, base_url: str) -> str:
        """A line for a shell in which JALSA_TOKEN is set."""
        line = f'curl -s "{base_url}{self.path}" -H "Authorization: Bearer $JALSA_TOKEN"'
        if self.body is not None:
            line += f" -H \"Content-Type: application/json\" -d '{json.dumps(self.body)}'"
        return f"{line}; echo"


def five_calls(api: Api, today: date) -> tuple[Call, Call, Call, Call, Call]:
    """A booking, what follows from it, a search, and a plan, with ids of records that exist."""
    session_id, patient_id = bookable(api)
    clinic_id = next(c["id"] for c in api.call("GET", "/scheduling/v1/clinics")["items"] if c["code"] == "OT")
    first, last = (str(today + timedelta(days=days)) for days in (1, 7))
    course = {
        "patient_id": patient_id,
        "clinic_id": clinic_id,
        "service_type": "OT-60",
        "total_sessions": 10,
        "start_date": first,
        "preferred_days": [0, 2],
        "preferred_time": "10:00",
    }
    hours = f"service_type=OT-60&from={first}&to={last}&limit=3"
    return (
        Call(
            "book a patient into a group session",
            "POST",
            f"/scheduling/v1/sessions/{session_id}/participants",
            {"patient_id": patient_id},
        ),
        Call("the invoice that follows from it", "GET", f"/billing/v1/invoices?patient_id={patient_id}"),
        Call(
            "the confirmation, and what else the patient is sent",
            "GET",
            f"/notifications/v1/messages?patient_id={patient_id}",
        ),
        Call("the next free hours of the therapists", "GET", f"/scheduling/v1/availability?{hours}"),
        Call(
            "the plan of a course of ten sessions, on Sundays and Tuesdays at ten. POST it to …/packages to book it",
            "POST",
            "/scheduling/v1/packages/plan",
            course,
        ),
    )


def banner(settings: Settings, issuer: Issuer, seconds: float) -> str:
    """The address, a token, and lines that work when they are pasted into another terminal."""
    base_url = settings.base_url
    token = issuer.token(AGDAR, ["manager"])
    calls = five_calls(Api(base_url, token), datetime.now(UTC).date())
    lines = (f"# {number}. {call.title}\n{call.as_curl(base_url)}" for number, call in enumerate(calls, 1))
    return "\n".join(
        [
            "",
            f"Jalsa is ready after {seconds:.1f} s on {base_url}  (pages: {base_url}/scheduling/v1/docs, billing, "
            "notifications, …)",
            f"The log is {settings.log}. Ctrl-C stops Jalsa and keeps what was booked.",
            "In another terminal, paste these lines. After the export lines, `.venv/bin/jalsa demo` makes the same",
            "calls, and shows what follows from them as a table.",
            "",
            *settings.exports(),
            f"export JALSA_TOKEN={token}",
            "",
            *lines,
            "",
        ]
    )


def demo(running: Running, issuer: Issuer) -> None:
    """Make the five calls, wait for what follows from the booking, and print a table.

    Raises SystemExit with one line where a call is refused, nobody answers, or nothing has followed in time.
    """
    try:
        rows = list(_walk(Api(running.base_url, issuer.token(AGDAR, ["manager"]))))
    except (RuntimeError, urllib3.exceptions.HTTPError) as error:
        raise SystemExit(f"jalsa: the demonstration did not succeed: {error}") from None
    print(aligned(("call", "answer", "after"), rows))


def _walk(api: Api) -> Iterator[tuple[str, str, str]]:
    book, invoices, messages, hours, plan = five_calls(api, datetime.now(UTC).date())
    began = time.monotonic()

    def row(call: Call, answer: str) -> tuple[str, str, str]:
        return call.title.partition(";")[0], answer, f"{time.monotonic() - began:.1f} s"

    booked = api.call(book.method, book.path, book.body)
    number = booked["appointment_number"]
    yield row(book, f"{number} is {booked['status']}")
    [invoice] = _follows(api, invoices, number, lambda item: item["invoice_number"] is not None)
    yield row(invoices, f"{invoice['invoice_number']} is {invoice['status']}, {_money(invoice['total'])}")
    sent = _follows(api, messages, number, lambda item: item["status"] not in ("QUEUED", "SENDING"))
    yield row(messages, "; ".join(f"{item['kind']} by {item['channel']} is {item['status']}" for item in sent))
    free = api.call(hours.method, hours.path)["items"]
    yield row(hours, "; ".join(f"{slot['starts_at']} {slot['provider']['name_en']}" for slot in free))
    planned = api.call(plan.method, plan.path, plan.body)["sessions"]
    days = [session["scheduled_date"] for session in planned if session["scheduled_date"]]
    span = f", from {days[0]} to {days[-1]}" if days else ""
    yield row(plan, f"{len(days)} of {len(planned)} sessions have a time{span}")


def _follows(api: Api, call: Call, appointment_number: str, done: Callable[[Any], bool]) -> list[Any]:
    """The items of an answer that are about the appointment, as soon as there are some and all of them are done."""
    deadline = time.monotonic() + FOLLOWS_WITHIN
    while True:
        answer = api.call(call.method, call.path)
        items = [item for item in answer["items"] if item["appointment_number"] == appointment_number]
        if items and all(map(done, items)):
            return items
        if time.monotonic() > deadline:
            service = call.path.split("/")[1]
            raise RuntimeError(
                f"{appointment_number} was booked, but {call.title} is not there after {FOLLOWS_WITHIN:g} s; "
                f"see `jalsa logs {service}`."
            )
        time.sleep(0.1)


def _money(money: dict[str, str]) -> str:
    return f"{money['amount']} {money['currency']}"


def aligned(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of text with aligned columns. A cell's parts, separated by semicolons, stand below each other."""
    lines = [head]
    for row in rows:
        lines += zip_longest(*(cell.split("; ") for cell in row), fillvalue="")
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
