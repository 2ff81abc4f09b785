"""Notifications under test, with a database of its own per test process."""

from collections.abc import Iterator

import pytest

from jalsa.issuer import Issuer
from jalsa.testing.kit import ServiceKit, service_kit
from jalsa.testing.servers import Servers
from notifications.app import SERVICE

from .factories import World


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def world(kit: ServiceKit, tenant: str) -> World:
    return World(kit, tenant)
