"""The OpenAPI document is valid, and what the service answers is what it says, whatever is sent."""

from jalsa.dev.conformance import check_document, send_anything
from jalsa.dev.kit import ServiceKit

from .factories import Story


def test_the_document_is_valid_and_describes_every_route_that_asks_for_a_permission(kit: ServiceKit) -> None:
    check_document(kit)


def test_whatever_is_sent_is_answered_as_described_and_never_with_a_fault_of_ours(group: Story) -> None:
    note = group.create_note()
    known = {
        "note_id": note["id"],
        "session_id": note["session_id"],
        "participant_id": note["participant_id"],
        "patient_id": group.patient_id,
        "event": "NoteSigned.v1",
    }
    answered = send_anything(group.provider, known)
    assert {200, 404, 422} <= set(answered)
