"""The feed: the event log in the order of positions, for the caller's tenant, or for our own services whole."""

from typing import Any
from uuid import UUID

import jwt
import pytest

from jalsa.dev.issuer import AUDIENCE, ISSUER
from jalsa.dev.kit import Client, ServiceKit
from jalsa.events.envelope import parse
from jalsa.service.ids import new_id
from jalsa.service.policy import ROLES, SYSTEM

from .lamps import WIRE_CUT, switch, switched


def read(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/events", **query)
    assert answer.status_code == 200, answer.get_data()
    return list(answer.get_json()["items"])


def levels(client: Client, **query: Any) -> list[int]:
    return [item["data"]["level"] for item in read(client, **query)]


def system(kit: ServiceKit) -> Client:
    """One of our own services."""
    return Client(kit.app, kit.issuer.token("*", [SYSTEM]))


def test_the_feed_gives_envelopes_in_the_order_of_positions(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1, 2, 3)
    stored = alpha.events(tenant)
    items = read(alpha.client(tenant))
    assert [parse(item) for item in items] == stored
    assert [int(item["sequence"]) for item in items] == [1, 2, 3]


def test_events_without_a_position_are_not_shown_yet(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1)
    alpha.events(tenant)
    switched(alpha, tenant, lamp, 2)
    assert levels(alpha.client(tenant)) == [1]


def test_pages_follow_each_other_without_gap_or_overlap(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, *range(10))
    switched(alpha, f"{tenant}b", lamp, 99)
    alpha.events(tenant)
    client, found, after = alpha.client(tenant), list[int](), "0"
    while True:
        answer = client.get("/events", after=after, limit=3).get_json()
        if not answer["items"]:
            assert answer["next_cursor"] is None
            break
        found += [item["data"]["level"] for item in answer["items"]]
        after = answer["next_cursor"]
    assert found == list(range(10))


def test_the_feed_is_filtered_by_type_and_by_subject(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    other = new_id()
    switched(alpha, tenant, lamp, 1)
    switched(alpha, tenant, other, 2)
    with alpha.transaction(tenant) as db:
        switch(db, lamp, 3, WIRE_CUT)
    alpha.events(tenant)
    client = alpha.client(tenant)
    assert levels(client, subject=f"lamp/{other}") == [2]
    assert levels(client, type="jalsa.alpha.LampSwitched.v1") == [1, 2]
    assert levels(client, type="jalsa.alpha.LampSwitched.v1", subject=f"lamp/{lamp}") == [1]
    assert levels(client, type="jalsa.alpha.LampMelted.v1") == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"after": -1},
        {"after": "x"},
        {"after": 2**63},
        {"subject": "\0"},
        {"type": "\0"},
        {"subject": ""},
        {"subject": "x" * 201},
        {"type": "م"},
    ],
    ids=str,
)
def test_a_bad_query_is_a_422_that_names_the_field(query: dict[str, Any], alpha: ServiceKit, tenant: str) -> None:
    answer = alpha.client(tenant).get("/events", **query)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "validation-error")
    assert set(answer.get_json()["errors"]) == set(query)


def test_a_tenant_sees_its_own_events_alone(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1)
    switched(alpha, f"{tenant}b", lamp, 2)
    alpha.events(tenant)
    assert levels(alpha.client(tenant)) == [1]
    assert levels(alpha.client(f"{tenant}b")) == [2]
    assert levels(alpha.client(f"{tenant}c")) == []


def test_our_own_services_read_every_tenants_events(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1)
    switched(alpha, f"{tenant}b", lamp, 2)
    alpha.events(tenant)
    assert levels(system(alpha), subject=f"lamp/{lamp}") == [1, 2]


def test_our_own_services_may_read_the_feed_and_nothing_else(alpha: ServiceKit) -> None:
    for method, path in (("GET", "/lamps"), ("POST", "/lamps"), ("GET", "/events/inbox")):
        assert system(alpha).call(method, path, json={"name": "x"}).status_code == 403


