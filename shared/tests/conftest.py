"""Two fake services, alpha and beta, with databases that all tests of a process share, or with one that is theirs."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer
from structlog.testing import capture_logs

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.provision import Urls
from jalsa.dev.servers import PrivatePostgres, Servers, private_postgres
from jalsa.service.declaration import Service
from jalsa.service.ids import new_id
from jalsa.service.logging import _without_values as without_values

from .lamps import ALPHA, RUN, Logs, MakeKit, beta, empty, kit_on, lamp_database


@pytest.fixture(scope="session", autouse=True)
def logging_as_in_production() -> None:
    """By default structlog would show the values of every variable, and take its time for it."""
    structlog.configure(processors=[merge_contextvars, without_values, JSONRenderer()])


@pytest.fixture(scope="session")
def alpha(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """The publishing service, in a database that holds other tests' tenants, too."""
    with lamp_database("alpha", servers.postgres) as urls, kit_on(urls, ALPHA, issuer) as kit:
        yield kit


@pytest.fixture(scope="session")
def follower(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """The following service, in a database that holds other tests' tenants, too."""
    with lamp_database("beta", servers.postgres) as urls, kit_on(urls, beta(), issuer) as kit:
        yield kit


@pytest.fixture(scope="session")
def idle_databases(servers: Servers) -> Iterator[tuple[ExitStack, dict[str, list[Urls]]]]:
    """Databases that a test has had to itself, kept for the next one that wants one."""
    with ExitStack() as stack:
        yield stack, {"alpha": [], "beta": []}


@pytest.fixture
def make_kit(
    servers: Servers, issuer: Issuer, idle_databases: tuple[ExitStack, dict[str, list[Urls]]]
) -> Iterator[MakeKit]:
    """Makes a service with an empty database of its own, for this test alone."""
    until_the_end, idle = idle_databases
    with ExitStack() as stack:

        def make(service: Service = ALPHA, **settings: Any) -> ServiceKit:
            mine = idle[service.name]
            urls = mine.pop() if mine else until_the_end.enter_context(lamp_database(service.name, servers.postgres))
            empty(urls)
            stack.callback(mine.append, urls)
            return stack.enter_context(kit_on(urls, service, issuer, **settings))

        yield make


@pytest.fixture
def client(alpha: ServiceKit, tenant: str) -> Client:
    """A manager of the test's tenant who calls alpha."""
    return alpha.client(tenant)


@pytest.fixture(autouse=True)
def no_views_left_over() -> Iterator[None]:
    """A view that a test has put into `RUN` is gone after it."""
    yield
    RUN.clear()


@pytest.fixture(scope="module")
def cluster() -> Iterator[PrivatePostgres]:
    """A PostgreSQL that the tests of one module have to themselves."""
    with private_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def urls(cluster: PrivatePostgres) -> Iterator[Urls]:
    """A database of alpha on it."""
    with lamp_database("alpha", cluster) as made:
        yield made


@pytest.fixture
def logs() -> Iterator[Logs]:
    """What is logged during the test, as it would be written."""
    with capture_logs(processors=[merge_contextvars, without_values]) as entries:
        yield entries


@pytest.fixture
def lamp() -> UUID:
    """A lamp's id."""
    return new_id()
