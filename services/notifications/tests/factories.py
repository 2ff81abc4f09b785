"""What a test of notifications tells the service, and how it looks at what came of it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from jalsa.dev.kit import Client, ServiceKit, example, golden, renamed
from jalsa.events.envelope import Envelope
from jalsa.service import clock
from jalsa.service.ids import new_id
from jalsa.work.jobs import JobTools
from notifications import channels, jobs, queries
from notifications.config import NotificationsConfig
from notifications.domain import Outgoing

Json = dict[str, Any]

PHONE, EMAIL_ADDRESS = "+966500000001", "sara@example.com"


@dataclass(frozen=True)
class Booking:
    id: UUID
    number: str
    starts_at: datetime


@dataclass(frozen=True)
class Course:
    """A package. The numbers of its sessions are their places in `bookings`, from 1."""

    id: UUID
    number: str
    patient_id: UUID
    bookings: tuple[Booking, ...]


@dataclass(frozen=True)
class Offer:
    id: UUID
    entry_id: UUID
    patient_id: UUID


class World:
    """One tenant of the service under test. It announces what the other services would, and runs the jobs."""

    def __init__(self, kit: ServiceKit, tenant: str) -> None:
        self.kit = kit
        self.tenant = tenant
        self.source = Source()
        self.tools = JobTools(kit.database, kit.relay, kit.config, "notifications", lookout=self.source)
        self._sequences: dict[str, int] = {}

    def configure(self, **settings: str) -> None:
        """From now on messages leave as these settings say."""
        assert isinstance(self.tools.config, NotificationsConfig)
        self.tools = replace(self.tools, config=replace(self.tools.config, **settings))  # type: ignore[arg-type]

    @property
    def desk(self) -> Client:
        return self.kit.client(self.tenant, "front-desk")

    def event(self, event: str, name: str, subject_id: UUID, time: datetime | None = None, **data: Any) -> Envelope:
        """The next event of a subject, at present unless `time` is given."""
        aggregate = golden(event, name)["subject"].split("/")[0]
        subject = f"{aggregate}/{subject_id}"
        self._sequences[subject] = sequence = self._sequences.get(subject, 0) + 1
        at_time = time or clock.now()
        return example(event, name, self.tenant, sequence=sequence, subject_id=subject_id, time=at_time, **data)

    def patient(self, **data: Any) -> UUID:
        """A registered patient, who prefers Arabic and has phone and email unless `data` says otherwise."""
        patient_id = new_id()
        self.kit.inbox.receive(self.event("PatientRegistered", "default", patient_id, patient_id=patient_id, **data))
        return patient_id

    def update_patient(self, patient_id: UUID, **data: Any) -> None:
        data = {"active": True, "phone": PHONE, **data}
        self.kit.inbox.receive(self.event("PatientUpdated", "default", patient_id, patient_id=patient_id, **data))

    def merge(self, loser: UUID, survivor: UUID) -> None:
        self._of_merge("PatientsMerged", loser, survivor)

    def unmerge(self, loser: UUID, survivor: UUID) -> None:
        self._of_merge("PatientsUnmerged", loser, survivor)

    def _of_merge(self, event: str, loser: UUID, survivor: UUID) -> None:
        self.kit.inbox.receive(self.event(event, "default", loser, loser_id=loser, survivor_id=survivor))

    def prefer(self, patient_id: UUID, **preferences: Any) -> None:
        assert self.desk.put(f"/preferences/{patient_id}", preferences).status_code == 200

    def booked(self, booking: Booking, patient_id: UUID, time: datetime | None = None, **data: Any) -> Envelope:
        """AppointmentBooked, of an hour in the golden example's clinic with its provider `layla`."""
        session = {
            **golden("AppointmentBooked", "individual")["data"]["session"],
            "starts_at": booking.starts_at,
            "ends_at": booking.starts_at + timedelta(hours=1),
        }
        ids = {"appointment_id": booking.id, "appointment_number": booking.number, "patient_id": patient_id}
        return self.event("AppointmentBooked", "individual", booking.id, time, **{"session": session, **ids, **data})

    def book(self, patient_id: UUID, starts_at: datetime | None = None, time: datetime | None = None) -> Booking:
        """A booked appointment, in three days unless its start is given."""
        booking = new_booking(starts_at or in_days(3))
        self.kit.inbox.receive(self.booked(booking, patient_id, time))
        return booking

    def book_many(self, count: int) -> list[Booking]:
        """Bookings of so many patients, all at the same time."""
        starts_at = in_days(3)
        return [self.book(self.patient(), starts_at) for _ in range(count)]

    def rescheduled(self, booking: Booking, starts_at: datetime, time: datetime | None = None, **data: Any) -> Envelope:
        """AppointmentRescheduled, to an hour that begins then. Clinic and provider stay unless `data` has others."""
        block = golden("AppointmentBooked", "individual")["data"]
        session = {**block["session"], "starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1)}
        place = {"session": session, "clinic": block["clinic"], "provider": block["provider"], "status": "BOOKED"}
        ids = {"appointment_id": booking.id, "appointment_number": booking.number}
        return self.event("AppointmentRescheduled", "participant", booking.id, time, **{**ids, **place, **data})

    def reschedule(self, booking: Booking, starts_at: datetime, time: datetime | None = None, **data: Any) -> None:
        self.kit.inbox.receive(self.rescheduled(booking, starts_at, time, **data))

    def course(self, starts: Sequence[datetime], **patient: Any) -> Course:
        """A package of a new patient with sessions at these times, of which nothing has been told yet."""
        bookings = tuple(new_booking(start) for start in starts)
        return Course(new_id(), f"PKG-20261120-{new_id().int % 10_000:04}", self.patient(**patient), bookings)

    def course_booked(self, course: Course) -> None:
        """AppointmentBooked of each, which the package's own event announces."""
        for booking in course.bookings:
            self.kit.inbox.receive(self.booked(booking, course.patient_id, announced_with_package=True))

    def scheduled(
        self,
        course: Course,
        cause: str = "SCHEDULED",
        dates: Mapping[int, datetime] | None = None,
        providers: Mapping[int, Json] | None = None,
        time: datetime | None = None,
        **data: Any,
    ) -> Envelope:
        """PackageScheduled, of all sessions at their times unless `dates` gives others, with `layla` or `providers`."""
        told = golden("PackageScheduled", "default")["data"]["sessions"][0]
        dates = {n: b.starts_at for n, b in enumerate(course.bookings, 1)} if dates is None else dates
        sessions = [
            {
                **told,
                "session_number": number,
                "appointment_id": course.bookings[number - 1].id,
                "appointment_number": course.bookings[number - 1].number,
                "starts_at": starts_at,
                "ends_at": starts_at + timedelta(hours=1),
                "provider": (providers or {}).get(number, told["provider"]),
            }
            for number, starts_at in sorted(dates.items(), key=lambda date: date[1])
        ]
        ids = {"package_id": course.id, "package_number": course.number, "patient_id": course.patient_id}
        changed = list(range(1, len(course.bookings) + 1))
        said = {"cause": cause, "sessions": sessions, "changed": changed, "unscheduled": [], **data}
        return self.event("PackageScheduled", "default", course.id, time, **ids, **said)

    def schedule(self, course: Course, cause: str = "SCHEDULED", **told: Any) -> None:
        self.kit.inbox.receive(self.scheduled(course, cause, **told))

    def cancel_course(self, course: Course, time: datetime | None = None) -> None:
        ids = {"package_id": course.id, "patient_id": course.patient_id}
        self.kit.inbox.receive(self.event("PackageCancelled", "default", course.id, time, **ids))

    def course_messages(self, course: Course) -> list[Json]:
        """Messages about the package as a whole."""
        found = items(self.desk.get("/messages", patient_id=str(course.patient_id)))
        return [message for message in found if message["package_id"] == str(course.id)]

    def correct(self, booking: Booking, from_status: str, to_status: str) -> None:
        """What was said of an appointment's outcome was a slip."""
        like = self.event("AppointmentConfirmed", "default", booking.id)
        said = {"appointment_id": booking.id, "from_status": from_status, "to_status": to_status}
        self.kit.inbox.receive(renamed(like, "AppointmentCorrected.v1", **said))

    def tell(self, event: str, booking: Booking) -> None:
        """One of the events that say no more than what became of an appointment."""
        self.kit.inbox.receive(self.event(event, "default", booking.id, appointment_id=booking.id))

    def offer(
        self, patient_id: UUID, expires_at: datetime, time: datetime | None = None, entry_id: UUID | None = None
    ) -> Offer:
        """A place offered to a patient on the waitlist, in the golden example's clinic, in three days."""
        session = {**golden("AppointmentBooked", "individual")["data"]["session"], "starts_at": in_days(3)}
        made = Offer(new_id(), entry_id or new_id(), patient_id)
        self._of_waitlist("WaitlistOffered", made, time, expires_at=expires_at, session=session)
        return made

    def end_offer(self, offer: Offer, event: str = "WaitlistOfferExpired") -> None:
        self._of_waitlist(event, offer, None)

    def _of_waitlist(self, event: str, offer: Offer, time: datetime | None, **data: Any) -> None:
        ids = {"entry_id": offer.entry_id, "offer_id": offer.id, "patient_id": offer.patient_id}
        self.kit.inbox.receive(self.event(event, "default", offer.entry_id, time, **ids, **data))

    def offer_messages(self, offer: Offer) -> list[Json]:
        """Messages about an offer."""
        found = items(self.desk.get("/messages", patient_id=str(offer.patient_id)))
        return [message for message in found if message["offer_id"] == str(offer.id)]

    def cancelled(self, booking: Booking, time: datetime | None = None, **data: Any) -> Envelope:
        return self.event("AppointmentCancelled", "default", booking.id, time, appointment_id=booking.id, **data)

    def cancel(self, booking: Booking, time: datetime | None = None, **data: Any) -> None:
        self.kit.inbox.receive(self.cancelled(booking, time, **data))

    def granted(self, grant_id: UUID, event: str = "EmergencyAccessOpened", **told: Any) -> Envelope:
        """An event of a grant of emergency access, which `dr.huda` opened for the golden example's reason."""
        return self.event(event, "default", grant_id, grant_id=grant_id, **told)

    def grant(self, event: str = "EmergencyAccessOpened", grant_id: UUID | None = None, **told: Any) -> UUID:
        """Tell of a grant of emergency access, a new one unless it is given."""
        grant_id = grant_id or new_id()
        self.kit.inbox.receive(self.granted(grant_id, event, **told))
        return grant_id

    def dispatch(self) -> None:
        """Do all that is due. The messages of one appointment go one after the other."""
        for _ in range(3):
            jobs.remind(self.tools)
            jobs.send(self.tools)

    def messages(self, booking: Booking) -> list[Json]:
        return items(self.desk.get("/messages", appointment_number=booking.number))

    def message(self, kind: str, booking: Booking) -> Json:
        (found,) = [message for message in self.messages(booking) if message["kind"] == kind]
        return found

    def confirmation(self, booking: Booking) -> Json:
        return self.message("BOOKING_CONFIRMATION", booking)

    def every_reminder(self, booking: Booking) -> list[tuple[str, str, str]]:
        """Kind, when it is due, and state of each reminder that there ever was, in the order of scheduling."""
        found = items(self.desk.get("/reminders", appointment_number=booking.number))
        return [(reminder["kind"], reminder["due_at"], reminder["status"]) for reminder in found]

    def reminders(self, booking: Booking) -> dict[str, Json]:
        """The latest reminder of each kind."""
        found = items(self.desk.get("/reminders", appointment_number=booking.number))
        return {reminder["kind"]: reminder for reminder in found}

    def reminder_states(self, booking: Booking) -> dict[str, str]:
        return {kind: reminder["status"] for kind, reminder in self.reminders(booking).items()}

    def inbox(self, *roles: str, subject: str) -> list[Json]:
        """The notices of somebody with these roles, the newest first."""
        return items(self.kit.client(self.tenant, *roles, subject=subject).get("/inbox"))

    def notices(self, user_id: str = "layla") -> list[Json]:
        return items(self.kit.client(self.tenant, "clinician", subject=user_id).get("/inbox"))


class Source:
    """Stands in for a look at scheduling. All that it has said is applied here, unless a test says otherwise."""

    def __init__(self) -> None:
        self.answer: bool | Exception = True
        self.asked: list[tuple[str, str, list[str]]] = []

    def has_all(self, source: str, tenant: str, subjects: Sequence[str]) -> bool:
        self.asked.append((source, tenant, list(subjects)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Outside:
    """Stands in for the outside world. It keeps what was delivered, and fails as it is told to."""

    def __init__(self) -> None:
        self.delivered: list[Outgoing] = []
        self.failures: list[BaseException] = []
        self.meeting: threading.Barrier | None = None
        self._lock = threading.Lock()

    def __call__(self, message: Outgoing) -> str:
        with self._lock:
            self.delivered.append(message)
            if self.failures:
                raise self.failures.pop(0)
        if self.meeting:
            self.meeting.wait(30)
        return "taken"

    def ways_out(self, _: NotificationsConfig) -> Mapping[str, channels.Channel]:
        return {"WHATSAPP": self, "SMS": self, "EMAIL": self}


class Crash(BaseException):
    """The worker dies here, because no handler of errors sees it."""


def only_of(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find due work of one tenant alone."""
    for name in ("due_reminders", "due_messages"):
        _restrict(name, tenant, monkeypatch)


def _restrict(name: str, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = getattr(queries, name)

    def due(conn: Any, now: datetime, passed: Sequence[UUID], _: int) -> list[Any]:
        return [row for row in real(conn, now, passed, 10_000) if row.tenant_id == tenant]

    monkeypatch.setattr(queries, name, due)


def new_booking(starts_at: datetime) -> Booking:
    return Booking(new_id(), f"APT-{new_id().hex[-12:].upper()}", starts_at)


def in_days(days: float) -> datetime:
    """An instant so many days from now, at a full second."""
    return (clock.now() + timedelta(days=days)).replace(microsecond=0)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """The service's clock and the database's stand at an instant."""
    with time_machine.travel(instant, tick=False), pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "database_now", lambda _: clock.now())
        yield


def items(response: Any) -> list[Json]:
    assert response.status_code == 200, response.json
    found: list[Json] = response.json["items"]
    return found
