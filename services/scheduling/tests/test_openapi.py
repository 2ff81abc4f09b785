"""The OpenAPI document is valid, and what the service answers is what it says, whatever is sent."""

from typing import Any

from jalsa.dev.conformance import check_document, send_anything
from jalsa.dev.kit import ServiceKit

from .absences import away
from .factories import Desk, at, created


def test_the_document_is_valid_and_describes_every_route_that_asks_for_a_permission(kit: ServiceKit) -> None:
    check_document(kit, "/v1/providers/{provider_id}/calendar.ics")


def test_whatever_is_sent_is_answered_as_described_and_never_with_a_fault_of_ours(desk: Desk) -> None:
    answered = send_anything(desk.centre.client(), known_values(desk))
    assert {200, 201, 404, 409, 412, 422} <= set(answered)


def known_values(desk: Desk) -> dict[str, Any]:
    """Values of records that exist, by the names under which requests mention them."""
    participant = desk.create_appointment()
    series = desk.create_series(start_time="18:00", max_capacity=5)
    members = f"/series/{series['id']}/members"
    member = created(desk.centre.post(members, {"patient_id": desk.centre.create_patient()}))
    desk.create_session(starts_at=at(3))
    absence = away(desk, at(3, 8), at(3, 12))
    package = created(desk.centre.post("/packages", desk.package_body(start_date=at(30).date().isoformat())))
    return {
        "package_id": package["id"],
        "session_number": 1,
        "from_session_number": 1,
        "clinic_id": desk.clinic["id"],
        "room_id": desk.room["id"],
        "provider_id": desk.provider["id"],
        "service_type_id": desk.service_type["id"],
        "service_type": desk.service_type["code"],
        "session_id": participant["session"]["id"],
        "participant_id": participant["id"],
        "patient_id": participant["patient_id"],
        "starts_at": desk.placement()["starts_at"],
        "clinic_ids": [desk.clinic["id"]],
        "series_id": series["id"],
        "member_id": member["id"],
        "time_off_id": absence["id"],
        "starts_on": desk.series_body()["starts_on"],
        "rrule": "FREQ=WEEKLY;COUNT=2",
        "exceptions": [],
        "event": "AppointmentBooked.v1",
        "kind": "session",
        "record_id": participant["session"]["id"],
        "from": str(at(1).date()),
        "to": str(at(1).date()),
    }
