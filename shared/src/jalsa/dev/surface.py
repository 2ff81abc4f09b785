"""Checks of a service's whole HTTP surface."""

from collections.abc import Iterator

from werkzeug.routing import Rule

from jalsa.dev.kit import ServiceKit
from jalsa.service.ids import new_id
from jalsa.service.policy import ROLES, SUBSCRIBER, SYSTEM

#: What no person may ask.
_BETWEEN_SERVICES = {"/v1/events/heads"}


def reads(kit: ServiceKit) -> Iterator[tuple[str, str]]:
    """Every GET below `/v1` of the service's own and the events' routes, as its rule and an address that matches it."""
    for rule in kit.app.url_map.iter_rules():
        of_a_blueprint = "." in rule.endpoint and not rule.endpoint.startswith("system.")
        if "GET" in (rule.methods or ()) and rule.rule.startswith("/v1/") and of_a_blueprint:
            yield rule.rule, _address(rule)


def assert_no_read_takes_an_unknown_parameter(kit: ServiceKit, tenant: str) -> None:
    """A parameter that does not exist is a 422 that names it, and never its value, wherever something is read."""
    person, ours = kit.client(tenant, *ROLES, provider_id=str(new_id())), kit.client(tenant, SYSTEM)
    asked = list(reads(kit))
    assert asked
    for rule, address in asked:
        caller = ours if rule in _BETWEEN_SERVICES else person
        answer = caller.get(address, no_such_filter="a-value-of-it")
        assert answer.status_code == 422, (rule, answer.status_code)
        assert list((answer.json or {})["errors"]) == ["no_such_filter"], rule
        assert "a-value-of-it" not in answer.text, rule


def assert_each_role_is_told_its_permissions(kit: ServiceKit, tenant: str) -> None:
    """`GET /v1/permissions` answers what the policy gives to each role, and nothing to a role that is not known."""
    policy, restricted = kit.service.policy, {f"events.read.{one}" for one in kit.service.restricted}
    for role in [*sorted(ROLES), SYSTEM, "unheard-of"]:
        answer = kit.client(tenant, role).get("/permissions")
        held = {name for name, roles in policy.items() if role in roles}
        withheld = restricted if role == SUBSCRIBER else set()  # these take a grant by name
        assert (answer.status_code, answer.json) == (200, {"permissions": sorted(held - withheld)}), role
    two = kit.client(tenant, "biller", "clinician").get("/permissions").json or {}
    assert set(two["permissions"]) == {name for name, roles in policy.items() if {"biller", "clinician"} & roles}
    assert kit.app.test_client().get("/v1/permissions").status_code == 401


def _address(rule: Rule) -> str:
    address = rule.rule.removeprefix("/v1")
    for name in rule.arguments:
        start, end = address.rindex("<", 0, address.index(f"{name}>")), address.index(f"{name}>") + len(name) + 1
        value = "1" if address[start:end].startswith("<int:") else str(new_id())
        address = address[:start] + value + address[end:]
    return address
