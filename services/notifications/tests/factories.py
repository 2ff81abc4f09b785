"""What a test of notifications tells the service, and how it looks at what came of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import time_machine

from jalsa import clock
from jalsa.ids import new_id
from jalsa.jobs import JobTools
from jalsa.testing.kit import Client, ServiceKit, example, golden
from notifications import channels, jobs
from notifications.config import NotificationsConfig
from notifications.domain import Outgoing


class World:
    """One tenant of the service under test: announces what the other services would, and runs the jobs."""

    def __init__(self, kit: ServiceKit, tenant: str, **settings: str) -> None:
        assert isinstance(kit.config, NotificationsConfig)
        self.kit = kit
        self.tenant = tenant
        self.config = replace(kit.config, **settings)  # type: ignore[arg-type]
        self.tools = JobTools(kit.database, kit.relay, self.config)
        self._sequences: dict[str, int] = {}

    @property
    def desk(self) -> Client:
        return self.kit.client(self.tenant, "front-desk")

    def announce(self, event: str, name: str, subject_id: UUID, time: datetime | None = None, **data: Any) -> None:
        """The next event of a subject, taken in by the inbox; at present unless `time` is given."""
        aggregate = golden(event, name)["subject"].split("/")[0]
        subject = f"{aggregate}/{subject_id}"
        self._sequences[subject] = self._sequences.get(subject, 0) + 1
        self.kit.inbox.receive(
            example(
                event,
                name,
                self.tenant,
                sequence=self._sequences[subject],
                subject_id=subject_id,
                time=time or clock.now(),
                **data,
            )
        )

    def patient(self, **data: Any) -> UUID:
        """A registered patient (Arabic, with phone and email unless `data` says otherwise)."""
        patient_id = new_id()
        self.announce("PatientRegistered", "default", patient_id, patient_id=patient_id, **data)
        return patient_id

    def booking(self, patient_id: UUID, starts_at: datetime, time: datetime | None = None) -> "Booking":
        """A booked appointment of an hour, in the golden example's clinic, with its provider `layla`."""
        made = Booking(new_id(), f"APT-{new_id().hex[-12:].upper()}", starts_at)
        session = {
            **golden("AppointmentBooked", "individual")["data"]["session"],
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=1),
        }
        self.announce(
            "AppointmentBooked",
            "individual",
            made.id,
            time,
            appointment_id=made.id,
            appointment_number=made.number,
            patient_id=patient_id,
            session=session,
        )
        return made

    def cancel(self, booking: "Booking", time: datetime | None = None) -> None:
        self.announce("AppointmentCancelled", "default", booking.id, time, appointment_id=booking.id)

    def dispatch(self) -> None:
        """Do all that is due, once."""
        jobs.remind(self.tools)
        jobs.send(self.tools)

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        return _items(self.desk, "/messages", query)

    def message(self, kind: str, booking: "Booking") -> dict[str, Any]:
        (found,) = [m for m in self.messages(appointment_number=booking.number) if m["kind"] == kind]
        return found

    def reminders(self, booking: "Booking") -> dict[str, dict[str, Any]]:
        return {r["kind"]: r for r in _items(self.desk, "/reminders", {"appointment_number": booking.number})}

    def notices(self, user_id: str = "layla") -> list[dict[str, Any]]:
        return _items(self.kit.client(self.tenant, "clinician", subject=user_id), "/inbox", {})


class Booking:
    def __init__(self, id: UUID, number: str, starts_at: datetime) -> None:
        self.id = id
        self.number = number
        self.starts_at = starts_at


class Outside:
    """Stands in for the outside world: keeps what was delivered, and fails as it is told to."""

    def __init__(self) -> None:
        self.delivered: list[Outgoing] = []
        self.failures: list[Exception] = []

    def __call__(self, message: Outgoing) -> str:
        self.delivered.append(message)
        if self.failures:
            raise self.failures.pop(0)
        return "taken"

    def ways_out(self, _: NotificationsConfig) -> Mapping[str, channels.Channel]:
        return {"WHATSAPP": self, "SMS": self, "EMAIL": self}


def in_days(days: float) -> datetime:
    """An instant so many days from now, at a full second."""
    return (clock.now() + timedelta(days=days)).replace(microsecond=0)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """The clock stands at an instant."""
    with time_machine.travel(instant, tick=False):
        yield


def _items(client: Client, path: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    response = client.get(path, **query)
    assert response.status_code == 200, response.json
    items: list[dict[str, Any]] = response.json["items"]  # type: ignore[index]
    return items
