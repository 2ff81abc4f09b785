"""A billing office of one tenant. It has what its people and the other services do, in a line each."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from billing.commands import InvoiceAppointment
from jalsa.dev.kit import Client, ServiceKit, example, golden, renamed
from jalsa.events.envelope import Envelope
from jalsa.service.ids import new_id

SERVICE_TYPE = "OT-GROUP"
CLINIC = UUID(golden("AppointmentBooked", "group")["data"]["clinic"]["id"])


def answer(response: TestResponse, status: int = 200) -> dict[str, Any]:
    """The JSON object of an answer, which has this status."""
    assert response.status_code == status, response.text
    assert isinstance(response.json, dict)
    return response.json


def code_of(response: TestResponse, status: int) -> str:
    """The code of a problem document with this status."""
    assert response.content_type == "application/problem+json"
    return str(answer(response, status)["code"])


@dataclass(frozen=True)
class Appointment:
    """The golden appointment with an id and a number of its own."""

    tenant: str
    id: UUID = field(default_factory=new_id)

    @property
    def number(self) -> str:
        return f"APT-{self.tenant.upper()}-2026-{self.id.int % 10**9:09}"

    def booked(self, sequence: int = 1, **data: Any) -> Envelope:
        return self._event("AppointmentBooked", "group", sequence, **{"appointment_number": self.number, **data})

    def to_invoice(self, **overrides: Any) -> InvoiceAppointment:
        """What its booking asks of billing."""
        booked = golden("AppointmentBooked", "group")["data"]
        command = InvoiceAppointment(
            appointment_id=self.id,
            appointment_number=self.number,
            patient_id=UUID(booked["patient_id"]),
            clinic_id=CLINIC,
            service_type=SERVICE_TYPE,
            timezone=booked["session"]["timezone"],
        )
        return replace(command, **overrides)

    def confirmed(self, sequence: int = 2) -> Envelope:
        return self._event("AppointmentConfirmed", "default", sequence)

    def rescheduled(self, sequence: int = 2, **data: Any) -> Envelope:
        """Moved within the golden booking's clinic, unless `data` has another one."""
        place = golden("AppointmentBooked", "group")["data"]
        given = {name: place[name] for name in ("session", "clinic", "provider")}
        return self._event("AppointmentRescheduled", "participant", sequence, **{**given, **data})

    def cancelled(self, sequence: int = 2) -> Envelope:
        return self._event("AppointmentCancelled", "default", sequence)

    def no_show(self, sequence: int = 2) -> Envelope:
        return self._event("AppointmentNoShow", "default", sequence)

    def attended(self, sequence: int = 2) -> Envelope:
        return self._event("AppointmentAttended", "default", sequence)

    def corrected(self, sequence: int, from_status: str, to_status: str) -> Envelope:
        said = {"appointment_id": self.id, "from_status": from_status, "to_status": to_status}
        return renamed(self.confirmed(sequence), "AppointmentCorrected.v1", **said)

    def _event(self, event: str, name: str, sequence: int, **data: Any) -> Envelope:
        given = {"appointment_id": self.id, **data}
        return example(event, name, self.tenant, sequence=sequence, subject_id=self.id, **given)


@dataclass(frozen=True)
class Package:
    """The golden package with an id, a number and a length of its own."""

    tenant: str
    number: str = "PKG-20261120-0001"
    total_sessions: int = 3
    id: UUID = field(default_factory=new_id)

    def session(self, number: int) -> dict[str, Any]:
        """What AppointmentBooked says of one of its sessions."""
        return {
            "id": self.id,
            "number": self.number,
            "session_number": number,
            "total_sessions": self.total_sessions,
        }

    def created(self, sequence: int = 1) -> Envelope:
        return self._event("PackageCreated", sequence)

    def completed(self, sequence: int = 2) -> Envelope:
        return self._event("PackageCompleted", sequence)

    def reopened(self, sequence: int = 3) -> Envelope:
        return self._event("PackageReopened", sequence)

    def cancelled(self, sequence: int = 2) -> Envelope:
        return self._event("PackageCancelled", sequence)

    def _event(self, event: str, sequence: int) -> Envelope:
        given: dict[str, Any] = {
            "package_id": self.id,
            "package_number": self.number,
            "total_sessions": self.total_sessions,
        }
        return example(event, "default", self.tenant, sequence=sequence, subject_id=self.id, **given)


