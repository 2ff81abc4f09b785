"""Packages through HTTP: planned, booked, tried again, counted."""

from datetime import timedelta
from typing import Any

import pytest

from .factories import Desk, as_json, at, created, hours_on, ok, problem


def body(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """Four sessions of an hour, each on the next day, with the desk's provider, unless said otherwise."""
    asked = {
        "patient_id": None,
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
    asked |= overrides
    asked["patient_id"] = asked["patient_id"] or desk.centre.create_patient()
    return as_json(asked)


def test_a_package_is_booked_in_one_step(desk: Desk) -> None:
    shown = created(desk.centre.post("/packages", body(desk)))
    import json; print(json.dumps(shown, indent=1))
    assert shown["status"] == "SCHEDULED"
