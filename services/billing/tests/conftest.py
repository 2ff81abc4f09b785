"""Billing under test, with a database of its own per test process."""

from collections.abc import Iterator

import pytest

from billing.app import SERVICE
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers

from .factories import Office


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def office(kit: ServiceKit, tenant: str) -> Office:
    return Office(kit, tenant)