def user_token(kit: ServiceKit, **claims: Any) -> str:
    """A token of the users' issuer, with whatever it may say."""
    token = kit.issuer.token("agdar", ["integration"])
    made = jwt.decode(token, options={"verify_signature": False}) | claims
    key = (kit.issuer.folder / "issuer.pem").read_text()
    return jwt.encode(made, key, algorithm="RS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})


def test_a_user_can_not_claim_the_role_of_our_own_services(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1)
    alpha.events(tenant)
    claimed = Client(alpha.app, user_token(alpha, tenant=tenant, roles=[SYSTEM]))
    assert claimed.get("/events").status_code == 403
    everything = Client(alpha.app, user_token(alpha, tenant=tenant, roles=[SYSTEM, *sorted(ROLES)]))
    assert levels(everything) == [1], "its other roles count, in its own tenant"


def test_a_user_can_not_claim_every_tenant(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1)
    alpha.events(tenant)
    for claims in ({"tenant": "*"}, {"tenant": "*", "roles": [SYSTEM]}):
        assert Client(alpha.app, user_token(alpha, **claims)).get("/events").status_code == 401


def test_the_users_issuer_can_not_speak_as_the_services_issuer(alpha: ServiceKit) -> None:
    for issuer in ("jalsa-services", ISSUER):
        token = user_token(alpha, iss=issuer, aud=AUDIENCE, tenant="*", roles=[SYSTEM])
        assert Client(alpha.app, token).get("/events").status_code == 401


def test_restricted_aggregates_are_withheld_from_who_may_not_read_them(
    alpha: ServiceKit, tenant: str, lamp: UUID
) -> None:
    with alpha.transaction(tenant) as db:
        switch(db, lamp, 1)
        switch(db, lamp, 2, WIRE_CUT)
    alpha.events(tenant)
    assert levels(alpha.client(tenant, "integration")) == [1]
    assert levels(alpha.client(tenant, "integration"), subject=f"wire/{lamp}") == []
    assert levels(alpha.client(tenant, "manager")) == [1, 2]
    assert levels(system(alpha), subject=f"wire/{lamp}") == [2]


def test_a_subscriber_reads_what_the_token_grants_and_without_a_grant_what_is_not_restricted(
    alpha: ServiceKit, tenant: str, lamp: UUID
) -> None:
    with alpha.transaction(tenant) as db:
        switch(db, lamp, 1)
        switch(db, lamp, 2, WIRE_CUT)
    alpha.events(tenant)

    def granted(events: list[str] | None, *more_roles: str) -> list[int]:
        return levels(alpha.client(tenant, "subscriber", *more_roles, events=events))

    assert granted(None) == [1], "as anybody who may not read what is restricted"
    assert granted(["alpha.lamp"]) == [1]
    assert granted(["alpha.wire"]) == [2]
    assert granted(["alpha.lamp", "alpha.wire"]) == [1, 2]
    for elsewhere in ([], ["beta.lamp"], ["alpha.lam"], ["alpha.lampx"]):
        assert granted(elsewhere) == [], elsewhere
    assert granted([], "manager") == [1, 2], "a grant takes nothing from another role"
    assert granted(["alpha.wire"], "integration") == [1, 2], "and another role takes nothing from a grant"
    assert granted(None, "integration") == [1], "nor does it give what the token does not name"


def test_a_subscriber_reads_nothing_but_the_feed(alpha: ServiceKit, tenant: str) -> None:
    for method, path in (("GET", "/lamps"), ("POST", "/lamps"), ("GET", "/events/inbox")):
        client = alpha.client(tenant, "subscriber", events=["alpha.lamp"])
        assert client.call(method, path, json={"name": "x"}).status_code == 403


@pytest.mark.parametrize("role", sorted(ROLES - {"manager", "integration", "subscriber"}))
def test_other_roles_may_not_read_the_feed(role: str, alpha: ServiceKit, tenant: str) -> None:
    assert alpha.client(tenant, role).get("/events").status_code == 403
