"""After the booking: the patient comes, comes late, comes at another time, or does not come.

All goes through HTTP only.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from scene import Scene, eventually, new_tenant, noon_zone, soon
from stack import ApiFor

#: A manager's reason for an outcome before the start.
EARLY = {"override": {"reason": "Rang to say so"}}


@pytest.fixture
def today(api_for: ApiFor) -> Scene:
    """A centre where it is noon."""
    tenant = new_tenant()
    return Scene(api_for(tenant), tenant, noon_zone())


def shown(scene: Scene, participant: Any) -> Any:
    """The participant as it is now."""
    return scene.api.get(f"/scheduling/v1/participants/{participant['id']}")


def test_a_patient_who_has_paid_and_consented_is_checked_in_and_attends(today: Scene) -> None:
    participant = today.appointment(starts_at=soon(20))
    path = f"/scheduling/v1/participants/{participant['id']}/check-in"
    refusal = today.api.call("POST", path, {})
    assert (refusal.status, refusal.body["code"]) == (409, "check-in-blocked")
    assert refusal.body["blockers"] == ["finance", "consent"]
    today.pay(participant)
    today.consent(participant)
    eventually(lambda: shown(today, participant)["can_check_in"])
    assert today.do(participant, "check-in")["status"] == "ARRIVED"
    session = f"/scheduling/v1/sessions/{participant['session']['id']}"
    assert today.api.post(f"{session}/start", EARLY)["status"] == "IN_PROGRESS"
    assert today.api.post(f"{session}/complete", EARLY)["status"] == "COMPLETED"
    assert shown(today, participant)["status"] == "ATTENDED"


def test_a_revoked_consent_stands_against_the_next_check_in(today: Scene) -> None:
    participant = today.appointment(starts_at=soon(20))
    consent = today.consent(participant)
    eventually(lambda: shown(today, participant)["consent_verified"])
    today.api.post(f"/patient-files/v1/consents/{consent['id']}/revoke", {})
    eventually(lambda: not shown(today, participant)["consent_verified"])


def test_reminders_move_with_the_appointment(scene: Scene) -> None:
    participant = scene.appointment()
    scene.await_consequences(participant)
    number, new_time = participant["appointment_number"], scene.next_hour()
    moved = scene.do(participant, "reschedule", {"starts_at": new_time})
    assert (moved["appointment_number"], moved["reschedule_count"]) == (number, 1)
    starts_at = datetime.fromisoformat(new_time)
    due = {starts_at - timedelta(hours=24), starts_at - timedelta(hours=2)}

    def moved_along() -> bool:
        planned = [r for r in scene.reminders(number) if r["status"] == "SCHEDULED"]
        return {datetime.fromisoformat(r["due_at"]) for r in planned} == due

    eventually(moved_along)
    assert len(scene.invoices(number)) == 1


def test_one_seat_that_moves_leaves_the_rest_of_the_group_alone(scene: Scene) -> None:
    old, new = scene.group(), scene.group()
    mine, other = (scene.book(old["id"], scene.patient()) for _ in range(2))
    for participant in (mine, other):
        scene.await_consequences(participant)
    before = scene.reminders(other["appointment_number"])
    scene.do(mine, "reschedule", {"session_id": new["id"]})
    due = datetime.fromisoformat(new["starts_at"]) - timedelta(hours=24)
    eventually(
        lambda: due in {datetime.fromisoformat(r["due_at"]) for r in scene.reminders(mine["appointment_number"])}
    )
    assert scene.reminders(other["appointment_number"]) == before


def test_no_reminder_is_left_for_one_who_does_not_come(scene: Scene) -> None:
    participant = scene.appointment()
    scene.await_consequences(participant)
    scene.do(participant, "no-show", EARLY)
    number = participant["appointment_number"]
    eventually(lambda: {r["status"] for r in scene.reminders(number)} == {"CANCELLED"})
    assert [i["status"] for i in scene.invoices(number)] == ["ISSUED"]


def test_the_roster_of_the_notes_follows_a_move(scene: Scene, api_for: ApiFor) -> None:
    old, new = scene.group(), scene.group()
    participant = scene.book(old["id"], scene.patient())
    scene.await_consequences(participant)
    scene.do(participant, "reschedule", {"session_id": new["id"]})
    claims = {"subject": scene.provider["user_id"], "provider_id": scene.provider["id"]}
    provider = api_for(scene.tenant, "clinician", **claims)
    note = {"discipline": "OT", "scope": "INDIVIDUAL", "session_id": new["id"], "content": "Settled in well."}
    body = {**note, "participant_id": participant["id"]}
    [created] = eventually(
        lambda: [a.body for a in [provider.call("POST", "/clinical-notes/v1/notes", body)] if a.status == 201]
    )
    assert created["status"] == "DRAFT"
