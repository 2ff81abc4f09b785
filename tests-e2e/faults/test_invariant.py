"""The checker of the fault tests finds each kind of harm, and none where none was done."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faults.invariant import BOOKED, Aftermath, violations

NUMBERS = ("APT-T1-2026-00001", "APT-T1-2026-00002")


def event(subject: str, sequence: int, position: int, **data: Any) -> dict[str, Any]:
    return {"type": BOOKED, "subject": subject, "sequence": str(sequence), "position": str(position), "data": data}


def unharmed() -> Aftermath:
    """Two bookings of two patients. A third patient was refused."""
    bookings = [{"appointment_number": number, "patient_id": f"patient-of-{number}"} for number in NUMBERS]
    named = [{"appointment_number": number} for number in NUMBERS]
    return Aftermath(
        bookings=bookings,
        sub_files={b["patient_id"]: [{"clinic_code": "OT"}] for b in bookings} | {"refused": []},
        invoices=[{**n, "invoice_number": f"INV-{i}", "status": "ISSUED"} for i, n in enumerate(named, 1)],
        reminders=[{**n, "kind": kind} for n in named for kind in ("24H", "2H")],
        messages=[{**n, "kind": "BOOKING_CONFIRMATION"} for n in named],
        notices=list(named),
        feeds={
            "scheduling": [event(f"appointment/{i}", 1, i, **n) for i, n in enumerate(named, 1)],
            "billing": [event("invoice/1", 1, 5), event("invoice/2", 1, 6), event("invoice/1", 2, 9)],
        },
        kept={"billing": []},
    )


def test_nothing_is_found_where_no_harm_was_done() -> None:
    assert violations(unharmed()) == []


def without_last(seen: Aftermath, field: str) -> Aftermath:
    return with_values(seen, field, getattr(seen, field)[:-1])


def with_last_twice(seen: Aftermath, field: str) -> Aftermath:
    values = getattr(seen, field)
    return with_values(seen, field, [*values, values[-1]])


def with_values(seen: Aftermath, field: str, values: list[Any]) -> Aftermath:
    changes: dict[str, Any] = {field: values}
    return replace(seen, **changes)


CONSEQUENCES = ("invoices", "reminders", "messages", "notices")


@pytest.mark.parametrize("field", CONSEQUENCES)
def test_a_lost_consequence_is_found(field: str) -> None:
    assert f"{NUMBERS[1]}: 0 × " in "\n".join(violations(without_last(unharmed(), field)))


@pytest.mark.parametrize("field", CONSEQUENCES)
def test_a_doubled_consequence_is_found(field: str) -> None:
    assert f"{NUMBERS[1]}: 2 × " in "\n".join(violations(with_last_twice(unharmed(), field)))


@pytest.mark.parametrize("field", CONSEQUENCES)
def test_a_consequence_of_a_booking_that_was_never_answered_is_found(field: str) -> None:
    assert f"{NUMBERS[1]} was never answered" in "\n".join(violations(without_last(unharmed(), "bookings")))


def with_feed(service: str, change: Callable[[list[Any]], list[Any]]) -> Aftermath:
    seen = unharmed()
    return replace(seen, feeds={**seen.feeds, service: change(list(seen.feeds[service]))})


def with_sub_files(patient_id: str, *clinics: str) -> Aftermath:
    seen = unharmed()
    return replace(seen, sub_files={**seen.sub_files, patient_id: [{"clinic_code": clinic} for clinic in clinics]})


def with_last_invoice(**changes: str) -> Aftermath:
    seen = unharmed()
    return replace(seen, invoices=[seen.invoices[0], {**seen.invoices[1], **changes}])


def with_kept_event() -> Aftermath:
    kept = {**event("appointment/1", 1, 1), "state": "dead", "error": "KeyError"}
    return replace(unharmed(), kept={"billing": [kept]})


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (with_feed("scheduling", lambda feed: feed[:-1]), f"{NUMBERS[1]}: 0 × AppointmentBooked"),
        (with_feed("billing", lambda feed: feed[1:]), "billing: invoice/1 has the sequences [2]"),
        (
            with_feed("billing", lambda feed: [*feed[:2], feed[0], feed[2]]),
            "billing: invoice/1 has the sequences [1, 1, 2]",
        ),
        (with_feed("billing", lambda feed: feed[::-1]), "billing: positions do not rise"),
        (with_sub_files(f"patient-of-{NUMBERS[0]}"), f"patient patient-of-{NUMBERS[0]}: sub-files []"),
        (with_sub_files(f"patient-of-{NUMBERS[0]}", "OT", "OT"), "sub-files ['OT', 'OT']"),
        (with_sub_files("refused", "OT"), "patient refused: sub-files ['OT']"),
        (with_last_invoice(invoice_number="INV-3"), "invoice numbers with gaps or doubles: [1, 3]"),
        (with_last_invoice(invoice_number="INV-1"), "invoice numbers with gaps or doubles: [1, 1]"),
        (with_last_invoice(status="DRAFT"), "its invoice is DRAFT"),
        (with_kept_event(), "billing keeps"),
    ],
)
def test_any_other_harm_is_found(seen: Aftermath, found: str) -> None:
    assert found in "\n".join(violations(seen))
