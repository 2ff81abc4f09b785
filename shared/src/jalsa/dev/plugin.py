"""The pytest plugin: real servers for the whole run, a token issuer, a tenant of its own for every test."""

import logging
import secrets
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import CapturingLogger, CapturingLoggerFactory
from xdist.scheduler import LoadScopeScheduling

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import ServerError, Servers, Vhost, ensure_servers, shutdown
from jalsa.service import logging as jalsa_logging

_OWN_SYSTEM = {
    "shared/tests/test_broker_faults.py",
    "shared/tests/test_database_faults.py",
    "shared/tests/test_pulse.py",
    "shared/tests/test_web_hanging.py",
    "shared/tests/test_servers.py",
    "tests-e2e/faults/test_faults.py",
    "tests-e2e/faults/test_rolling_restart.py",
    "tests-e2e/test_local_run.py",
}


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers before pytest-xdist starts its workers, which find their URLs in the environment."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    try:
        ensure_servers()
    except ServerError as error:
        pytest.exit(str(error), returncode=3)


class BySystem(LoadScopeScheduling):  # type: ignore[misc]
    """One process takes all tests that share a running system, which costs more to start than they do."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file in _OWN_SYSTEM:
            return file
        return "tests-e2e" if file.startswith("tests-e2e/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """xdist's own groups do nothing with this pytest, because it no longer reads where they are marked."""
    return BySystem(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what was started."""
    if not hasattr(config, "workerinput"):
        shutdown()


@pytest.fixture(scope="session")
def servers() -> Servers:
    """PostgreSQL and RabbitMQ of this run."""
    return ensure_servers()


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """An issuer with keys of its own."""
    return Issuer.in_folder(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test knows, so that rows need no clean-up."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def scratch_kit(kit: ServiceKit, servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """The service of the tests' own fixture `kit` with a database for one test, which may change the schema."""
    with service_kit(kit.service, servers, issuer) as made:
        yield made


@pytest.fixture
def log(kit: ServiceKit) -> Iterator[CapturingLogger]:
    """What the service of the tests' own fixture `kit` would write in production, line by line."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    jalsa_logging.configure("DEBUG", kit.service.name)
    factory = CapturingLoggerFactory()
    structlog.configure(logger_factory=factory, cache_logger_on_first_use=False)
    yield factory.logger
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def vhost(servers: Servers) -> Iterator[Vhost]:
    """An empty virtual host of the broker."""
    with servers.rabbitmq.create_vhost() as made:
        yield made
