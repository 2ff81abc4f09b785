"""The pytest plugin: real servers for the whole run, a token issuer, a tenant of its own for every test."""

import secrets
from collections.abc import Iterator

import pytest

from jalsa.issuer import Issuer
from jalsa.testing.servers import ServerError, Servers, Vhost, ensure_servers, shutdown


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers before pytest-xdist starts its workers, which find their URLs in the environment."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    try:
        ensure_servers()
    except ServerError as error:
        pytest.exit(str(error), returncode=3)


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
    """A tenant that no other test knows: rows need no clean-up."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def vhost(servers: Servers) -> Iterator[Vhost]:
    """An empty virtual host of the broker."""
    with servers.rabbitmq.create_vhost() as made:
        yield made
