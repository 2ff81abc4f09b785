"""Clinical notes under test, with a database of its own per test process."""

from collections.abc import Iterator

import pytest

from clinical_notes.app import SERVICE
from jalsa.issuer import Issuer
from jalsa.testing.kit import ServiceKit, service_kit
from jalsa.testing.servers import Servers


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made
