"""The monolith's addresses of encounters lead to those of today, whatever the method."""

from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from jalsa.db import legacy
from jalsa.dev.kit import Client, ServiceKit

from .conftest import Register
from .visits import Json, opened


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


@pytest.fixture
def encounter(kit: ServiceKit, tenant: str, manager: Client, desk: Client, register: Register) -> Json:
    """An encounter that the monolith had as 17."""
    made = opened(manager, register(desk))
    with kit.transaction(tenant) as db:
        legacy.keep_id(db, "encounter", "17", made["id"])
    return made


def ask(client: Client, path: str, method: str = "GET", **kwargs: object) -> TestResponse:
    headers = {"Authorization": f"Bearer {client.token}"}
    return client.app.test_client().open(path, method=method, headers=headers, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("app", ["emr", "core"])
def test_every_method_is_redirected_by_integer_and_by_uuid(
    manager: Client, encounter: Json, app: str, method: str
) -> None:
    for key in ("17", "0017", encounter["id"], encounter["id"].upper()):
        answer = ask(manager, f"/{app}/encounters/{key}", method)
        assert answer.status_code == 308, (key, answer.text)
        assert answer.headers["Location"] == f"/patient-files/v1/encounters/{encounter['id']}"
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private", "Authorization")


def test_suffix_and_query_are_kept(manager: Client, encounter: Json) -> None:
    answer = ask(manager, "/emr/encounters/17/references/a%20b%3Fc?limit=2&next=%2Fx&unheard=1")
    expected = f"/patient-files/v1/encounters/{encounter['id']}/references/a%20b%3Fc?limit=2&next=%2Fx&unheard=1"
    assert (answer.status_code, answer.headers["Location"]) == (308, expected)


def test_a_post_is_redirected_however_often_its_key_was_used(manager: Client, encounter: Json) -> None:
    headers = {"Authorization": f"Bearer {manager.token}", "Idempotency-Key": str(uuid4())}
    client = manager.app.test_client()
    for body in ({"a": 1}, {"a": 2}):
        answer = client.post("/emr/encounters/17/close", json=body, headers=headers)
        assert answer.status_code == 308
    address = answer.headers["Location"].removeprefix("/patient-files")
    started = client.post(address.replace("close", "start"), json={}, headers=headers)
    assert started.status_code == 200, "the key is still free for what it leads to"


@pytest.mark.parametrize("key", ["18", "nothing", "9" * 30, "-1", "17.0"])
def test_an_unknown_key_is_not_found(manager: Client, encounter: Json, key: str) -> None:
    assert ask(manager, f"/emr/encounters/{key}").status_code == 404
    assert ask(manager, f"/emr/encounters/{uuid4()}").status_code == 404


def test_an_address_leads_nowhere_but_to_an_encounter(manager: Client, encounter: Json) -> None:
    for path in ("/emr/encounters/17/../../patients", "/other/encounters/17", "/emr/patients/17"):
        answer = ask(manager, path)
        assert answer.status_code == 404, path


def test_a_token_is_needed_and_another_tenant_has_other_keys(
    kit: ServiceKit, tenant: str, manager: Client, encounter: Json
) -> None:
    assert manager.app.test_client().get("/emr/encounters/17").status_code == 401
    assert ask(kit.client(tenant, "subscriber"), "/emr/encounters/17").status_code == 403
    assert ask(kit.client(f"{tenant}-b"), "/emr/encounters/17").status_code == 404
    assert ask(kit.client(f"{tenant}-b"), f"/emr/encounters/{encounter['id']}").status_code == 404
