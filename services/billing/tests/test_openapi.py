"""The OpenAPI document is valid, and what the service answers is what it says, whatever is sent."""

from jalsa.dev.conformance import check_document, send_anything
from jalsa.dev.kit import ServiceKit

from .factories import Office


def test_the_document_is_valid_and_describes_every_route_that_asks_for_a_permission(kit: ServiceKit) -> None:
    check_document(kit)


def test_whatever_is_sent_is_answered_as_described_and_never_with_a_fault_of_ours(office: Office) -> None:
    appointment, invoice = office.book_and_issue()
    package = office.create_package()
    known = {
        "invoice_id": invoice["id"],
        "appointment_id": str(appointment.id),
        "appointment_number": invoice["appointment_number"],
        "patient_id": invoice["patient_id"],
        "package_id": str(package.id),
        "price_id": office.biller.get("/prices").get_json()["items"][0]["id"],
        "event": "InvoiceIssued.v1",
    }
    answered = send_anything(office.kit.client(office.tenant, "manager", "biller"), known)
    assert {200, 404, 412, 422} <= set(answered)
