"""What must hold after any fault. Each booking that was answered has all its consequences, each once, and no other has.

It is judged from what callers see, which are the answers, the lists of every service, and the feeds.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scene import Scene
from stack import SERVICES, Api, Stack

BOOKED = "jalsa.scheduling.AppointmentBooked.v1"


@dataclass(frozen=True)
class Aftermath:
    """All that is seen of one centre. `bookings` are the participants that HTTP answered with 201."""

    bookings: Sequence[Any]
    sub_files: Mapping[str, Sequence[Any]]
    invoices: Sequence[Any]
    reminders: Sequence[Any]
    messages: Sequence[Any]
    notices: Sequence[Any]
    feeds: Mapping[str, Sequence[Any]]
    kept: Mapping[str, Sequence[Any]]

    @property
    def events(self) -> list[Any]:
        """Every service's events."""
        return [event for events in self.feeds.values() for event in events]


def observe(stack: Stack, scene: Scene, patients: Iterable[str], bookings: Sequence[Any]) -> Aftermath:
    """Ask every service for everything."""
    api = scene.api
    provider = stack.api(scene.tenant, "clinician", subject=scene.provider["user_id"])
    return Aftermath(
        bookings=bookings,
        sub_files={patient_id: scene.sub_files(patient_id) for patient_id in patients},
        invoices=_all(api, "/billing/v1/invoices"),
        reminders=_all(api, "/notifications/v1/reminders"),
        messages=_all(api, "/notifications/v1/messages"),
        notices=_all(provider, "/notifications/v1/inbox"),
        feeds={service: feed(api, service) for service in SERVICES},
        kept={service: _all(api, f"/{service}/v1/events/inbox") for service in SERVICES},
    )


def feed(api: Api, service: str) -> list[Any]:
    """A service's feed, as its subscribers read it, from the first event to the last."""
    events: list[Any] = []
    after = "0"
    while page := api.get(f"/{service}/v1/events?after={after}&limit=200")["items"]:
        events += page
        after = page[-1]["position"]
    return events


def violations(seen: Aftermath) -> list[str]:
    """What does not hold, a line each, or nothing when all is as if nothing had happened."""
    return [*_consequences(seen), *_sub_files(seen), *_invoice_numbers(seen), *_feeds(seen), *_kept(seen)]


def assert_settles(
    stack: Stack, scene: Scene, patients: Iterable[str], bookings: Sequence[Any], *, within: float = 30
) -> Aftermath:
    """Wait until everything holds, and see that it still does when all that was on its way has arrived."""
    patients = list(patients)
    deadline = time.monotonic() + within
    while wrong := violations(seen := observe(stack, scene, patients, bookings)):
        assert time.monotonic() < deadline, f"after {within} s:\n" + "\n".join(wrong)
        time.sleep(0.3)
    time.sleep(1)  # that nothing comes a second time cannot be waited for
    seen = observe(stack, scene, patients, bookings)
    assert violations(seen) == []
    return seen


def _all(api: Api, path: str) -> list[Any]:
    items: list[Any] = []
    page: Any = {"next_cursor": ""}
    while (cursor := page["next_cursor"]) is not None:
        page = api.get(f"{path}?limit=200" + (f"&cursor={cursor}" if cursor else ""))
        items += page["items"]
    return items


def _consequences(seen: Aftermath) -> Iterator[str]:
    booked = [event["data"] for event in seen.feeds["scheduling"] if event["type"] == BOOKED]
    once = {
        "AppointmentBooked": booked,
        "invoice": seen.invoices,
        "24H reminder": [r for r in seen.reminders if r["kind"] == "24H"],
        "2H reminder": [r for r in seen.reminders if r["kind"] == "2H"],
        "confirmation": [m for m in seen.messages if m["kind"] == "BOOKING_CONFIRMATION"],
        "notice": seen.notices,
    }
    for what, found in once.items():
        yield from _once_each(what, seen.bookings, found)
    if others := {m["kind"] for m in seen.messages} - {"BOOKING_CONFIRMATION"}:
        yield f"messages that nobody asked for: {sorted(others)}"


def _once_each(what: str, bookings: Sequence[Any], found: Sequence[Any]) -> Iterator[str]:
    counts = Counter(item["appointment_number"] for item in found)
    for booking in bookings:
        count = counts.pop(booking["appointment_number"], 0)
        if count != 1:
            yield f"{booking['appointment_number']}: {count} × {what}"
    for number in counts:
        yield f"{number} was never answered with 201, and has: {what}"


def _sub_files(seen: Aftermath) -> Iterator[str]:
    patients = {booking["patient_id"] for booking in seen.bookings}
    for patient_id, sub_files in seen.sub_files.items():
        clinics = [sub_file["clinic_code"] for sub_file in sub_files]
        if clinics != (["OT"] if patient_id in patients else []):
            yield f"patient {patient_id}: sub-files {clinics}"


def _invoice_numbers(seen: Aftermath) -> Iterator[str]:
    for invoice in seen.invoices:
        if invoice["status"] != "ISSUED":
            yield f"{invoice['appointment_number']}: its invoice is {invoice['status']}"
    numbers = [invoice["invoice_number"] for invoice in seen.invoices if invoice["invoice_number"]]
    running = sorted(int(number.rsplit("-", 1)[1]) for number in numbers)
    if running != list(range(1, len(running) + 1)):
        yield f"invoice numbers with gaps or doubles: {running}"


def _feeds(seen: Aftermath) -> Iterator[str]:
    for service, events in seen.feeds.items():
        positions = [int(event["position"]) for event in events]
        if any(later <= earlier for earlier, later in pairwise(positions)):
            yield f"{service}: positions do not rise"
        sequences: defaultdict[str, list[int]] = defaultdict(list)
        for event in events:
            sequences[event["subject"]].append(int(event["sequence"]))
        for subject, sequence in sequences.items():
            if sequence != list(range(1, len(sequence) + 1)):
                yield f"{service}: {subject} has the sequences {sequence}"


def _kept(seen: Aftermath) -> Iterator[str]:
    for service, events in seen.kept.items():
        for event in events:
            yield f"{service} keeps {event['type']} of {event['subject']} as {event['state']}: {event['error']}"
