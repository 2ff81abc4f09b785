"""Waiting for a place, and a group that recurs, through HTTP only."""

from datetime import UTC, datetime, timedelta

from scene import Scene, eventually


def test_a_freed_place_is_offered_accepted_and_followed_by_all_that_a_booking_causes(scene: Scene) -> None:
    session = scene.group(capacity=1)
    first, waiting = scene.book(session["id"], scene.patient()), scene.patient()
    entry = scene.api.post("/scheduling/v1/waitlist", {"patient_id": waiting, "session_id": session["id"]})
    scene.do(first, "cancel", {"reason": "ill"})

    entry = scene.api.get(f"/scheduling/v1/waitlist/{entry['id']}")
    assert entry["offer"]["session_id"] == session["id"]
    third = scene.patient()
    taken = scene.api.call("POST", f"/scheduling/v1/sessions/{session['id']}/participants", {"patient_id": third})
    assert (taken.status, taken.body["code"]) == (409, "session-full")
    [offered] = eventually(lambda: [m for m in scene.messages(waiting) if m["status"] == "SENT"])
    assert (offered["kind"], offered["language"]) == ("WAITLIST_OFFER", "ar")

    participant = scene.api.post(f"/scheduling/v1/waitlist/{entry['id']}/accept", {})
    assert participant["session"]["id"] == session["id"]
    scene.await_consequences(participant)


def test_a_member_of_a_series_has_an_appointment_an_invoice_and_reminders_for_each_session(scene: Scene) -> None:
    first = (datetime.now(UTC) + timedelta(days=4)).date()
    rule = {"starts_on": first.isoformat(), "start_time": "10:00", "rrule": "FREQ=WEEKLY;COUNT=3"}
    place = {name: value for name, value in scene.place(service_type="OT-GROUP").items() if name != "starts_at"}
    series = scene.api.post("/scheduling/v1/series", {**place, **rule, "max_capacity": 4})
    assert len(series["occurrences"]) == 3
    patient_id = scene.patient()
    path = f"/scheduling/v1/series/{series['id']}/members"
    member = scene.api.post(path, {"patient_id": patient_id})
    numbers = [seat["appointment_number"] for seat in member["appointments"]]
    eventually(lambda: all(len(scene.invoices(number)) == 1 for number in numbers))
    eventually(lambda: all(len(scene.reminders(number)) == 2 for number in numbers))
    scene.api.post(f"{path}/{member['id']}/leave", {"reason": "moves away"})
    eventually(lambda: all(scene.invoices(number)[0]["status"] == "VOID" for number in numbers))
