"""Which role may do what, over HTTP."""

import pytest

from jalsa.dev.kit import ServiceKit
from jalsa.dev.surface import assert_each_role_is_told_its_permissions, assert_no_read_takes_an_unknown_parameter
from jalsa.service.ids import new_id

from .factories import Office, answer, code_of

_ALL = {"front-desk", "clinician", "biller", "records", "manager", "integration", "subscriber"}
_BILLING = {"biller", "manager"}
_DESK = _BILLING | {"front-desk"}
_READERS = _DESK | {"integration"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/prices", _BILLING),
        ("GET", "/prices", _READERS),
        ("GET", "/prices/{id}", _READERS),
        ("GET", "/invoices", _READERS),
        ("GET", "/invoices/{id}", _READERS),
        ("POST", "/invoices/{id}/payments", _DESK),
        ("POST", "/invoices/{id}/void", _BILLING),
        ("GET", "/packages/{id}/balance", _READERS),
        ("GET", "/clearance/{id}", _READERS),
        ("POST", "/clearance/{id}", _BILLING),
        ("GET", "/events", {"manager", "integration", "subscriber"}),
        ("GET", "/events/inbox", {"manager"}),
    ],
)
@pytest.mark.parametrize("role", sorted(_ALL))
def test_a_role_may_do_what_the_policy_says_and_nothing_else(
    office: Office, role: str, method: str, path: str, allowed: set[str]
) -> None:
    caller = office.kit.client(office.tenant, role)
    response = caller.call(method, path.format(id=new_id()), json={} if method == "POST" else None)
    if role in allowed:
        assert response.status_code in (200, 404, 422)
    else:
        assert code_of(response, 403) == "forbidden"


def test_the_front_desk_takes_a_payment(office: Office) -> None:
    _, invoice = office.book_and_issue()
    desk = office.kit.client(office.tenant, "front-desk", subject="front-desk-1")
    paid = answer(desk.post(f"/invoices/{invoice['id']}/payments", {"amount": "45.00", "method": "CASH"}), 201)
    assert paid["payments"][0]["received_by"] == "front-desk-1"


def test_nobody_without_a_token_reads_anything(office: Office) -> None:
    refused = office.biller.call("GET", "/invoices", headers={"Authorization": ""})
    assert code_of(refused, 401) == "unauthenticated"


def test_no_read_takes_a_parameter_that_does_not_exist(kit: ServiceKit, tenant: str) -> None:
    assert_no_read_takes_an_unknown_parameter(kit, tenant)


def test_each_role_is_told_its_permissions(kit: ServiceKit, tenant: str) -> None:
    assert_each_role_is_told_its_permissions(kit, tenant)
