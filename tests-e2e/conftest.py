"""The running system: ten processes of our own, or one that is given by JALSA_E2E_URL and JALSA_E2E_KEYS."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scene import Scene, new_tenant
from stack import Api, running_stack

from jalsa.issuer import Issuer
from jalsa.testing.servers import Servers

ApiFor = Callable[..., Api]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process of pytest-xdist takes all of these: the system is started once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("system"))


@pytest.fixture(scope="session")
def api_for(servers: Servers, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiFor]:
    """`api_for(tenant, *roles)`: a caller of the running system."""
    if url := os.environ.get("JALSA_E2E_URL"):
        keys = Issuer(Path(os.environ["JALSA_E2E_KEYS"]))
        yield lambda tenant, *roles, **claims: Api(
            lambda service: f"{url}/{service}", keys.token(tenant, roles or ("manager",), **claims)
        )
        return
    folder = tmp_path_factory.mktemp("stack")
    with (
        servers.rabbitmq.create_vhost() as vhost,
        running_stack(servers.postgres.url, vhost.amqp_url, issuer, folder, secrets.token_hex(4)) as stack,
    ):
        yield stack.api


@pytest.fixture
def scene(api_for: ApiFor) -> Scene:
    """A centre of this test's own."""
    tenant = new_tenant()
    return Scene(api_for(tenant), tenant)
