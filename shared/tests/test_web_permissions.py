"""`GET /v1/permissions`: the caller's permissions, as the service's policy and the token's grants have them."""

import pytest

from jalsa.dev.kit import ServiceKit
from jalsa.dev.surface import assert_each_role_is_told_its_permissions

from .lamps import ALPHA


def test_each_role_is_told_its_permissions(alpha: ServiceKit, tenant: str) -> None:
    assert_each_role_is_told_its_permissions(alpha, tenant)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (None, False),
        (["alpha.lamp"], False),
        (["beta.wire"], False),
        (["alpha.wire"], True),
    ],
)
def test_a_subscriber_is_told_of_restricted_events_that_the_token_grants_by_name(
    alpha: ServiceKit, tenant: str, events: list[str] | None, told: bool
) -> None:
    assert "events.read.wire" in ALPHA.policy
    held = alpha.client(tenant, "subscriber", events=events).get("/permissions").get_json()["permissions"]
    assert ("events.read" in held, "events.read.wire" in held) == (True, told)


def test_it_is_documented_for_every_caller_with_a_token(alpha: ServiceKit) -> None:
    document = alpha.app.test_client().get("/v1/openapi.json").get_json()
    operation = document["paths"]["/v1/permissions"]["get"]
    assert "security" not in operation, "the document's own security holds: a bearer token"
    assert document["components"]["schemas"]["PermissionsAnswer"]["properties"]["permissions"]["description"]
