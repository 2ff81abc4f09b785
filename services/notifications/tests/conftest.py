"""Notifications under test, with a database of its own per test process."""

from collections.abc import Iterator

import pytest

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from notifications import jobs
from notifications.app import SERVICE

from .factories import Outside, World, only_of


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def world(kit: ServiceKit, tenant: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """A tenant. What other tests left to be done is not due here."""
    only_of(tenant, monkeypatch)
    return World(kit, tenant)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """Every channel leads here."""
    made = Outside()
    monkeypatch.setattr(jobs, "channels", made.ways_out)
    return made
