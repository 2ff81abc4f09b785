"""The OpenAPI document is valid, and what the service answers is what it says, whatever is sent."""

from jalsa.dev.conformance import check_document, send_anything
from jalsa.dev.kit import ServiceKit

from .factories import World, in_days


def test_the_document_is_valid_and_describes_every_route_that_asks_for_a_permission(kit: ServiceKit) -> None:
    check_document(kit)


def test_whatever_is_sent_is_answered_as_described_and_never_with_a_fault_of_ours(world: World) -> None:
    patient_id = world.patient()
    booking = world.book(patient_id, in_days(5))
    reader = world.kit.client(world.tenant, "manager", "front-desk", "clinician", subject="layla")
    known = {
        "patient_id": str(patient_id),
        "message_id": world.confirmation(booking)["id"],
        "reminder_id": world.reminders(booking)["24H"]["id"],
        "notice_id": reader.get("/inbox").get_json()["items"][0]["id"],
        "appointment_number": booking.number,
        "event": "MessageSent.v1",
    }
    answered = send_anything(reader, known)
    assert {200, 404, 422} <= set(answered)
