"""A patient's contacts lead to somebody, at an ordinary price, outside of this site."""

from collections.abc import Callable
from typing import Any

import pytest

from jalsa.dev.kit import Client

Json = dict[str, Any]
Register = Callable[..., Json]

_DEAR = ["+979123456789", "+19005551234", "+447012345678", "920012345", "+966 9200 12345", "+8816234567890"]
_NOT_PUBLIC = [
    "sara@localhost",
    "sara@[127.0.0.1]",
    "sara@[IPv6:::1]",
    "sara@127.0.0.1",
    "sara@10.20.30.40",
    "sara@mailserver",
    "sara@mail.local",
    "sara@printer.LAN",
    "sara@db.internal",
    "sara@example.invalid",
    "sara@hospital.test",
    "sara@1.0.0.127.in-addr.arpa",
    '"sara"@example.com',
    "sara@example..com",
    "sara@-example.com",
    "sara@exam_ple.com",
    "sara@example.com.",
    f"{'x' * 65}@example.com",
    f"sara@{'x' * 64}.com",
    "sara@example.com\r\nBcc: all@example.com",
    "sara@example.com%0d%0aBcc:all",
    "sara@example.com,omar@example.com",
    "Sara <sara@example.com>",
]


def refused(desk: Client, register: Register, body: Json, field: str, value: str) -> list[list[str]]:
    """The errors of the field, at the registration and at a change."""
    patient = register(desk)
    etag = desk.get(f"/patients/{patient['id']}").headers["ETag"]
    answers = [
        desk.post("/patients", {**body, field: value}),
        desk.patch(f"/patients/{patient['id']}", {field: value}, etag),
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert desk.get(f"/patients/{patient['id']}").headers["ETag"] == etag
    assert not any(value in answer.text for answer in answers)
    return [(answer.json or {})["errors"][field] for answer in answers]


@pytest.mark.parametrize("number", _DEAR)
def test_a_number_that_costs_its_callers_extra_is_refused(
    desk: Client, register: Register, body: Json, number: str
) -> None:
    errors = refused(desk, register, body, "phone", number)
    assert errors == [["Must not be a premium-rate number."]] * 2


@pytest.mark.parametrize(
    "number", ["0500000001", "011 234 5678", "8001234567", "+80012345678", "+442079460000", "+971501234567"]
)
def test_an_ordinary_number_is_taken(desk: Client, body: Json, number: str) -> None:
    assert desk.post("/patients", {**body, "phone": number}).status_code == 201


@pytest.mark.parametrize("address", _NOT_PUBLIC)
def test_an_address_that_leads_into_this_site_or_nowhere_is_refused(
    desk: Client, register: Register, body: Json, address: str
) -> None:
    assert all(refused(desk, register, body, "email", address))


@pytest.mark.parametrize(
    "address",
    [
        "sara@example.com",
        "Sara.O'Neil+jalsa@mail.example.co.uk",
        "s@3.example.org",
        "sara@xn--mgbh0fb.xn--kgbechtv",
        f"{'x' * 64}@example.com",
    ],
)
def test_an_address_in_the_public_network_is_taken_as_it_is(desk: Client, body: Json, address: str) -> None:
    answer = desk.post("/patients", {**body, "email": address})
    assert (answer.status_code, (answer.json or {})["email"]) == (201, address)
