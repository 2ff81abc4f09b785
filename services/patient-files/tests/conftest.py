"""Patient files under test, with a database of their own per test process."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jalsa.issuer import Issuer
from jalsa.testing.kit import Client, ServiceKit, service_kit
from jalsa.testing.servers import Servers
from patient_files.app import SERVICE

Json = dict[str, Any]


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
        "national_id": "1098765432",
        "date_of_birth": "2015-04-30",
        "sex": "F",
        "phone": "0500000001",
        "email": "sara@example.com",
        "preferred_language": "ar",
    }


@pytest.fixture
def register(body: Json) -> Callable[..., Json]:
    """Register a patient; fields replace those of the complete registration."""

    def registered(client: Client, **fields: Any) -> Json:
        response = client.post("/patients", {**body, "national_id": None, **fields})
        assert response.status_code == 201, response.json
        answer: Json = response.json or {}
        return answer

    return registered
