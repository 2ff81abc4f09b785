"""Notifications under test, with a database of its own per test process."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import CapturingLogger, CapturingLoggerFactory

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from jalsa.service import logging as jalsa_logging
from notifications import jobs
from notifications.app import SERVICE

from .factories import Outside, World, only_of


@pytest.fixture(scope="session")
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


@pytest.fixture
def scratch_kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """A database for one test, which may take its mechanisms away."""
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


@pytest.fixture
def log() -> Iterator[CapturingLogger]:
    """What production would write, line by line."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    jalsa_logging.configure("DEBUG", "notifications")
    factory = CapturingLoggerFactory()
    structlog.configure(logger_factory=factory, cache_logger_on_first_use=False)
    yield factory.logger
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
