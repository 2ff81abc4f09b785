"""One session with one participant, told by the golden events, and what its people do over HTTP."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client, ServiceKit, example, golden, renamed
from jalsa.events.envelope import Envelope

Json = dict[str, Any]

CONTENT = "Worked on grasp.\nجلسة جيدة: تحسّن في القبضة."

_STATE = text("""
    SELECT s.status AS session, s.session_type, s.starts_at, s.provider_id, p.status AS participant, p.patient_id,
           p.session_id, f.file_number, f.active, c.code, v.name_en
    FROM sessions s
    LEFT JOIN participants p ON p.session_id = s.id
    LEFT JOIN patients f ON f.id = p.patient_id
    LEFT JOIN clinics c ON c.id = s.clinic_id
    LEFT JOIN providers v ON v.id = s.provider_id
    WHERE s.id = :session ORDER BY p.id
""")


class Story:
    """A session's life as the other services announce it. Its ids are its own. The rest is the golden examples'."""

    def __init__(self, kit: ServiceKit, tenant: str, *, session_type: str = "GROUP") -> None:
        self.kit, self.tenant, self.session_type = kit, tenant, session_type
        self.session_id, self.participant_id, self.patient_id = str(uuid4()), str(uuid4()), str(uuid4())
        self.provider_id, self.clinic_id = str(uuid4()), str(uuid4())

    @property
    def block(self) -> Json:
        """The session, clinic and provider as events of the session and of its appointments carry them."""
        data = golden("AppointmentBooked", self.session_type.lower())["data"]
        return {
            "session": {**data["session"], "id": self.session_id},
            "clinic": {**data["clinic"], "id": self.clinic_id},
            "provider": {**data["provider"], "id": self.provider_id},
        }

    def scheduled(self) -> Envelope:
        return self._of_session("SessionScheduled", 1, **self.block)

    def session_rescheduled(self, sequence: int = 2, **changes: Any) -> Envelope:
        """The session a day later. `changes` replace members of the block."""
        return self._of_session("SessionRescheduled", sequence, **{**self.a_day_later, **changes})

    def session_started(self, sequence: int = 2) -> Envelope:
        return self._of_session("SessionStarted", sequence)

    def session_completed(self, sequence: int = 3) -> Envelope:
        return self._of_session("SessionCompleted", sequence)

    def session_cancelled(self, sequence: int = 2) -> Envelope:
        return self._of_session("SessionCancelled", sequence)

    @property
    def a_day_later(self) -> Json:
        """The block of the session after it was moved by a day."""
        day = {"starts_at": "2026-11-24T07:00:00Z", "ends_at": "2026-11-24T08:00:00Z"}
        return {**self.block, "session": {**self.block["session"], **day}}

    def booked(self, participant_id: str | None = None, patient_id: str | None = None) -> Envelope:
        return example(
            "AppointmentBooked",
            self.session_type.lower(),
            self.tenant,
            subject_id=participant_id or self.participant_id,
            appointment_id=participant_id or self.participant_id,
            patient_id=patient_id or self.patient_id,
            **self.block,
        )

    def confirmed(self) -> Envelope:
        return self._of_appointment("AppointmentConfirmed", 2)

    def rescheduled(self, block: Json, sequence: int = 3, status: str = "BOOKED") -> Envelope:
        """The participant's place is in the session of this block now."""
        return self._of_appointment("AppointmentRescheduled", sequence, "participant", **block, status=status)

    def arrived(self, sequence: int = 3) -> Envelope:
        return self._of_appointment("AppointmentArrived", sequence)

    def attended(self, sequence: int = 4) -> Envelope:
        return self._of_appointment("AppointmentAttended", sequence)

    def no_show(self, sequence: int = 3) -> Envelope:
        return self._of_appointment("AppointmentNoShow", sequence)

    def cancelled(self, sequence: int = 3) -> Envelope:
        return self._of_appointment("AppointmentCancelled", sequence)

    def corrected(self, sequence: int, from_status: str, to_status: str) -> Envelope:
        said = {"appointment_id": self.participant_id, "from_status": from_status, "to_status": to_status}
        return renamed(self.arrived(sequence), "AppointmentCorrected.v1", **said)

    def session_corrected(self, sequence: int, from_status: str, to_status: str) -> Envelope:
        said = {"session_id": self.session_id, "from_status": from_status, "to_status": to_status}
        return renamed(self.session_started(sequence), "SessionCorrected.v1", **said)

    def registered(self, **data: Any) -> Envelope:
        return self._of_patient("PatientRegistered", 1, **data)

    def updated(self) -> Envelope:
        return self._of_patient("PatientUpdated", 2)

    def merged_into(self, survivor_id: str, sequence: int = 2) -> Envelope:
        return self._of_merge("PatientsMerged", sequence, survivor_id)

    def unmerged_from(self, survivor_id: str, sequence: int = 3) -> Envelope:
        return self._of_merge("PatientsUnmerged", sequence, survivor_id)

    def clinic_saved(self) -> Envelope:
        return example("ClinicSaved", "default", self.tenant, subject_id=self.clinic_id, clinic_id=self.clinic_id)

    def provider_saved(self) -> Envelope:
        return example(
            "ProviderSaved", "default", self.tenant, subject_id=self.provider_id, provider_id=self.provider_id
        )

    def told(self) -> "Story":
        """Everything up to the confirmation has arrived."""
        return self.tell(
            [
                self.clinic_saved(),
                self.provider_saved(),
                self.registered(),
                self.scheduled(),
                self.booked(),
                self.confirmed(),
            ]
        )

    def tell(self, events: Iterable[Envelope]) -> "Story":
        """Events arrive in this order."""
        for event in events:
            self.kit.inbox.receive(event)
        return self

    def joined_by(self, *, patient_id: str | None = None) -> str:
        """Another patient is booked into the session. Returns the participant's id."""
        participant_id = str(uuid4())
        self.tell([self.booked(participant_id, patient_id or str(uuid4()))])
        return participant_id

    def state(self) -> list[Json]:
        """What is known of the session, its ids taken out: equal for equal stories."""
        own = {
            self.provider_id: "provider",
            self.patient_id: "patient",
            self.session_id: "session",
        }
        with self.kit.transaction(self.tenant) as db:
            rows = db.execute(_STATE, {"session": self.session_id}).mappings().all()
        return [{name: own.get(str(value), value) for name, value in row.items()} for row in rows]

    @property
    def provider(self) -> Client:
        """The session's provider."""
        return self.clinician(self.provider_id, "layla")

    @property
    def manager(self) -> Client:
        return self.kit.client(self.tenant, "manager")

    def clinician(self, provider_id: str | None = None, subject: str = "omar") -> Client:
        """A clinician of the tenant, who is another one than the session's unless told."""
        return self.kit.client(self.tenant, "clinician", provider_id=provider_id or str(uuid4()), subject=subject)

    def note_body(self, **fields: Any) -> Json:
        """A complete individual note."""
        body = {
            "discipline": "OT",
            "scope": "INDIVIDUAL",
            "session_id": self.session_id,
            "participant_id": self.participant_id,
            "content": CONTENT,
        }
        return {**body, **fields}

    def group_body(self, **fields: Any) -> Json:
        """A complete group note."""
        return self.note_body(scope="GROUP", participant_id=None, **fields)

    def create_note(self, **fields: Any) -> Json:
        """A draft of the session's provider. Its entity tag is under `etag`."""
        return created(self.provider.post("/notes", self.note_body(**fields)))

    def create_signed_note(self, **fields: Any) -> Json:
        """A signed note of the session's provider. Its entity tag is under `etag`."""
        note = self.create_note(**fields)
        answer = self.provider.post(f"/notes/{note['id']}/sign")
        assert answer.status_code == 200, answer.json
        return {**(answer.json or {}), "etag": answer.headers["ETag"]}

    def _of_session(self, event: str, sequence: int, **data: Any) -> Envelope:
        return example(
            event,
            "default",
            self.tenant,
            sequence=sequence,
            subject_id=self.session_id,
            session_id=self.session_id,
            **data,
        )

    def _of_appointment(self, event: str, sequence: int, name: str = "default", **data: Any) -> Envelope:
        return example(
            event,
            name,
            self.tenant,
            sequence=sequence,
            subject_id=self.participant_id,
            appointment_id=self.participant_id,
            session_id=self.session_id,
            patient_id=self.patient_id,
            **data,
        )

    def _of_merge(self, event: str, sequence: int, survivor_id: str) -> Envelope:
        ids: Json = {"loser_id": self.patient_id, "survivor_id": survivor_id}
        return example(event, "default", self.tenant, sequence=sequence, subject_id=self.patient_id, **ids)

    def _of_patient(self, event: str, sequence: int, **data: Any) -> Envelope:
        return example(
            event,
            "default",
            self.tenant,
            sequence=sequence,
            subject_id=self.patient_id,
            patient_id=self.patient_id,
            **data,
        )


def created(answer: TestResponse) -> Json:
    assert answer.status_code == 201, answer.json
    return {**(answer.json or {}), "etag": answer.headers["ETag"]}


def refused(answer: TestResponse, status: int, code: str) -> Json:
    """Asserts a problem document. Returns it."""
    assert answer.content_type == "application/problem+json", answer.text
    problem: Json = answer.json or {}
    assert (answer.status_code, problem["code"]) == (status, code), problem
    return problem
