"""Whether a service answers as its OpenAPI document says, whatever is sent to it."""

from collections import Counter
from typing import Any

import jsonschema
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from jalsa.dev.kit import Client, ServiceKit
from jalsa.http.openapi import path_of
from jalsa.service.json_types import JsonMapping
from jalsa.service.policy import PUBLIC

_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def check_document(kit: ServiceKit, *public: str) -> None:
    """Raise unless the OpenAPI document that a service serves is right.

    It is valid OpenAPI 3.1, each of its schemas is valid JSON Schema, and it describes every route that asks for a
    permission, and beside them no others than the events' schemas and the paths given as `public`.
    """
    answer = kit.app.test_client().get("/v1/openapi.json")
    assert answer.status_code == 200
    document = answer.get_json()
    assert document["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    described, served = _described_operations(document), _served_operations(kit)
    assert served <= described, served - described
    assert {path for _, path in described - served} == {"/v1/events/schemas/{event}", *public}


def _described_operations(document: JsonMapping) -> set[tuple[str, str]]:
    """Method and path of every operation in the document."""
    return {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method.upper() in _METHODS
    }


def _served_operations(kit: ServiceKit) -> set[tuple[str, str]]:
    """Method and path, as OpenAPI writes it, of every route that asks for a permission.

    The addresses of an earlier system are no part of the API.
    """
    served = set()
    old = {routes.name for routes in kit.service.old_routes}
    for rule in kit.app.url_map.iter_rules():
        if (
            rule.endpoint.split(".")[0] not in old
            and getattr(kit.app.view_functions[rule.endpoint], "permission", None) != PUBLIC
        ):
            path = path_of(rule.rule)
            served |= {(method, path) for method in (rule.methods or set()) & _METHODS}
    return served


def send_anything(client: Client, known: JsonMapping, *, examples: int = 8) -> Counter[int]:
    """Send generated requests to every operation and check each answer against the document.

    `known` are values of records that exist, by the names under which requests mention them, because chance alone would
    never name one. Each operation gets `examples` requests, the same in every run. Returns how often each status was
    answered. Raises where an answer is a server error or differs from the document.
    """
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", client.app)
    schema.config.update(base_url="http://localhost")  # not behind the gateway
    headers = {"Authorization": f"Bearer {client.token}"}
    answered: Counter[int] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), real=st.booleans(), tag=st.sampled_from([None, '"stale"', "*"]))
        def send(case: schemathesis.Case[Any], real: bool, tag: str | None) -> None:
            if real:
                for parameters in (case.path_parameters, case.query, case.body):
                    if isinstance(parameters, dict):
                        parameters.update({name: value for name, value in known.items() if name in parameters})
            given_headers = {**headers, **({"If-Match": tag} if tag else {})}
            answered[case.call_and_validate(headers=given_headers, checks=_CHECKS).status_code] += 1

        send()
    return answered