@dataclass(frozen=True)
class Office:
    """One tenant's billing."""

    kit: ServiceKit
    tenant: str

    @cached_property
    def biller(self) -> Client:
        return self.kit.client(self.tenant, "biller", subject="biller-1")

    def set_price(self, amount: str = "300.00", **overrides: Any) -> dict[str, Any]:
        return answer(self.biller.post("/prices", price(amount=amount, **overrides)), 201)

    def book(self, **data: Any) -> Appointment:
        appointment = Appointment(self.tenant)
        self.kit.inbox.receive(appointment.booked(**data))
        return appointment

    def save_clinic(self, timezone: str, sequence: int = 1) -> None:
        """The golden appointment's clinic is saved, in this zone."""
        given: dict[str, Any] = {"subject_id": CLINIC, "clinic_id": CLINIC, "timezone": timezone}
        self.kit.inbox.receive(example("ClinicSaved", "default", self.tenant, sequence=sequence, **given))

    def create_package(self, **overrides: Any) -> Package:
        package = Package(self.tenant, **overrides)
        self.kit.inbox.receive(package.created())
        return package

    def move(self, appointment: Appointment, clinic_id: UUID) -> None:
        """The appointment is moved to another clinic."""
        self.kit.inbox.receive(appointment.rescheduled(clinic={"id": clinic_id}))

    def cancel(self, appointment: Appointment) -> None:
        self.kit.inbox.receive(appointment.cancelled())

    def merge(self, loser: UUID, survivor: UUID, sequence: int = 1) -> None:
        self._of_merge("PatientsMerged", loser, survivor, sequence)

    def unmerge(self, loser: UUID, survivor: UUID, sequence: int = 2) -> None:
        self._of_merge("PatientsUnmerged", loser, survivor, sequence)

    def _of_merge(self, event: str, loser: UUID, survivor: UUID, sequence: int) -> None:
        given: dict[str, Any] = {"subject_id": loser, "loser_id": loser, "survivor_id": survivor}
        self.kit.inbox.receive(example(event, "default", self.tenant, sequence=sequence, **given))

    def invoice(self, appointment: Appointment) -> dict[str, Any]:
        found = [i for i in self.invoices() if i["appointment_id"] == str(appointment.id)]
        assert len(found) == 1
        return found[0]

    def invoices(self, **query: Any) -> list[dict[str, Any]]:
        return list(answer(self.biller.get("/invoices", **query))["items"])

    def book_and_issue(self, amount: str = "300.00", **overrides: Any) -> tuple[Appointment, dict[str, Any]]:
        self.set_price(amount, **overrides)
        appointment = self.book()
        return appointment, self.invoice(appointment)

    def pay(self, invoice: dict[str, Any], amount: str, **overrides: Any) -> TestResponse:
        return self.biller.post(
            f"/invoices/{invoice['id']}/payments", {"amount": amount, "method": "CASH", **overrides}
        )

    def package_balance(self, package: Package) -> dict[str, Any]:
        return answer(self.biller.get(f"/packages/{package.id}/balance"))

    def clearance(self, appointment: Appointment) -> dict[str, Any]:
        return answer(self.biller.get(f"/clearance/{appointment.id}"))

    def published(self, name: str | None = None) -> list[str]:
        return [e.event.split(".")[0] for e in self.kit.events(self.tenant, name)]

    def announced_clearances(self) -> list[bool]:
        return [e.data["cleared"] for e in self.kit.events(self.tenant, "FinancialClearanceChanged")]


def price(**overrides: Any) -> dict[str, Any]:
    """The body of a price that fits the golden appointment."""
    return {"service_type": SERVICE_TYPE, "amount": "300.00", "vat_category": "S", **overrides}


def sar(amount: str) -> dict[str, str]:
    """Money in riyals."""
    return {"amount": amount, "currency": "SAR"}
