"""A package through HTTP, from its booking on."""

from typing import Any

from .factories import Desk, as_json, at, created, ok


def body(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """Four sessions of an hour, each on the next day, with the desk's provider, unless said otherwise."""
    asked = {
        "patient_id": overrides.pop("patient_id", None) or desk.centre.create_patient(),
        "clinic_id": desk.clinic["id"],
        "service_type": desk.service_type["code"],
        "total_sessions": 4,
        "session_duration_minutes": 60,
        "start_date": at().date().isoformat(),
        "preferred_days": [],
        "use_multiple_providers": False,
        "provider_id": desk.provider["id"],
        "auto_schedule": True,
    }
    return as_json({**asked, **overrides})


def test_a_package_is_booked_in_one_step_and_each_session_has_its_appointment(desk: Desk) -> None:
    package = created(desk.centre.post("/packages", body(desk)))
    assert (package["status"], package["scheduled_sessions_count"], package["progress_percentage"]) == (
        "SCHEDULED",
        4,
        0,
    )
    assert ok(desk.centre.get(f"/packages/{package['id']}")) == package
    for session in package["sessions"]:
        participant = desk.participant(session["appointment_id"])
        assert participant["appointment_number"] == session["appointment_number"]
        assert participant["patient_id"] == package["patient_id"]
        assert participant["session"]["starts_at"] == session["starts_at"]
