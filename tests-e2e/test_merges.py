"""Two records of one patient are merged and parted again: every service follows, through HTTP and the broker only."""

from scene import Scene, eventually

#: Where the records of a patient are listed, and the field that says which of them it is.
LISTS = {
    "/scheduling/v1/appointments": "appointment_number",
    "/billing/v1/invoices": "appointment_number",
    "/notifications/v1/messages": "appointment_number",
    "/patient-files/v1/consents": "id",
}


def listed(scene: Scene, patient: str) -> dict[str, set[str]]:
    """What is found under an id, in each service."""
    found = {path: scene.api.get(f"{path}?patient_id={patient}")["items"] for path in LISTS}
    return {path: {item[LISTS[path]] for item in items} for path, items in found.items()}


def test_two_records_are_read_as_one_in_every_service_until_the_merge_is_undone(scene: Scene) -> None:
    bookings = [scene.appointment() for _ in range(2)]
    for booking in bookings:
        scene.await_consequences(booking)
        scene.consent(booking)
    loser, survivor = (booking["patient_id"] for booking in bookings)
    own = {patient: listed(scene, patient) for patient in (loser, survivor)}
    union = {path: own[loser][path] | own[survivor][path] for path in LISTS}
    merge = f"/patient-files/v1/patients/{loser}"
    scene.api.post(f"{merge}/merge", {"into": survivor, "reason": "Registered twice"})
    for patient in (loser, survivor):
        eventually(lambda asked=patient: listed(scene, asked) == union)  # type: ignore[misc]
    assert scene.api.get("/scheduling/v1/appointments/overlaps")["items"] == []
    scene.api.post(f"{merge}/unmerge", {"reason": "Two persons after all"})
    for patient in (loser, survivor):
        eventually(lambda asked=patient: listed(scene, asked) == own[asked])  # type: ignore[misc]
    for service in ("scheduling", "billing", "notifications", "clinical-notes"):
        assert scene.api.get(f"/{service}/v1/events/inbox")["items"] == []
