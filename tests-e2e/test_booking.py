"""One booking, five services: what a newcomer sees, through HTTP only."""

from datetime import datetime, timedelta

from scene import Scene, eventually
from stack import ApiFor


def test_a_booking_opens_the_sub_file_invoices_confirms_and_plans_the_reminders(scene: Scene) -> None:
    patient_id = scene.patient()
    session = scene.group()
    participant = scene.book(session["id"], patient_id)
    scene.await_consequences(participant)

    [sub_file] = scene.sub_files(patient_id)
    assert sub_file["clinic_code"] == "OT"
    assert sub_file["assigned_provider_id"] == scene.provider["id"]
    assert sub_file["status"] == "ACTIVE"
    file_number = scene.api.get(f"/patient-files/v1/patients/{patient_id}")["file"]["file_number"]
    assert sub_file["sub_file_number"] == f"{file_number}-OT-01"

    [invoice] = scene.invoices(participant["appointment_number"])
    assert invoice["status"] == "ISSUED"
    assert invoice["appointment_id"] == participant["id"]
    assert invoice["total"] == {"amount": "345.00", "currency": "SAR"}

    reminders = {r["kind"]: r for r in scene.reminders(participant["appointment_number"])}
    starts_at = datetime.fromisoformat(session["starts_at"])
    assert set(reminders) == {"24H", "2H"}
    assert datetime.fromisoformat(reminders["24H"]["due_at"]) == starts_at - timedelta(hours=24)
    assert datetime.fromisoformat(reminders["2H"]["due_at"]) == starts_at - timedelta(hours=2)
    assert {r["status"] for r in reminders.values()} == {"SCHEDULED"}
    assert {r["channel"] for r in reminders.values()} == {"WHATSAPP"}

    [message] = eventually(lambda: [m for m in scene.messages(patient_id) if m["status"] == "SENT"])
    assert message["language"] == "ar"
    assert message["channel"] == "WHATSAPP"


def test_the_provider_finds_a_notice_in_the_inbox(scene: Scene, api_for: ApiFor) -> None:
    participant = scene.book(scene.group()["id"], scene.patient())
    scene.await_consequences(participant)
    provider = api_for(scene.tenant, "clinician", subject=scene.provider["user_id"])
    notices = eventually(lambda: provider.get("/notifications/v1/inbox")["items"])
    assert len(notices) == 1


def test_each_participant_of_a_group_has_an_invoice_of_its_own(scene: Scene) -> None:
    session = scene.group(capacity=3)
    participants = [scene.book(session["id"], scene.patient()) for _ in range(3)]
    for participant in participants:
        scene.await_consequences(participant)
    invoices = [scene.invoices(p["appointment_number"])[0] for p in participants]
    assert len({i["invoice_number"] for i in invoices}) == 3
    assert [i["patient_id"] for i in invoices] == [p["patient_id"] for p in participants]


def test_an_appointment_in_one_step_has_the_same_consequences(scene: Scene) -> None:
    patient_id = scene.patient()
    participant = scene.api.post("/scheduling/v1/appointments", {**scene.place(), "patient_id": patient_id})
    assert participant["session"]["session_type"] == "INDIVIDUAL"
    scene.await_consequences(participant)


def test_a_second_booking_in_the_same_clinic_opens_no_second_sub_file(scene: Scene) -> None:
    patient_id = scene.patient()
    for _ in range(2):
        participant = scene.book(scene.group()["id"], patient_id)
        scene.await_consequences(participant)
    assert len(scene.sub_files(patient_id)) == 1


def test_cancelling_a_participant_cancels_the_reminders_and_voids_the_invoice(scene: Scene) -> None:
    participant = scene.book(scene.group()["id"], scene.patient())
    scene.await_consequences(participant)
    scene.api.post(f"/scheduling/v1/participants/{participant['id']}/confirm")
    scene.api.post(f"/scheduling/v1/participants/{participant['id']}/cancel", {"reason": "ill"})
    scene.await_undone(participant)


def test_cancelling_a_session_undoes_every_booking_in_it(scene: Scene) -> None:
    session = scene.group()
    participants = [scene.book(session["id"], scene.patient()) for _ in range(2)]
    for participant in participants:
        scene.await_consequences(participant)
    scene.api.post(f"/scheduling/v1/sessions/{session['id']}/cancel", {})
    for participant in participants:
        scene.await_undone(participant)


def test_a_paid_invoice_clears_the_appointment_for_check_in(scene: Scene) -> None:
    participant = scene.book(scene.group()["id"], scene.patient())
    scene.pay(participant)
    path = f"/scheduling/v1/participants/{participant['id']}"
    eventually(lambda: scene.api.get(path)["finance_cleared"])
    assert "finance" not in scene.api.get(path)["check_in_blockers"]


def test_the_roster_is_known_to_clinical_notes(scene: Scene, api_for: ApiFor) -> None:
    session = scene.group()
    participant = scene.book(session["id"], scene.patient())
    scene.await_consequences(participant)
    claims = {"subject": scene.provider["user_id"], "provider_id": scene.provider["id"]}
    provider = api_for(scene.tenant, "clinician", **claims)
    body = {"discipline": "OT", "scope": "INDIVIDUAL", "session_id": session["id"]}
    note = {**body, "participant_id": participant["id"], "content": "Came with her mother."}
    path = "/clinical-notes/v1/notes"
    [created] = eventually(lambda: [a.body for a in [provider.call("POST", path, note)] if a.status == 201])
    assert created["status"] == "DRAFT"


def test_a_tenant_sees_nothing_of_another(scene: Scene, api_for: ApiFor) -> None:
    participant = scene.book(scene.group()["id"], scene.patient())
    scene.await_consequences(participant)
    [invoice] = scene.invoices(participant["appointment_number"])
    stranger = api_for("stranger")
    for path in (
        f"/scheduling/v1/participants/{participant['id']}",
        f"/scheduling/v1/sessions/{participant['session']['id']}",
        f"/patient-files/v1/patients/{participant['patient_id']}",
        f"/billing/v1/invoices/{invoice['id']}",
    ):
        assert stranger.call("GET", path).status == 404
    for path in (
        f"/notifications/v1/messages?patient_id={participant['patient_id']}",
        f"/notifications/v1/reminders?appointment_number={participant['appointment_number']}",
        f"/billing/v1/invoices?patient_id={participant['patient_id']}",
        "/scheduling/v1/sessions",
        "/scheduling/v1/events",
    ):
        assert stranger.get(path)["items"] == []


def test_one_request_can_be_followed_through_every_service(scene: Scene) -> None:
    session, patient_id = scene.group(), scene.patient()
    request_id, trace = "front-desk-0042", "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X_Request_ID": request_id, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    participant = scene.book(session["id"], patient_id, **headers)
    scene.await_consequences(participant)
    subject = f"subject=appointment/{participant['id']}"
    [booked] = scene.api.get(f"/scheduling/v1/events?{subject}")["items"]
    issued_events = "/billing/v1/events?type=jalsa.billing.InvoiceIssued.v1"
    [issued] = eventually(lambda: scene.api.get(issued_events)["items"])  # placed a moment after the invoice is there
    assert booked["correlationid"] == issued["correlationid"] == request_id
    assert issued["causationid"] == booked["id"]
    assert trace in booked["traceparent"]
    assert trace in issued["traceparent"]
