"""A course of therapy across the services: planned, booked in one step, told once, billed by session, changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from scene import Scene, eventually

TOTAL = 4


def wanted(scene: Scene, **overrides: Any) -> dict[str, Any]:
    """Four weekly sessions of the scene's provider, from next week on."""
    start = datetime.now(UTC).date() + timedelta(days=7)
    body = {
        "patient_id": scene.patient(),
        "clinic_id": scene.clinic["id"],
        "service_type": "OT-60",
        "total_sessions": TOTAL,
        "start_date": start.isoformat(),
        "preferred_days": [start.isoweekday() % 7],
        "preferred_time": "10:00",
        "provider_id": scene.provider["id"],
    }
    return {**body, **overrides}


def package(scene: Scene, **overrides: Any) -> Any:
    """A package that is booked, once everything that its appointments cause is there."""
    made = scene.api.post("/scheduling/v1/packages", wanted(scene, **overrides))
    assert made["scheduled_sessions_count"] == TOTAL
    eventually(lambda: all(len(scene.invoices(number)) == 1 for number in numbers(made)))
    eventually(lambda: all(len(scene.reminders(number)) == 2 for number in numbers(made)))
    return made


def numbers(package: Any) -> list[str]:
    """Its appointments' numbers."""
    return [session["appointment_number"] for session in package["sessions"]]


def test_a_package_is_one_message_and_an_invoice_and_reminders_for_each_session(scene: Scene) -> None:
    made = package(scene)
    [message] = eventually(lambda: scene.messages(made["patient_id"]))
    for session in made["sessions"]:
        assert (session["status"], session["scheduled_time"]) == ("SCHEDULED", "10:00")
    assert message["kind"].startswith("PACKAGE")
    found = scene.api.get(f"/billing/v1/invoices?package_number={made['package_number']}")["items"]
    assert sorted(invoice["package"]["session_number"] for invoice in found) == list(range(1, TOTAL + 1))
    balance = scene.api.get(f"/billing/v1/packages/{made['id']}/balance")
    assert [(a["currency"], a["total"]["amount"]) for a in balance["amounts"]] == [("SAR", "1380.00")]


def test_a_plan_is_what_is_booked_from_it(scene: Scene) -> None:
    body = wanted(scene)
    plan = scene.api.post("/scheduling/v1/packages/plan", body)
    made = scene.api.post("/scheduling/v1/packages", {**body, "sessions": plan["sessions"], "all_or_nothing": True})
    assert [s["starts_at"] for s in made["sessions"]] == [s["starts_at"] for s in plan["sessions"]]


def test_a_shifted_package_moves_its_reminders_and_is_told_once_more(scene: Scene) -> None:
    made = package(scene)
    eventually(lambda: scene.messages(made["patient_id"]))
    path = f"/scheduling/v1/packages/{made['id']}/shift"
    shifted = scene.api.post(path, {"from_session_number": 2, "days": 7})
    assert numbers(shifted) == numbers(made)
    moved = shifted["sessions"][1]
    starts_at = datetime.fromisoformat(moved["starts_at"])
    assert starts_at - datetime.fromisoformat(made["sessions"][1]["starts_at"]) == timedelta(days=7)
    due = {starts_at - timedelta(hours=24), starts_at - timedelta(hours=2)}

    def moved_along() -> bool:
        planned = [r for r in scene.reminders(moved["appointment_number"]) if r["status"] == "SCHEDULED"]
        return {datetime.fromisoformat(r["due_at"]) for r in planned} == due

    eventually(moved_along)
    eventually(lambda: len(scene.messages(made["patient_id"])) == 2)
    assert scene.invoices(moved["appointment_number"])[0]["status"] != "VOID"


def test_a_cancelled_package_takes_everything_back_and_is_told_once(scene: Scene) -> None:
    made = package(scene)
    eventually(lambda: scene.messages(made["patient_id"]))
    ended = scene.api.post(f"/scheduling/v1/packages/{made['id']}/cancel", {"reason": "Moves away"})
    assert (ended["status"], ended["scheduled_sessions_count"]) == ("CANCELLED", 0)

    def taken_back(number: str) -> bool:
        gone = {r["status"] for r in scene.reminders(number)} == {"CANCELLED"}
        return gone and {invoice["status"] for invoice in scene.invoices(number)} == {"VOID"}

    eventually(lambda: all(taken_back(number) for number in numbers(made)))
    eventually(lambda: len(scene.messages(made["patient_id"])) == 2)
