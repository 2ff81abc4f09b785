"""What the tests of encounters need: visits as scheduling and clinical-notes tell of them, and encounters by hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from jalsa.dev.kit import Client, ServiceKit, example, renamed
from jalsa.events.envelope import Envelope

Json = dict[str, Any]

ARRIVED_AT = datetime(2026, 11, 23, 6, 50, tzinfo=UTC)


@dataclass
class Visit:
    """An appointment of a patient, and the events that tell what becomes of it, in order."""

    kit: ServiceKit
    tenant: str
    patient_id: str
    appointment_id: str = field(default_factory=lambda: str(uuid4()))
    session_id: str = field(default_factory=lambda: str(uuid4()))
    provider_id: str = field(default_factory=lambda: str(uuid4()))
    sequence: int = 0

    def booked(self, **data: Any) -> "Visit":
        """The booking: with it the appointment is known."""
        golden = example("AppointmentBooked", "group", self.tenant).data
        session = {**golden["session"], "id": self.session_id}
        provider = {**golden["provider"], "id": self.provider_id}
        self.tell(
            "AppointmentBooked",
            "group",
            **{"patient_id": self.patient_id, "session": session, "provider": provider, **data},
        )
        return self

    def arrived(self, at: datetime = ARRIVED_AT) -> "Visit":
        """The check-in."""
        self.tell("AppointmentArrived", arrived_at=at.isoformat())
        return self

    def attended(self, at: datetime = ARRIVED_AT + timedelta(hours=1)) -> "Visit":
        """The patient took part."""
        self.tell("AppointmentAttended", attended_at=at.isoformat())
        return self

    def became(self, event: str) -> "Visit":
        """AppointmentNoShow, AppointmentCancelled or AppointmentConfirmed."""
        self.tell(event)
        return self

    def corrected(self, from_status: str, to_status: str) -> "Visit":
        """What was said of the outcome was a slip."""
        said = {"appointment_id": self.appointment_id, "from_status": from_status, "to_status": to_status}
        self.kit.inbox.receive(renamed(self.event("AppointmentCancelled"), "AppointmentCorrected.v1", **said))
        return self

    def event(self, name: str, golden: str = "default", **data: Any) -> Envelope:
        """The next event of the appointment."""
        self.sequence += 1
        ids: Json = {"subject_id": self.appointment_id, "appointment_id": self.appointment_id}
        return example(name, golden, self.tenant, sequence=self.sequence, **ids, **data)

    def tell(self, name: str, golden: str = "default", **data: Any) -> None:
        """The next event is received."""
        self.kit.inbox.receive(self.event(name, golden, **data))

    def note(self, *, at: datetime, individual: bool = True, note_id: str | None = None, **data: Any) -> str:
        """A note of the appointment, or of its whole session, is signed. Returns the note's id."""
        note = note_id or str(uuid4())
        about = self.appointment_id if individual else None
        said: Json = {"note_id": note, "session_id": self.session_id, "participant_id": about, **data}
        self.kit.inbox.receive(
            example(
                "NoteSigned",
                "individual" if individual else "group",
                self.tenant,
                subject_id=note,
                time=at,
                **said,
            )
        )
        return note

    @property
    def encounters(self) -> list[Json]:
        """The appointment's encounters as a manager reads them, also those in error."""
        answer = self.kit.client(self.tenant).get("/encounters", appointment_id=self.appointment_id)
        found: list[Json] = answer.json["items"]
        return found

    @property
    def encounter(self) -> Json:
        """The appointment's only encounter."""
        [found] = self.encounters
        return found


def opened(client: Client, patient: Json, **fields: Any) -> Json:
    """Open an encounter by hand, and return the answer."""
    body = {"patient_id": patient["id"], "encounter_type": "CONSULTATION", **fields}
    answer = client.post("/encounters", body)
    assert answer.status_code == 201, answer.json
    made: Json = answer.json
    return made


def know_provider(kit: ServiceKit, tenant: str, provider_id: str) -> None:
    """A provider becomes known."""
    kit.inbox.receive(example("ProviderSaved", "default", tenant, subject_id=provider_id, provider_id=provider_id))


def kept(kit: ServiceKit, tenant: str) -> list[tuple[str, str | None]]:
    """State and error of what the inbox keeps."""
    with kit.transaction(tenant) as db:
        return [(row.state, row.error) for row in db.execute(text("SELECT state, error FROM inbox"))]
