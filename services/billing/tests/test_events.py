"""What billing reads and publishes, against the golden examples."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from billing.app import SERVICE
from billing.commands import CreatePrice, RecordPayment, VoidInvoice
from billing.events import STREAMS
from billing.models import Invoice
from billing.operations import invoices, payments, prices
from jalsa.dev.kit import ServiceKit, examples_read, golden, with_unknown_fields
from jalsa.events.contracts import FOLDER
from jalsa.events.envelope import Envelope, parse
from jalsa.service.ids import new_id

from .factories import SERVICE_TYPE, Appointment, Office, Package, answer

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("unknown_fields", [False, True])
@pytest.mark.parametrize(("name", "example"), examples_read(SERVICE))
def test_golden_examples_are_applied(
    kit: ServiceKit, tenant: str, name: str, example: str, unknown_fields: bool
) -> None:
    attributes = golden(name, example)
    data = with_unknown_fields(attributes["data"]) if unknown_fields else attributes["data"]
    attributes |= {"tenantid": tenant, "sequence": "1", "data": data}
    # an id of its own, because an appointment or a package is of one tenant only
    _, golden_id = attributes["subject"].split("/")
    fresh = new_id()
    envelope = parse(json.loads(json.dumps(attributes).replace(golden_id, str(fresh))))
    first = _first_of_its_subject(name, tenant, fresh)
    if first is not None:
        kit.inbox.receive(first)
        envelope = replace(envelope, sequence=2)
    kit.inbox.receive(envelope)
    assert kit.inbox.not_yet_applied(envelope.source, [envelope]) == []


def _first_of_its_subject(name: str, tenant: str, subject_id: UUID) -> Envelope | None:
    """What was announced before an event that never comes first."""
    if name in ("AppointmentRescheduled", "AppointmentCancelled"):
        return Appointment(tenant, subject_id).booked()
    if name in ("PackageCompleted", "PackageReopened", "PackageCancelled"):
        return Package(tenant, id=subject_id).created()
    return None


@pytest.mark.parametrize(
    "event",
    [f"{stream.service}/{stream.aggregate}/{event}" for stream in STREAMS for event in sorted(stream.ignores)],
)
def test_events_that_mean_nothing_here_are_passed_over(kit: ServiceKit, tenant: str, event: str) -> None:
    service, aggregate, name = event.split("/")
    attributes = golden("AppointmentConfirmed", "default") | {
        "id": str(new_id()),
        "source": f"/jalsa/{service}",
        "type": f"jalsa.{service}.{name}",
        "subject": f"{aggregate}/{new_id()}",
        "tenantid": tenant,
        "sequence": "1",
    }
    envelope = parse(attributes)
    assert kit.inbox.knows(envelope)
    kit.inbox.receive(envelope)
    assert kit.inbox.not_yet_applied(envelope.source, [envelope]) == []
    assert kit.count(tenant, Invoice) == 0


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_any_order_and_any_repetition_ends_as_a_perfect_delivery(office: Office, order: tuple[int, ...]) -> None:
    office.set_price()
    appointment = Appointment(office.tenant)
    story = [appointment.booked(1), appointment.confirmed(2), appointment.rescheduled(3), appointment.cancelled(4)]
    for n in order:
        for _ in range(2):
            office.kit.inbox.receive(story[n])
    for event in story:
        office.kit.inbox.receive(event)
    assert office.invoice(appointment)["status"] == "VOID"
    assert office.published() == ["InvoiceIssued", "InvoiceVoided"]


@pytest.mark.parametrize("outcome", ["no_show", "attended"])
def test_an_outcome_and_its_correction_lose_no_invoice_and_make_no_second_one(office: Office, outcome: str) -> None:
    office.set_price()
    appointment = office.book()
    told = office.published()
    story = [getattr(appointment, outcome)(2), appointment.corrected(3, outcome.upper(), "BOOKED")]
    for event in (*story, *story):
        office.kit.inbox.receive(event)
        assert office.kit.inbox.knows(event)
    assert office.invoice(appointment)["status"] == "ISSUED"
    assert office.published() == told
    office.kit.inbox.receive(appointment.cancelled(4))
    assert office.invoice(appointment)["status"] == "VOID"


def test_a_visit_that_was_entered_afterwards_is_invoiced(office: Office) -> None:
    office.set_price()
    session = {**golden("AppointmentBooked", "group")["data"]["session"], "starts_at": "2026-11-02T07:00:00Z"}
    appointment = office.book(session=session, recorded_late=True)
    assert office.invoice(appointment)["status"] == "ISSUED"


def test_the_invoices_of_two_appointments_never_show_one_number(office: Office) -> None:
    """Such as come from a source that was restored, and gives its numbers a second time."""
    first = office.book()
    second = Appointment(office.tenant)
    office.kit.inbox.receive(second.booked(appointment_number=first.number))
    assert [i["appointment_id"] for i in office.invoices()] == [str(first.id)]
    [kept] = answer(office.kit.client(office.tenant).get("/events/inbox"))["items"]
    assert (kept["subject"], kept["state"]) == (f"appointment/{second.id}", "retrying")
    Office(office.kit, f"{office.tenant}-b").book(
        appointment_number=first.number
    )  # another tenant's numbers are its own
    assert len(Office(office.kit, f"{office.tenant}-b").invoices()) == 1


def test_two_tenants_may_know_an_appointment_by_the_same_id(office: Office) -> None:
    other = Office(office.kit, f"{office.tenant}-b")
    appointment_id = new_id()
    for one in (office, other):
        one.set_price("0")
        one.kit.inbox.receive(Appointment(one.tenant, appointment_id).booked())
    for one in (office, other):
        assert one.clearance(Appointment(one.tenant, appointment_id))["reason"] == "nothing-to-pay"


def test_what_is_published_equals_the_golden_examples(office: Office) -> None:
    paid, void = Appointment(office.tenant), Appointment(office.tenant)
    with office.kit.transaction(office.tenant) as db:
        price = CreatePrice(service_type=SERVICE_TYPE, amount=Decimal("300.00"), vat_category="S")
        prices.create_price(db, price, now=NOW)
        number = golden("InvoiceIssued", "default")["data"]["appointment_number"]
        first = invoices.invoice_appointment(db, paid.to_invoice(appointment_number=number), now=NOW)
        for amount, method in (("45.00", "CASH"), ("300.00", "CARD")):
            payments.record_payment(db, first, RecordPayment(amount=Decimal(amount), method=method), now=NOW)
    with office.kit.transaction(office.tenant) as db:
        second = invoices.invoice_appointment(db, void.to_invoice(), now=NOW)
        invoices.void(db, second, VoidInvoice(), now=NOW)

    published = office.kit.events(office.tenant)
    story = [e for e in published if e.data["appointment_id"] == str(paid.id)]
    expected = [
        ("InvoiceIssued", "default"),
        ("PaymentRecorded", "part"),
        ("PaymentRecorded", "rest"),
        ("InvoicePaid", "default"),
        ("FinancialClearanceChanged", "default"),
    ]
    assert [e.event for e in story] == [f"{name}.v1" for name, _ in expected]
    for envelope, (name, example) in zip(story, expected, strict=True):
        assert _essence(envelope.attributes()) == _essence(_as_golden(name, example, envelope, 1))
    [voided] = [e for e in published if e.event == "InvoiceVoided.v1"]
    assert _essence(voided.attributes()) == _essence(_as_golden("InvoiceVoided", "default", voided, 2))


def test_everything_that_is_published_has_a_golden_example_that_fits_its_schema() -> None:
    for event in SERVICE.publishes:
        examples = list((FOLDER / event.name / f"v{event.version}").glob("*.json"))
        assert examples, event.name
        for file in examples:
            attributes = json.loads(file.read_text())
            assert parse(attributes).attributes() == attributes
            assert attributes["type"] == event.type
            assert event.schema.validate(attributes["data"]) == {}


def _as_golden(name: str, example: str, envelope: Envelope, running: int) -> dict[str, Any]:
    """The golden example with the ids and the number of this run in the place of its own."""
    attributes = golden(name, example)
    wanted = attributes["data"]
    pairs = [
        (wanted["appointment_id"], envelope.data["appointment_id"]),
        ("INV-AGDAR-2026-00001", f"INV-{envelope.tenant.upper()}-2026-{running:05d}"),
    ]
    if "invoice_id" in wanted:
        pairs.append((wanted["invoice_id"], envelope.data["invoice_id"]))
    if "payment" in wanted:
        pairs.append((wanted["payment"]["id"], envelope.data["payment"]["id"]))
    written = json.dumps(attributes)
    for theirs, ours in pairs:
        written = written.replace(theirs, ours)
    replaced: dict[str, Any] = json.loads(written)
    return replaced


def _essence(attributes: dict[str, Any]) -> dict[str, Any]:
    """All that is not this run's own."""
    own = ("id", "tenantid", "position", "correlationid", "causationid", "traceparent")
    return {name: value for name, value in attributes.items() if name not in own}
