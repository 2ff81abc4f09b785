"""The OpenAPI document is valid, and what the service answers is what it says, whatever is sent."""

from collections import Counter
from typing import Any

import jsonschema
import pytest
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

from jalsa.auth import PUBLIC
from jalsa.testing.kit import ServiceKit

from .absences import away
from .factories import Desk, at, created

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def document(kit: ServiceKit) -> dict[str, Any]:
    answer = kit.app.test_client().get("/v1/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    return document


def test_the_document_is_valid_openapi_3_1_and_its_schemas_are_json_schema(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_document_describes_every_route_that_asks_for_a_permission(
    kit: ServiceKit, document: dict[str, Any]
) -> None:
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method.upper() in METHODS
    }
    served = set()
    for rule in kit.app.url_map.iter_rules():
        if getattr(kit.app.view_functions[rule.endpoint], "permission", None) != PUBLIC:
            path = rule.rule.replace("<uuid:", "{").replace("<int:", "{").replace("<", "{").replace(">", "}")
            served |= {(method, path) for method in (rule.methods or set()) & METHODS}
    assert served <= described
    assert {path for _, path in described - served} == {
        "/v1/events/schemas/{event}",
        "/v1/providers/{provider_id}/calendar.ics",
    }


def test_whatever_is_sent_is_answered_as_described_and_never_with_a_fault_of_ours(desk: Desk) -> None:
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", desk.centre.kit.app)
    schema.config.update(base_url="http://localhost")  # not behind the gateway
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 30
    answered: Counter[int] = Counter()
    known = known_values(desk)
    headers = {"Authorization": f"Bearer {desk.centre.client().token}"}

    for operation in operations:

        @settings(
            max_examples=8,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), real=st.booleans(), tag=st.sampled_from([None, '"stale"', "*"]))
        def send(case: schemathesis.Case[Any], real: bool, tag: str | None) -> None:
            if real:  # chance alone would never name a record that exists
                for parameters in (case.path_parameters, case.query, case.body):
                    if isinstance(parameters, dict):
                        parameters.update({k: v for k, v in known.items() if k in parameters})
            given_headers = {**headers, **({"If-Match": tag} if tag else {})}
            answered[case.call_and_validate(headers=given_headers, checks=CHECKS).status_code] += 1

        send()
    assert {200, 201, 404, 409, 412, 422} <= set(answered)


def known_values(desk: Desk) -> dict[str, Any]:
    """Values of records that exist, by the names under which requests mention them."""
    participant = desk.create_appointment()
    series = desk.create_series(start_time="18:00", max_capacity=5)
    members = f"/series/{series['id']}/members"
    member = created(desk.centre.post(members, {"patient_id": desk.centre.create_patient()}))
    desk.create_session(starts_at=at(3))
    absence = away(desk, at(3, 8), at(3, 12))
    package = created(desk.centre.post("/packages", desk.package_body(start_date=at(30).date().isoformat())))
    return {
        "package_id": package["id"],
        "session_number": 1,
        "from_session_number": 1,
        "clinic_id": desk.clinic["id"],
        "room_id": desk.room["id"],
        "provider_id": desk.provider["id"],
        "service_type_id": desk.service_type["id"],
        "service_type": desk.service_type["code"],
        "session_id": participant["session"]["id"],
        "participant_id": participant["id"],
        "patient_id": participant["patient_id"],
        "starts_at": desk.place()["starts_at"],
        "clinic_ids": [desk.clinic["id"]],
        "series_id": series["id"],
        "member_id": member["id"],
        "time_off_id": absence["id"],
        "starts_on": desk.series_body()["starts_on"],
        "rrule": "FREQ=WEEKLY;COUNT=2",
        "exceptions": [],
        "event": "AppointmentBooked.v1",
        "kind": "session",
        "record_id": participant["session"]["id"],
        "from": str(at(1).date()),
        "to": str(at(1).date()),
    }
