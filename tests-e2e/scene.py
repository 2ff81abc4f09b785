"""A centre set up through HTTP, and what follows from a booking, as a caller sees it."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from stack import Api

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = 15.0) -> T:
    """The first true value that `look` returns, asked again and again until a deadline."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within} s; last seen: {found!r}"
        time.sleep(0.05)
    return found


def noon_zone() -> str:
    """A zone in which it is noon now, so that what begins within hours is today's."""
    hours = (12 - datetime.now(UTC).hour + 12) % 24 - 12  # to add to UTC
    return f"Etc/GMT{-hours:+d}"


def soon(minutes: int) -> str:
    """An instant that many minutes ahead."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def new_tenant() -> str:
    """A tenant that no other test knows."""
    return f"t{secrets.token_hex(5)}"


class Scene:
    """One clinic with a provider on duty day and night, a room, two service types with prices, as its manager."""

    def __init__(self, api: Api, tenant: str, zone: str = "Asia/Riyadh") -> None:
        self.api = api
        self.tenant = tenant
        clinic = {"code": "OT", "name_en": "Occupational therapy", "name_ar": "العلاج الوظيفي", "timezone": zone}
        self.clinic = api.post("/scheduling/v1/clinics", clinic)
        self.room = api.post("/scheduling/v1/rooms", {"clinic_id": self.clinic["id"], "name": "Blue room"})
        self.provider = self.add_provider()
        for code in ("OT-60", "OT-GROUP"):
            names = {"code": code, "name_en": code, "name_ar": code, "discipline": "OT"}
            api.post("/scheduling/v1/service-types", {**names, "default_duration_minutes": 60})
            price = {"service_type": code, "amount": "300.00", "currency": "SAR", "vat_category": "S"}
            api.post("/billing/v1/prices", price)
        self._hours = 72

    def add_provider(self) -> Any:
        """A provider with a login of its own, on duty at any hour."""
        names = {"name_en": "Layla Haddad", "name_ar": "ليلى حداد", "user_id": f"u-{secrets.token_hex(4)}"}
        body = {**names, "discipline": "OT", "clinic_ids": [self.clinic["id"]]}
        provider = self.api.post("/scheduling/v1/providers", body)
        day = {"start": "00:00", "end": "00:00", "clinic_id": self.clinic["id"]}
        week = {"items": [{"weekday": weekday, **day} for weekday in range(7)]}
        self.api.put(f"/scheduling/v1/providers/{provider['id']}/working-hours", week)
        return provider

    def patient(self, **overrides: Any) -> str:
        """A registered patient's id."""
        body = {
            "first_name_en": "Sara",
            "last_name_en": "Nasser",
            "first_name_ar": "سارة",
            "last_name_ar": "ناصر",
            "date_of_birth": "2015-04-12",
            "sex": "F",
            "phone": f"+96650{secrets.randbelow(10**7):07d}",
            "preferred_language": "ar",
        }
        return str(self.api.post("/patient-files/v1/patients", {**body, **overrides})["id"])

    def next_hour(self) -> str:
        """An hour at least three days ahead that no session of this scene has yet."""
        self._hours += 1
        at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=self._hours)
        return at.isoformat()

    def place(self, **overrides: Any) -> dict[str, Any]:
        """Where and when, which are the fields that a session and an appointment have in common."""
        where = {"clinic_id": self.clinic["id"], "provider_id": self.provider["id"], "room_id": self.room["id"]}
        return {**where, "service_type": "OT-60", "starts_at": self.next_hour(), **overrides}

    def group(self, capacity: int = 6, **overrides: Any) -> Any:
        """An empty group session."""
        body = {"session_type": "GROUP", "max_capacity": capacity, **self.place(service_type="OT-GROUP", **overrides)}
        return self.api.post("/scheduling/v1/sessions", body)

    def appointment(self, **overrides: Any) -> Any:
        """A new patient's appointment in one step."""
        body = {"patient_id": self.patient(), **self.place(**overrides)}
        return self.api.post("/scheduling/v1/appointments", body)

    def do(self, participant: Any, verb: str, body: Any = None) -> Any:
        """POST /participants/{id}/<verb>."""
        return self.api.post(f"/scheduling/v1/participants/{participant['id']}/{verb}", body or {})

    def pay(self, participant: Any) -> None:
        """Pay the appointment's invoice as soon as there is one."""
        [invoice] = eventually(lambda: self.invoices(participant["appointment_number"]))
        payment = {"amount": invoice["total"]["amount"], "method": "CASH"}
        self.api.post(f"/billing/v1/invoices/{invoice['id']}/payments", payment)

    def consent(self, participant: Any) -> Any:
        """The patient's consent to treatment."""
        signed = {"signed_by": "Sara's mother", "signed_at": datetime.now(UTC).isoformat()}
        body = {"patient_id": participant["patient_id"], "consent_type": "TREATMENT", **signed}
        return self.api.post("/patient-files/v1/consents", body)

    def book(self, session_id: str, patient_id: str, **headers: str) -> Any:
        """A participant."""
        path = f"/scheduling/v1/sessions/{session_id}/participants"
        return self.api.post(path, {"patient_id": patient_id}, **headers)

    def sub_files(self, patient_id: str) -> list[Any]:
        """The patient's sub-files."""
        return list(self.api.get(f"/patient-files/v1/patients/{patient_id}/sub-files")["items"])

    def invoices(self, appointment_number: str) -> list[Any]:
        """The appointment's invoices."""
        return list(self.api.get(f"/billing/v1/invoices?appointment_number={appointment_number}")["items"])

    def reminders(self, appointment_number: str) -> list[Any]:
        """The appointment's reminders."""
        return list(self.api.get(f"/notifications/v1/reminders?appointment_number={appointment_number}")["items"])

    def messages(self, patient_id: str) -> list[Any]:
        """What the patient was sent."""
        return list(self.api.get(f"/notifications/v1/messages?patient_id={patient_id}")["items"])

    def await_consequences(self, participant: Any) -> None:
        """Wait until everything that a booking causes is there."""
        eventually(lambda: self.has_followed(participant))

    def await_undone(self, participant: Any) -> None:
        """Wait until a cancelled booking's reminders are cancelled and its invoice is void."""
        number = participant["appointment_number"]
        eventually(lambda: {r["status"] for r in self.reminders(number)} == {"CANCELLED"})
        eventually(lambda: [i["status"] for i in self.invoices(number)] == ["VOID"])

    def has_followed(self, participant: Any) -> bool:
        """Whether everything that a booking causes is there."""
        number, patient_id = participant["appointment_number"], participant["patient_id"]
        return bool(
            self.sub_files(patient_id)
            and self.invoices(number)
            and len(self.reminders(number)) == 2
            and self.messages(patient_id)
        )
