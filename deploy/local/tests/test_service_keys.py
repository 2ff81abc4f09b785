"""How the compose stack makes the services' keys, and replaces one while everything runs."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.events.tokens import ServiceTokens
from jalsa.http.auth import Authenticator
from jalsa.service.problems import Problem


@pytest.fixture
def keys() -> ModuleType:
    path = Path(__file__).parents[2] / "keys" / "keys.py"
    spec = importlib.util.spec_from_file_location("compose_keys", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def accepted(authenticator: Authenticator, pem: str) -> bool:
    """Whether a token that the service signs with this key opens a feed."""
    token = ServiceTokens("billing", audience=AUDIENCE, service_key=pem).token()
    try:
        return authenticator.principal(f"Bearer {token}").subject == "billing"
    except Problem as problem:
        if problem.status != 401:
            raise
        return False


def test_a_key_is_replaced_in_three_steps_and_a_good_one_is_never_refused(tmp_path: Path, keys: ModuleType) -> None:
    issuer = Issuer.in_folder(tmp_path)
    old = issuer.service_key("billing")

    def opens(pem: str) -> bool:
        return accepted(
            Authenticator(
                issuer=ISSUER,
                audience=AUDIENCE,
                jwks_url=issuer.jwks_url,
                service_jwks_url=issuer.service_jwks_url,
            ),
            pem,
        )

    assert opens(old)
    keys.rotate_service_key(issuer, "billing", "prepare")
    assert (issuer.service_key("billing"), opens(old)) == (old, True)
    keys.rotate_service_key(issuer, "billing", "switch")
    new = issuer.service_key("billing")
    assert new != old
    assert (opens(old), opens(new)) == (True, True)
    keys.rotate_service_key(issuer, "billing", "finish")
    assert (opens(old), opens(new), issuer.service_key("billing")) == (False, True, new)


@pytest.mark.parametrize("steps", [["switch"], ["finish"], ["prepare", "prepare"], ["prepare", "switch", "switch"]])
def test_a_step_out_of_turn_changes_nothing(steps: list[str], tmp_path: Path, keys: ModuleType) -> None:
    issuer = Issuer.in_folder(tmp_path)
    issuer.service_key("billing")
    for step in steps[:-1]:
        keys.rotate_service_key(issuer, "billing", step)
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    with pytest.raises(SystemExit, match="billing is not at this step"):
        keys.rotate_service_key(issuer, "billing", steps[-1])
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.pem")} == before


def test_each_service_is_given_its_own_key_and_every_web_process_the_list(tmp_path: Path, keys: ModuleType) -> None:
    issuer = Issuer.in_folder(tmp_path)
    for service in keys.SERVICES:
        issuer.service_key(service)
    given = {service: keys._of_service(service, issuer, b"secret") for service in keys.SERVICES}
    own = {service: files["worker"]["service_key"] for service, files in given.items()}
    assert len(set(own.values())) == len(keys.SERVICES)
    for files in given.values():
        listed = json.loads(files["web"]["services.json"])["keys"]
        assert {entry["service"] for entry in listed} == set(keys.SERVICES)
        assert "d" not in {name for entry in listed for name in entry}, "no private half"
        assert "PRIVATE" not in files["web"]["services.json"]
