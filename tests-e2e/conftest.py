"""The running system, which is ten processes of our own or one that is given by JALSA_E2E_URL and JALSA_E2E_KEYS."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import Scene, new_tenant
from stack import Api, ApiFor, Stack, running_stack

from jalsa.dev.issuer import Issuer
from jalsa.dev.servers import Servers, Vhost

GIVEN = "JALSA_E2E_URL"


@pytest.fixture(scope="session")
def bus(servers: Servers) -> Iterator[Vhost]:
    """The virtual host that the stack is on."""
    with servers.rabbitmq.create_vhost() as vhost:
        yield vhost


@pytest.fixture(scope="session")
def stack(servers: Servers, issuer: Issuer, bus: Vhost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Ten processes of our own, on a broker whose administrator we are, which a given system does not offer."""
    if GIVEN in os.environ:
        pytest.skip(f"needs the broker's administrator, and the system of {GIVEN} is another's")
    folder = tmp_path_factory.mktemp("stack")
    with running_stack(servers.postgres.url, bus.amqp_url, issuer, folder, secrets.token_hex(4)) as running:
        yield running


@pytest.fixture(scope="session")
def api_for(request: pytest.FixtureRequest) -> ApiFor:
    """`api_for(tenant, *roles)`: a caller of the running system."""
    if url := os.environ.get(GIVEN):
        keys = Issuer(Path(os.environ["JALSA_E2E_KEYS"]))
        return lambda tenant, *roles, **claims: Api(
            lambda service: f"{url}/{service}", keys.token(tenant, roles or ("manager",), **claims)
        )
    stack: Stack = request.getfixturevalue("stack")
    return stack.api


@pytest.fixture
def scene(api_for: ApiFor) -> Scene:
    """A centre of this test's own."""
    tenant = new_tenant()
    return Scene(api_for(tenant), tenant)
