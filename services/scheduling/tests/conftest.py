"""Scheduling under test, with a database of its own per test process."""

import secrets
from collections.abc import Iterator

import pytest

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from scheduling.app import SERVICE

from .factories import Centre, Desk


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def centre(kit: ServiceKit, tenant: str) -> Centre:
    return Centre(kit, tenant)


@pytest.fixture
def desk(centre: Centre) -> Desk:
    return Desk(centre)


@pytest.fixture(scope="session")
def calm(kit: ServiceKit) -> Desk:
    """A desk at which nothing ever happens, for requests that are all refused, and so change nothing."""
    return Desk(Centre(kit, f"calm{secrets.token_hex(4)}"))
