"""What scheduling publishes equals the golden examples. What it reads it takes from those of the others."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.event_rows import flush_events
from jalsa.db.transactions import begin
from jalsa.dev.kit import ServiceKit, example, golden
from jalsa.events.contracts import FOLDER
from jalsa.events.envelope import Envelope
from jalsa.events.outbox import COLUMNS, envelope_of
from jalsa.service.commands import given
from jalsa.service.context import Context
from jalsa.service.ids import new_id
from scheduling.appointments.commands.appointments import BookAppointment, BookParticipant, RescheduleParticipant
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement
from scheduling.appointments.commands.sessions import CreateSession
from scheduling.appointments.operations import participants, sessions
from scheduling.appointments.queries import participant_records
from scheduling.directory.commands import AddRoom, AddServiceType, OpenClinic, RegisterProvider, SetWorkingHours
from scheduling.directory.operations import projections, setup
from scheduling.events.catalogue import PUBLISHES
from scheduling.events.streams import STREAMS
from scheduling.models import ClearanceProjection, PatientProjection
from scheduling.packages.commands.changes import PausePackage
from scheduling.packages.commands.planning import CreatePackage
from scheduling.packages.operations import locks as package_locks
from scheduling.timetable.hours import WorkingHours
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases import corrections, package_changes, package_creation, package_scheduling, waitlist
from scheduling.waitlist.commands import AddEntry
from scheduling.waitlist.operations import offers

from .factories import Desk, created, problem

PUBLISHED = [
    (path.parts[-3], path.stem)
    for event in PUBLISHES
    for path in sorted((FOLDER / event.name / f"v{event.version}").glob("*.json"))
]


class Story:
    """The examples' own story, told by the real operations under their ids and at their time. It is never committed."""

    def __init__(self, db: Session, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.db, self.monkeypatch = db, monkeypatch
        booking = golden("AppointmentBooked", "group")
        self.now, self.later = (datetime.fromisoformat(event["time"]) for event in (booking, told))
        self.data = told["data"]
        self.booked = booking["data"]

    def ids(self, module: Any, *ids: str) -> None:
        """The ids that a module of operations will give next."""
        following = iter(ids)
        self.monkeypatch.setattr(module, "new_id", lambda: UUID(next(following)))

    def clinic(self) -> Any:
        shown = self.booked["clinic"]
        self.ids(setup, shown["id"])
        command = OpenClinic(
            code=shown["code"], name_en=shown["name_en"], name_ar=shown["name_ar"], timezone="Asia/Riyadh"
        )
        return setup.create_clinic(self.db, command, now=self.now)

    def provider(self) -> Any:
        clinic, shown = self.clinic(), self.booked["provider"]
        self.ids(setup, str(new_id()), shown["id"])
        command = RegisterProvider(
            user_id=shown["user_id"],
            name_en=shown["name_en"],
            name_ar=shown["name_ar"],
            discipline="OT",
            clinic_ids=[clinic.id],
        )
        provider = setup.create_provider(self.db, command, now=self.now)
        self.ids(setup, *(str(new_id()) for _ in range(7)))
        midnight = self.now.replace(hour=0, minute=0).time()
        week = [WorkingHours(day, midnight, midnight, clinic.id) for day in range(7)]
        setup.set_working_hours(self.db, provider, SetWorkingHours(items=week))
        return provider

    def placement(self, told: dict[str, Any]) -> WantedPlacement:
        """Where and when the session of an example is."""
        provider, session = self.provider(), told["session"]
        self.ids(setup, self.booked["room"]["id"], str(new_id()))
        clinic_id = provider.clinic_ids[0]
        room = setup.create_room(self.db, AddRoom(clinic_id=clinic_id, name=self.booked["room"]["name"]))
        setup.create_service_type(
            self.db,
            AddServiceType(
                code=session["service_type"],
                name_en="Occupational therapy",
                name_ar="علاج",
                discipline="OT",
                default_duration_minutes=30,
            ),
        )
        self.ids(sessions, session["id"])
        return WantedPlacement(
            clinic_id=clinic_id,
            provider_id=provider.id,
            room_id=room.id if told["room"] else None,
            service_type=session["service_type"],
            starts_at=datetime.fromisoformat(session["starts_at"]),
            duration_minutes=session["duration_minutes"],
        )

    def session(self, told: dict[str, Any]) -> Any:
        shown = told["session"]
        details = {"session_type": shown["type"], "max_capacity": shown["max_capacity"]}
        command = CreateSession(**details, **given(self.placement(told)))
        return sessions.create_session(self.db, command, now=self.now)

    def book(self, told: dict[str, Any]) -> Any:
        patient = UUID(told["patient_id"])
        projections.save_patient(self.db, patient, file_number="FILE-2026-000001", active=True)
        self.ids(participants, told["appointment_id"])
        if told["session"]["type"] == "INDIVIDUAL":
            late = Override(reason="A day on paper") if told.get("recorded_late") else None
            place = replace(self.placement(told), override=late)
            booked = use_cases.book_appointment(
                self.db, BookAppointment(patient_id=patient, **given(place)), now=self.now
            )
        else:
            session = self.session(told)
            booked = use_cases.book_participant(self.db, session.id, BookParticipant(patient_id=patient), now=self.now)
        return participants.locked_participant(self.db, booked.participant.id)

    def session_of(self, capacity: int) -> Any:
        """The session of the examples with other places, and its participant."""
        told = {**self.booked, "session": {**self.booked["session"], "max_capacity": capacity}}
        return self.book(told).session

    def arrive(self, override: str | None = None) -> Any:
        participant = self.book(self.booked)
        projections.set_clearance(self.db, participant.id, cleared=override is None)
        projections.set_consent(self.db, participant.patient_id, consented=True, clinic_ids=[])
        return use_cases.check_in(self.db, participant, override, now=self.later)

    def move(self, session: Any) -> None:
        """Move the session, and the participant who may be in it, to where the example says."""
        new = NewPlacement(starts_at=datetime.fromisoformat(self.data["session"]["starts_at"]), room_id=None)
        use_cases.reschedule_session(self.db, session, new, now=self.later)

    def move_to_another(self) -> None:
        """Move the participant alone to another session of the same service type."""
        participant, told = self.book(self.booked), self.data["session"]
        self.ids(sessions, told["id"])
        command = CreateSession(
            clinic_id=participant.session.clinic_id,
            provider_id=participant.session.provider_id,
            room_id=participant.session.room_id,
            service_type=participant.session.service_type.code,
            session_type="GROUP",
            max_capacity=told["max_capacity"],
            starts_at=datetime.fromisoformat(told["starts_at"]),
            duration_minutes=told["duration_minutes"],
        )
        other = sessions.create_session(self.db, command, now=self.now)
        into = RescheduleParticipant(session_id=other.id)
        use_cases.reschedule_appointment(self.db, participant, into, now=self.later)

    def complete(self) -> None:
        session = self.arrive().session
        use_cases.start_session(self.db, session, now=self.later)
        use_cases.complete_session(self.db, session, now=self.later)

    def undo(self, participant: Any) -> None:
        """The outcome of a participant was a slip."""
        status = participant.status
        held = participants.locked_participant(self.db, participant.id)
        corrections.undo_participant(self.db, held, None, seen=status, now=self.later)

    def undo_completion(self) -> None:
        self.complete()
        session = corrections.held_for_undo(self.db, UUID(self.data["session_id"]))
        corrections.undo_session(self.db, session, None, seen="COMPLETED", now=self.later)

    def package(self, **overrides: Any) -> Any:
        """Three sessions on Mondays and Wednesdays of one week. None is left for the third, unless said otherwise."""
        place = self.placement({**golden("AppointmentBooked", "package")["data"], "room": None})
        patient = UUID(golden("PackageCreated", "default")["data"]["patient_id"])
        projections.save_patient(self.db, patient, file_number="FILE-2026-000001", active=True)
        chance = (str(new_id()) for _ in range(3))  # of the sessions of the package
        told = golden("PackageScheduled", "default")["data"]
        booked = [session["appointment_id"] for session in told["sessions"]]
        self.ids(package_creation, told["package_id"], *chance)
        self.ids(package_scheduling, *booked, str(new_id()))
        self.ids(sessions, self.booked["session"]["id"], str(new_id()), str(new_id()))
        command = CreatePackage(
            patient_id=patient,
            clinic_id=place.clinic_id,
            provider_id=place.provider_id,
            service_type=place.service_type,
            total_sessions=told["total_sessions"],
            session_duration_minutes=60,
            start_date=date(2026, 11, 23),
            end_date=date(2026, 11, 26),
            preferred_days=[1, 3],
            preferred_time="10:00",
        )
        made = package_creation.create_package(self.db, replace(command, **overrides), now=self.now)
        return package_locks.locked_package(self.db, made.package.id)

    def complete_package(self) -> Any:
        """All three sessions, one a day, are attended in the end. Returns the last participant."""
        for _, participant in self.package(preferred_days=[]).placed():
            held = participants.locked_participant(self.db, participant.id)
            use_cases.check_in(self.db, held, "Told by an example", now=self.later)
            use_cases.attend(self.db, held, now=self.later)
        return held

    def offer(self) -> Any:
        """Somebody waits for the only place of the session, and is offered it. Returns the entry."""
        session, told = self.session_of(1), self.data
        patient = UUID(told["patient_id"])
        projections.save_patient(self.db, patient, file_number="FILE-2026-000002", active=True)
        self.ids(waitlist, told["entry_id"])
        self.ids(offers, told["offer_id"])
        wanted = AddEntry(patient_id=patient, session_id=session.id)
        entry = waitlist.add(self.db, wanted, now=self.now)
        [inside] = participant_records.live_participants(self.db, session.id)
        use_cases.cancel_appointment(self.db, inside, None, now=self.now)
        return entry

    def accept(self) -> None:
        entry = self.offer()
        self.ids(participants, self.data["appointment_id"])
        waitlist.accept(self.db, entry, now=self.later)

    def lapse(self) -> None:
        self.offer()
        waitlist.lapse_offer(self.db, UUID(self.data["offer_id"]), now=self.later)

    def cancel_offered(self) -> None:
        session = sessions.locked_session(self.db, self.offer().session_id)
        use_cases.cancel_session(self.db, session, None, now=self.later)


#: What happens in the story of each example that is not simply a record's own.
TELL: dict[str, Callable[[Story], Any]] = {
    "ClinicSaved default": Story.clinic,
    "ProviderSaved default": Story.provider,
    "SessionScheduled default": lambda s: s.session(s.data),
    "SessionRescheduled default": lambda s: s.move(s.session(s.booked)),
    "SessionStarted default": lambda s: use_cases.start_session(s.db, s.session(s.booked), now=s.later),
    "SessionCompleted default": Story.complete,
    "SessionCancelled default": lambda s: use_cases.cancel_session(s.db, s.session(s.booked), None, now=s.later),
    "SessionCorrected default": Story.undo_completion,
    "SessionFilled default": lambda s: s.session_of(1),
    "SessionSpotsOpened default": lambda s: use_cases.cancel_appointment(
        s.db, participant_records.live_participants(s.db, s.session_of(1).id)[0], None, now=s.later
    ),
    "AppointmentBooked group": lambda s: s.book(s.data),
    "AppointmentBooked individual": lambda s: s.book(s.data),
    "AppointmentBooked recorded-late": lambda s: s.book(s.data),
    "AppointmentBooked package": Story.package,
    "AppointmentConfirmed default": lambda s: participants.confirm(s.db, s.book(s.booked), now=s.later),
    "AppointmentRescheduled session": lambda s: s.move(s.book(s.booked).session),
    "AppointmentRescheduled participant": Story.move_to_another,
    "AppointmentArrived default": Story.arrive,
    "AppointmentArrived overridden": lambda s: s.arrive("Will pay after the session"),
    "AppointmentAttended default": lambda s: use_cases.attend(s.db, s.arrive(), now=s.later),
    "AppointmentNoShow default": lambda s: use_cases.no_show(s.db, s.book(s.booked), None, now=s.later),
    "AppointmentNoShow automatic": lambda s: use_cases.mark_no_show(s.db, s.book(s.booked).id, now=s.later),
    "AppointmentCancelled default": lambda s: use_cases.cancel_appointment(s.db, s.book(s.booked), None, now=s.later),
    "AppointmentCancelled package": lambda s: package_changes.cancel_package(s.db, s.package(), None, now=s.later),
    "AppointmentCorrected default": lambda s: s.undo(use_cases.no_show(s.db, s.book(s.booked), None, now=s.later)),
    "AppointmentCorrected attended": lambda s: s.undo(use_cases.attend(s.db, s.arrive(), now=s.later)),
    "PackageCreated default": Story.package,
    "PackageScheduled default": Story.package,
    "PackageScheduled paused": lambda s: package_changes.pause_package(s.db, s.package(), PausePackage(), now=s.later),
    "PackageCompleted default": Story.complete_package,
    "PackageReopened default": lambda s: s.undo(s.complete_package()),
    "PackageCancelled default": lambda s: package_changes.cancel_package(s.db, s.package(), None, now=s.later),
    "WaitlistOffered default": Story.offer,
    "WaitlistOfferExpired default": Story.lapse,
    "WaitlistOfferExpired session-cancelled": Story.cancel_offered,
    "WaitlistAccepted default": Story.accept,
}


_PUBLISHED = text(
    f"SELECT {COLUMNS} FROM outbox WHERE type = :type AND subject = :subject AND sequence = CAST(:sequence AS bigint)"
)


def publish_example(
    kit: ServiceKit, monkeypatch: pytest.MonkeyPatch, event: str, name: str, told: dict[str, Any]
) -> Envelope:
    """The event as the operations publish it when the story of an example happens."""
    context = Context(
        tenant=told["tenantid"],
        actor=told["data"].get("marked_by", "front-desk-1"),
        request_id="request-1",
        traceparent=told["traceparent"],
        correlation_id=told["correlationid"],
    )
    with Session(kit.database.engine, autoflush=False) as db:
        begin(db, context)
        TELL[f"{event} {name}"](Story(db, told, monkeypatch))
        flush_events(db)
        rows = db.execute(_PUBLISHED, {name: told[name] for name in ("type", "subject", "sequence")}).all()
        [published] = [envelope_of(row) for row in rows]
        db.rollback()
    # these two are given by chance and by the relay
    return replace(published, id=UUID(told["id"]), position=int(told["position"]))


@pytest.mark.parametrize(("event", "name"), PUBLISHED)
def test_what_is_published_equals_the_golden_example(
    kit: ServiceKit, monkeypatch: pytest.MonkeyPatch, event: str, name: str
) -> None:
    told = golden(event, name)
    assert publish_example(kit, monkeypatch, event, name, told).attributes() == told


def test_every_event_that_is_published_has_an_example_that_fits_its_schema() -> None:
    assert {event for event, _ in PUBLISHED} == {event.name for event in PUBLISHES}
    schemas = {event.name: event.schema for event in PUBLISHES}
    for event, name in PUBLISHED:
        assert schemas[event].validate(golden(event, name)["data"]) == {}


def test_no_event_has_a_field_that_could_say_more_of_a_patient_than_the_id() -> None:
    for event, name in PUBLISHED:
        data = golden(event, name)["data"]
        assert {field for field in data if "patient" in field} <= {"patient_id"}
        assert not {"notes", "reason", "cancel_reason", "group_notes"} & set(json.dumps(data).split('"'))


READ = [
    ("PatientRegistered", "default"),
    ("PatientUpdated", "default"),
    ("FinancialClearanceChanged", "default"),
    ("FinancialClearanceChanged", "no-price"),
    ("ConsentStandingChanged", "default"),
    ("ConsentStandingChanged", "clinic"),
    ("ConsentStandingChanged", "ended"),
]


def deliver(kit: ServiceKit, tenant: str, event: str, name: str, **data: Any) -> UUID:
    """An example as one of the first events of a fresh subject."""
    subject = new_id()
    identity = "appointment_id" if event == "FinancialClearanceChanged" else "patient_id"
    known = int(event == "ConsentStandingChanged")  # consent is given by patients who are registered
    if known:
        kit.inbox.receive(example("PatientRegistered", "default", tenant, subject_id=subject, patient_id=subject))
    envelope = example(event, name, tenant, sequence=1 + known, subject_id=subject, **{identity: subject, **data})
    kit.inbox.receive(envelope)
    return subject


@pytest.mark.parametrize("extra", [{}, {"colour": "blue", "more": {"of": ["it"]}}], ids=["as it is", "with more"])
@pytest.mark.parametrize(("event", "name"), READ)
def test_examples_of_the_others_are_applied_also_with_a_field_that_nobody_knows(
    kit: ServiceKit, tenant: str, event: str, name: str, extra: dict[str, Any]
) -> None:
    subject = deliver(kit, tenant, event, name, **extra)
    told = golden(event, name)["data"]
    with kit.transaction(tenant) as db:
        if event == "FinancialClearanceChanged":
            known = db.get_one(ClearanceProjection, subject)
            assert (known.cleared, known.reason) == (told["cleared"], told.get("reason"))
        elif event == "ConsentStandingChanged":
            patient = db.get_one(PatientProjection, subject)
            clinics = [str(clinic_id) for clinic_id in patient.consented_clinics]
            assert (patient.consented, clinics) == (told["consented"], told["clinic_ids"])
            assert patient.ended_consents == told.get("ended", [])
        else:
            patient = db.get_one(PatientProjection, subject)
            assert (patient.file_number, patient.active) == (told["file_number"], told["active"])
        assert db.execute(text("SELECT count(*) FROM inbox")).scalar() == 0


@pytest.mark.parametrize(("event", "name"), READ)
def test_an_event_without_a_field_that_is_read_is_set_aside_as_dead(
    kit: ServiceKit, tenant: str, event: str, name: str
) -> None:
    field = {"FinancialClearanceChanged": "cleared", "ConsentStandingChanged": "consented"}.get(event, "active")
    deliver(kit, tenant, event, name, **{field: "perhaps"})
    with kit.transaction(tenant) as db:
        assert db.execute(text("SELECT state FROM inbox")).scalar_one() == "dead"


def test_an_event_that_means_nothing_here_is_passed_over(kit: ServiceKit, tenant: str) -> None:
    subject = new_id()
    registered = example("PatientRegistered", "default", tenant, subject_id=subject, patient_id=subject)
    kit.inbox.receive(replace(registered, type="jalsa.patient-files.ConsentTypeStandingChanged.v1", data={}))
    after = example("PatientUpdated", "default", tenant, sequence=2, subject_id=subject, patient_id=subject)
    kit.inbox.receive(after)
    with kit.transaction(tenant) as db:
        assert db.get_one(PatientProjection, subject).active is False


def test_a_later_event_about_a_patient_or_a_clearance_replaces_the_earlier_one(kit: ServiceKit, desk: Desk) -> None:
    subject, tenant = desk.create_appointment()["id"], desk.centre.tenant
    for sequence, cleared in enumerate((True, False, True), 1):
        said = {"appointment_id": subject, "cleared": cleared}
        kit.inbox.receive(
            example("FinancialClearanceChanged", "default", tenant, sequence=sequence, subject_id=subject, **said)
        )
        shown = desk.participant(subject)
        assert shown["finance_cleared"] is cleared
        assert ("finance" in shown["check_in_blockers"]) is not cleared


def test_each_stream_that_is_followed_is_bound_on_the_bus() -> None:
    topology = json.loads((FOLDER / "topology.json").read_text())
    assert topology["queues"]["scheduling"] == sorted(stream.binding for stream in STREAMS)


def registration(tenant: str) -> Envelope:
    subject = new_id()
    return example("PatientRegistered", "default", tenant, subject_id=subject, patient_id=subject)


@pytest.mark.parametrize("path", ["/appointments", "/sessions/{}/participants"])
def test_a_patient_whose_registration_is_on_its_way_is_waited_for(
    kit: ServiceKit, desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.http.edge.KNOWN_WITHIN", 10.0)  # however slow the machine
    session = desk.create_session(provider_id=desk.centre.create_provider(desk.clinic)["id"])
    event = registration(desk.centre.tenant)
    body = desk.placement() if path == "/appointments" else {}
    body["patient_id"] = event.data["patient_id"]

    def arrive() -> None:
        time.sleep(0.3)  # The point of this test is that the event comes after the request has begun
        kit.inbox.receive(event)

    with ThreadPoolExecutor(1) as pool:
        arriving = pool.submit(arrive)
        created(desk.centre.post(path.format(session["id"]), body))
        arriving.result()


def test_a_patient_who_is_not_announced_within_a_second_is_unknown(desk: Desk) -> None:
    body = desk.placement(patient_id=str(new_id()))
    began = time.monotonic()
    problem(desk.centre.post("/appointments", body), 422, "unknown-patient")
    assert time.monotonic() - began >= 1.0


def test_an_inactive_patient_is_refused_without_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.http.edge.KNOWN_WITHIN", 60.0)
    body = desk.placement(patient_id=desk.centre.create_patient(active=False))
    problem(desk.centre.post("/appointments", body), 422, "unknown-patient")
