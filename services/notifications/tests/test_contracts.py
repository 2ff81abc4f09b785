"""What is published equals the golden examples, and each golden example that is read is accepted."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from jalsa.db.aliases import survivor_of
from jalsa.dev.kit import ServiceKit, context, example, examples_read, golden, with_unknown_fields
from jalsa.events.envelope import parse
from jalsa.service import clock
from notifications.app import SERVICE
from notifications.domain import PackageSession
from notifications.events.published import message_failed, message_sent
from notifications.models import (
    Appointment,
    ClinicProjection,
    Message,
    Notice,
    Offer,
    Package,
    PatientProjection,
    ProviderProjection,
)

from .factories import World

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
APPOINTMENT, PATIENT, MESSAGE = (UUID(f"01a1f000-0000-7000-8000-0000000000{n}") for n in ("f1", "d1", "91"))
#: What differs between two runs, and says nothing of the event's shape.
OF_THE_RUN = ("id", "tenantid", "position", "correlationid", "causationid", "traceparent")


def message(**changes: Any) -> Message:
    whole = {
        "id": MESSAGE,
        "kind": "BOOKING_CONFIRMATION",
        "channel": "WHATSAPP",
        "appointment_id": APPOINTMENT,
        "patient_id": PATIENT,
    }
    return Message(**{**whole, **changes})


@pytest.mark.parametrize(
    ("name", "example_name", "changes"),
    [
        ("MessageSent", "default", {}),
        ("MessageFailed", "default", {"kind": "REMINDER_24H", "channel": "EMAIL", "reason": "outcome-unknown"}),
        ("MessageFailed", "no-contact", {"channel": None, "reason": "no-contact"}),
    ],
)
def test_what_is_published_equals_its_golden_example(
    kit: ServiceKit, tenant: str, name: str, example_name: str, changes: dict[str, Any]
) -> None:
    publish = {"MessageSent": message_sent, "MessageFailed": message_failed}[name]
    with kit.database.transaction(context(tenant)) as db:
        publish(db, message(**changes), NOW)
    [published] = kit.events(tenant)
    expected = golden(name, example_name)
    assert _without(published.attributes()) == _without(expected)
    assert set(published.attributes()) == set(expected)


@pytest.mark.parametrize("unknown_fields", [False, True], ids=["as it is", "with unknown fields"])
@pytest.mark.parametrize(("name", "example_name"), examples_read(SERVICE))
def test_every_example_that_is_read_has_its_effect(
    kit: ServiceKit,
    tenant: str,
    name: str,
    example_name: str,
    unknown_fields: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "database_now", lambda _: NOW)
    first = _FIRST.get(name)
    event = example(name, example_name, tenant, sequence=2 if first else 1)
    if first:
        ids = {key: value for key, value in event.data.items() if key in ("appointment_id", "patient_id", "offer_id")}
        kit.inbox.receive(example(*first, tenant, subject_id=event.subject.split("/")[1], **ids))
    if unknown_fields:
        event = parse({**event.attributes(), "data": with_unknown_fields(event.data)})
    kit.inbox.receive(event)
    assert _effect(kit, tenant, name) == _expected(name, dict(event.data))


#: The patient who is merged in the golden examples.
MERGED = UUID("01a1f000-0000-7000-8000-0000000000d1")
#: What becomes of an appointment.
_STATUS = {
    "AppointmentBooked": "BOOKED",
    "AppointmentConfirmed": "CONFIRMED",
    "AppointmentArrived": "ARRIVED",
    "AppointmentAttended": "ATTENDED",
    "AppointmentNoShow": "NO_SHOW",
    "AppointmentCancelled": "CANCELLED",
    "AppointmentCorrected": "as the event says",
}
#: What a subject's story begins with.
_FIRST = {
    **{name: ("AppointmentBooked", "group") for name in _STATUS if name != "AppointmentBooked"},
    "AppointmentRescheduled": ("AppointmentBooked", "group"),
    "WaitlistOfferExpired": ("WaitlistOffered", "default"),
    "WaitlistAccepted": ("WaitlistOffered", "default"),
    "PackageCancelled": ("PackageScheduled", "default"),
    "PatientUpdated": ("PatientRegistered", "default"),
    "PatientsUnmerged": ("PatientsMerged", "default"),
}


def _without(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in OF_THE_RUN}


def _effect(kit: ServiceKit, tenant: str, name: str) -> tuple[Any, ...]:
    columns: dict[str, tuple[Any, ...]] = {
        "ClinicSaved": (ClinicProjection.name_en, ClinicProjection.name_ar, ClinicProjection.timezone),
        "ProviderSaved": (ProviderProjection.user_id,),
        "Patient": (
            PatientProjection.active,
            PatientProjection.language,
            PatientProjection.phone,
            PatientProjection.email,
        ),
        "Appointment": (Appointment.status, Appointment.starts_at, Appointment.clinic_id, Appointment.provider_id),
        "Waitlist": (Offer.status, Offer.patient_id),
        "EmergencyAccess": (Notice.kind, Notice.grant_id, Notice.except_user_id, Notice.user_id, Notice.roles),
        "Package": (Package.package_number, Package.patient_id, Package.clinic_id, Package.sessions),
    }
    with kit.transaction(tenant) as db:
        if name.startswith("Patients"):
            return (survivor_of(db, MERGED),)
        return tuple(db.execute(select(*next(c for known, c in columns.items() if name.startswith(known)))).one())


def _expected(name: str, data: dict[str, Any]) -> tuple[Any, ...]:
    if name == "ClinicSaved":
        return data["name_en"], data["name_ar"], data["timezone"]
    if name == "ProviderSaved":
        return (data["user_id"],)
    if name.startswith("Patients"):
        return (UUID(data["survivor_id" if name == "PatientsMerged" else "loser_id"]),)
    if name.startswith("Patient"):
        return data["active"], data["preferred_language"], data["phone"], data["email"]
    if name.startswith("Waitlist"):
        return "OPEN" if name == "WaitlistOffered" else "ENDED", UUID(data["patient_id"])
    if name.startswith("Package"):
        sessions = tuple(map(_package_session, data.get("sessions", ())))
        return data["package_number"], UUID(data["patient_id"]), UUID("01a1f000-0000-7000-8000-0000000000a1"), sessions
    if name.startswith("EmergencyAccess"):
        kind = {"Opened": "OPENED", "ReviewDue": "REVIEW_DUE", "Reviewed": "REVIEWED"}[name[len("EmergencyAccess") :]]
        to = data["opened_by"], None, ["manager", "records"]
        return f"EMERGENCY_ACCESS_{kind}", UUID(data["grant_id"]), *to
    told = data if "session" in data else golden("AppointmentBooked", "group")["data"]
    starts_at = datetime.fromisoformat(told["session"]["starts_at"])
    place = starts_at, UUID(told["clinic"]["id"]), UUID(told["provider"]["id"])
    if name == "AppointmentRescheduled":
        return data["status"], *place
    return data.get("to_status", _STATUS[name]), *place


def _package_session(told: dict[str, Any]) -> PackageSession:
    provider = told["provider"]
    return PackageSession(
        number=told["session_number"],
        appointment_id=UUID(told["appointment_id"]),
        starts_at=datetime.fromisoformat(told["starts_at"]),
        provider_id=UUID(provider["id"]),
        provider_en=provider["name_en"],
        provider_ar=provider["name_ar"],
    )


@pytest.mark.parametrize(
    ("like", "passed_over"),
    [
        ("SessionScheduled", "SessionScheduled.v1"),
        ("SessionScheduled", "SessionCorrected.v1"),
        ("SessionScheduled", "SessionSpotsOpened.v1"),
        ("PackageCreated", "PackageCreated.v1"),
        ("PackageCompleted", "PackageCompleted.v1"),
        ("PackageReopened", "PackageReopened.v1"),
        ("PatientRegistered", "ConsentStandingChanged.v1"),
    ],
)
def test_what_means_nothing_here_is_passed_over(kit: ServiceKit, tenant: str, like: str, passed_over: str) -> None:
    base = example(like, "default", tenant)
    passed = parse({**base.attributes(), "type": f"jalsa.{base.service}.{passed_over}", "data": {}})
    kit.inbox.receive(passed)
    assert kit.inbox.knows(passed)
    assert kit.inbox.not_yet_applied(passed.source, [passed]) == []


def test_a_clinic_in_no_zone_is_set_aside_and_its_next_event_waits(world: World) -> None:
    clinic_id = UUID("01a1f000-0000-7000-8000-0000000000a1")
    world.kit.inbox.receive(world.event("ClinicSaved", "default", clinic_id, timezone="Asia/Atlantis"))
    [kept] = (world.kit.client(world.tenant).get("/events/inbox").json or {})["items"]
    assert (kept["state"], kept["error"]) == ("dead", "ValidationError")


def test_the_documents_of_the_surface_and_of_the_events_are_served(kit: ServiceKit) -> None:
    client = kit.app.test_client()
    document = client.get("/v1/openapi.json").json or {}
    assert document["openapi"] == "3.1.0"
    paths = {path for path in document["paths"] if not path.startswith("/v1/events")}
    assert paths == {
        "/v1/messages",
        "/v1/messages/{message_id}",
        "/v1/reminders",
        "/v1/reminders/{reminder_id}",
        "/v1/preferences/{patient_id}",
        "/v1/inbox",
        "/v1/inbox/{notice_id}",
        "/v1/inbox/{notice_id}/read",
        "/v1/permissions",
    }
    for event in SERVICE.publishes:
        served = client.get(event.dataschema.removeprefix("https://jalsa.test/notifications")).json or {}
        assert set(served["properties"]) == set(golden(event.name, "default")["data"])
