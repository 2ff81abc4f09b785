"""Patient files under test, with a database of their own per test process."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit, example, service_kit
from jalsa.dev.kit import set_clock as travel
from jalsa.dev.servers import Servers
from patient_files.access import operations as access
from patient_files.app import SERVICE
from patient_files.consents import operations as consents
from patient_files.encounters.operations import appointments, opening
from patient_files.files import operations as files
from patient_files.patients.operations import guardians, registration

Json = dict[str, Any]
#: Registers a patient through a client and returns the answer. Fields replace those of the complete registration.
Register = Callable[..., Json]
#: Makes the next records get these ids.
GiveIds = Callable[..., None]


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def desk(kit: ServiceKit, tenant: str) -> Client:
    """Somebody at the front desk of the test's tenant."""
    return kit.client(tenant, "front-desk")


@pytest.fixture
def body() -> Json:
    """A complete registration."""
    return {
        "first_name_en": "Sara",
        "last_name_en": "Nasser",
        "first_name_ar": "سارة",
        "last_name_ar": "ناصر",
        "national_id": "1065432195",
        "date_of_birth": "2015-04-30",
        "sex": "F",
        "phone": "+966500000001",
        "email": "sara@example.com",
        "preferred_language": "ar",
    }


@pytest.fixture
def register(body: Json) -> Register:
    """The first person is the one of `body`. Each further one has a birth and contacts of its own."""
    others = count()

    def registered(client: Client, **fields: Any) -> Json:
        person = {**body, "national_id": None, **somebody_else(next(others)), **fields}
        response = client.post("/patients", person)
        assert response.status_code == 201, response.json
        answer: Json = response.json or {}
        return answer

    return registered


def somebody_else(number: int) -> Json:
    """What tells people apart whose names and sex are equal. Number 0 is the person of `body`."""
    return {
        "date_of_birth": str(date(2015, 4, 30) - timedelta(days=number)),
        "phone": f"+9665{number + 1:08}",
        "email": f"sara{number or ''}@example.com",
    }


@pytest.fixture
def give_ids(monkeypatch: pytest.MonkeyPatch) -> GiveIds:
    def give(*ids: object) -> None:
        following = iter(ids)
        for module in (registration, guardians, files, consents, access, appointments, opening):
            monkeypatch.setattr(module, "new_id", lambda: UUID(str(next(following))))

    return give


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the service's clock, which stands still from then on."""
    return partial(travel, monkeypatch)


@pytest.fixture
def consent_to() -> Callable[..., Json]:
    """Stores a consent through a client and returns the answer: to treatment, everywhere, unless fields differ."""

    def consented(client: Client, patient: Json, **fields: Any) -> Json:
        body = {
            "patient_id": patient["id"],
            "consent_type": "TREATMENT",
            "signed_by": "Huda Nasser",
            "signed_at": "2026-06-01T09:00:00+03:00",
            **fields,
        }
        response = client.post("/consents", body)
        assert response.status_code == 201, response.json
        answer: Json = response.json or {}
        return answer

    return consented


def take_grant(client: Client, patient: Json, **fields: Any) -> Json:
    """Takes a break-glass grant through a client and returns the answer. Fields replace the usual ones."""
    body = {
        "patient_id": patient["id"],
        "reason_code": "EMERGENCY",
        "reason": "Brought in unconscious",
        "scope": "RECORD",
        **fields,
    }
    answer = client.post("/break-glass", body)
    assert answer.status_code == 201, answer.json
    grant: Json = answer.json
    return grant


@pytest.fixture
def open_clinic(kit: ServiceKit, tenant: str) -> Callable[..., str]:
    """A clinic of the test's tenant becomes known. Returns its id. Fields replace those of the golden example."""

    def opened(**fields: Any) -> str:
        clinic_id = str(uuid4())
        kit.inbox.receive(
            example("ClinicSaved", "default", tenant, subject_id=clinic_id, clinic_id=clinic_id, **fields)
        )
        return clinic_id

    return opened
