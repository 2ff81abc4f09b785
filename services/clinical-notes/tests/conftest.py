"""Clinical notes under test, with a database of its own per test process."""

from collections.abc import Iterator

import pytest

from clinical_notes.app import SERVICE
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers

from .factories import Story


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def group(kit: ServiceKit, tenant: str) -> Story:
    """A group session with one participant, confirmed. The patient, clinic and provider are known."""
    return Story(kit, tenant).told()


@pytest.fixture
def individual(kit: ServiceKit, tenant: str) -> Story:
    """An individual session of another provider of the same tenant, with its participant."""
    return Story(kit, tenant, session_type="INDIVIDUAL").told()
