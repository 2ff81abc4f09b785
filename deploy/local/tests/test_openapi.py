"""What every service's OpenAPI document has to say, and the promise to callers as a check."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from marshmallow import Schema

from jalsa.db.transactions import Database
from jalsa.dev.issuer import Issuer
from jalsa.events.contracts import FOLDER
from jalsa.events.json_schema import json_schema
from jalsa.http.app import JalsaApi, create_app, openapi_document
from jalsa.service.policy import AUTHENTICATED, PUBLIC
from jalsa.service.problems import USUAL_CODES
from jalsa_local.contracts import OPENAPI
from jalsa_local.openapi import broken
from jalsa_local.services import load_all

ROOT = Path(__file__).parents[3]
SERVICES = load_all()
DOCUMENTS: dict[str, Any] = {name: json.loads(openapi_document(service)) for name, service in SERVICES.items()}
#: The ends of names that tell a unit, and the word that the description has then.
UNITS = {"_minutes": "minute", "_hours": "hour", "_days": "day", "_seconds": "second", "_percent": "percent"}

each_service = pytest.mark.parametrize("name", list(DOCUMENTS))


def operations(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every operation, with its path's item."""
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                yield item, operation


def described(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Every field and parameter: owner, name, schema, description."""
    for owner, schema in document["components"]["schemas"].items():
        for name, shape in schema.get("properties", {}).items():
            yield owner, name, shape, shape.get("description", "")
    for item, operation in operations(document):
        for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
            if "$ref" not in parameter:
                yield operation["operationId"], parameter["name"], parameter["schema"], parameter.get("description", "")


def parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object inside a document."""
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)


@each_service
def test_the_document_that_is_served_a_second_time_is_the_committed_one(name: str, issuer: Issuer) -> None:
    service = SERVICES[name]
    config = service.config(
        database_url="postgresql://nobody@127.0.0.1:9/none",  # which is never asked
        jwks_url=issuer.jwks_url,
        service_jwks_url=issuer.service_jwks_url,
    )
    client = create_app(service, config, Database(config.database_url)).test_client()
    first, second = client.get("/v1/openapi.json"), client.get("/v1/openapi.json")
    assert second.data == first.data
    assert second.get_json() == json.loads((ROOT / OPENAPI / f"{name}.json").read_text())


@each_service
def test_every_field_is_described_with_its_unit_or_zone(name: str) -> None:
    fields = list(described(DOCUMENTS[name]))
    assert len(fields) > 80
    assert [f"{owner}.{field}" for owner, field, _, words in fields if len(words) < 5] == []
    for owner, field, shape, words in fields:
        if shape.get("format") == "date-time":
            assert "UTC" in words or "instant" in words.lower(), (owner, field)
        for ending, unit in UNITS.items():
            if field.endswith(ending):
                assert unit in words.lower(), (owner, field)


@each_service
def test_no_description_is_left_of_a_field_that_is_gone(name: str) -> None:
    known = {key for owner, field, _, _ in described(DOCUMENTS[name]) for key in (field, f"{owner}.{field}")}
    assert set(SERVICES[name].reference.fields) - known == set()


@each_service
def test_every_operation_says_what_a_caller_needs(name: str) -> None:
    document, policy = DOCUMENTS[name], SERVICES[name].policy
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for _, operation in operations(document):
        assert operation["summary"], operation["operationId"]
        permission = operation["x-permission"]
        assert permission in (PUBLIC, AUTHENTICATED) or operation["x-roles"] == sorted(policy[permission])
        assert {"internal-error", "temporarily-unavailable"} <= set(operation["x-problem-codes"])
        codes = {code for status, answer in operation["responses"].items() if status >= "4" for code in _codes(answer)}
        assert codes == set(operation["x-problem-codes"])
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or "example" in body, operation["operationId"]
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                assert media_type != "application/json" or content["examples"], (operation["operationId"], status)


def _codes(answer: Mapping[str, Any]) -> list[str]:
    return list(answer["content"]["application/problem+json"]["examples"])


@each_service
def test_an_example_request_is_one_that_the_service_accepts(name: str) -> None:
    bodies = _body_schemas(name)
    examples = {
        operation["operationId"]: operation["requestBody"]["content"]["application/json"]["example"]
        for _, operation in operations(DOCUMENTS[name])
        if "requestBody" in operation
    }
    assert set(examples) == set(bodies)
    for operation, example in examples.items():
        assert bodies[operation].validate(example) == {}, operation


def _body_schemas(name: str) -> dict[str, Schema]:
    app = Flask(name, static_folder=None)
    JalsaApi(app, SERVICES[name])
    views = app.view_functions.values()
    return {view.__name__: view.__dict__["body"] for view in views if view.__dict__.get("body") is not None}


@each_service
def test_examples_fit_their_schemas(name: str) -> None:
    document = DOCUMENTS[name]
    for _, operation in operations(document):
        contents = [*operation["responses"].values(), operation.get("requestBody", {})]
        for media in (media for one in contents for media in one.get("content", {}).values()):
            schema = {**media["schema"], "components": document["components"]}
            named = [example["$ref"].split("/")[-1] for example in media.get("examples", {}).values()]
            values = [document["components"]["examples"][one]["value"] for one in named]
            for value in [*values, *([media["example"]] if "example" in media else [])]:
                jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)


@each_service
def test_patterns_are_read_alike_by_python_and_by_ecma_262(name: str) -> None:
    patterns = [part["pattern"] for part in parts(DOCUMENTS[name]) if isinstance(part.get("pattern"), str)]
    assert patterns
    for pattern in patterns:
        assert re.fullmatch(r"\^[^\\]*\$", pattern), pattern


@each_service
def test_answers_say_what_is_always_there_and_may_get_more(name: str) -> None:
    document = DOCUMENTS[name]
    asked = json.dumps([operation.get("requestBody") for _, operation in operations(document)])
    for owner, schema in document["components"]["schemas"].items():
        if owner.endswith(("Answer", "Page")) and f'/{owner}"' not in asked:
            sometimes = {field for field in schema["properties"] if field not in schema["required"]}
            assert sometimes <= {"left_out_clinics"}, owner
            assert "additionalProperties" not in schema, owner


@each_service
def test_states_of_answers_are_listed(name: str) -> None:
    shown = {
        frozenset(part["enum"]) - {None}
        for schema in DOCUMENTS[name]["components"]["schemas"].values()
        for part in parts(schema)
        if "enum" in part
    }
    inner = {"waitlist offer"}  # an answer shows open offers only
    assert {m.name for m in SERVICES[name].machines if frozenset(m.states) not in shown} - inner == set()


@each_service
def test_nothing_in_the_components_is_unused(name: str) -> None:
    document = DOCUMENTS[name]
    text = json.dumps(document)
    for kind, members in document["components"].items():
        if kind != "securitySchemes":
            assert [one for one in members if f'"#/components/{kind}/{one}"' not in text] == []


@each_service
def test_a_problem_is_open_and_names_its_members(name: str) -> None:
    problem = DOCUMENTS[name]["components"]["schemas"]["Problem"]
    assert problem["additionalProperties"] is True
    assert {"blockers", "rule", "overridable", "conflicts", "refusals"} <= set(problem["properties"])
    assert set(problem["required"]) == {"type", "title", "status", "detail", "code"}


def test_a_code_has_one_status_in_every_service() -> None:
    for service in SERVICES.values():
        for code, (status, detail) in service.problems.codes.items():
            assert USUAL_CODES.get(code, (status,))[0] == status
            assert detail.endswith(".")


# Events


def events() -> list[Any]:
    return [event for service in SERVICES.values() for event in service.publishes]


@pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
def test_an_events_schema_is_open_and_takes_its_golden_examples(event: Any) -> None:
    schema = json_schema(event)
    assert schema["$id"] == event.dataschema
    assert event.dataschema.startswith("https://")
    assert not [part for part in parts(schema) if part.get("additionalProperties") is False]
    paths = list((FOLDER / event.name / f"v{event.version}").glob("*.json"))
    assert paths
    for path in paths:
        envelope = json.loads(path.read_text())
        assert envelope["dataschema"] == event.dataschema
        jsonschema.validate({**envelope["data"], "added_later": True}, schema)


# The promise to callers


def changed(path: str, value: Any) -> dict[str, Any]:
    """A small document with one place changed. None takes it away."""
    document = copy.deepcopy(SMALL)
    *parents, last = path.split(" ")
    place: Any = document
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


_LAMP: dict[str, Any] = {
    "type": "object",
    "required": ["id", "state"],
    "properties": {"id": {"type": "string", "format": "uuid"}, "state": {"type": "string", "enum": ["ON", "OFF"]}},
}
_BODY: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 20}, "colour": {"type": "string", "enum": ["RED", "BLUE"]}},
}
SMALL: dict[str, Any] = {
    "paths": {
        "/lamps": {
            "post": {
                "operationId": "create_lamp",
                "x-problem-codes": ["name-taken"],
                "parameters": [{"in": "query", "name": "dry", "schema": {"type": "boolean"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}}}
                },
            }
        }
    },
    "components": {"schemas": {"Lamp": _LAMP, "Body": _BODY}},
}
_POST, _SCHEMAS = "paths /lamps post", "components schemas"


@pytest.mark.parametrize(
    "present",
    [
        changed("paths /more", {"get": {"responses": {}}}),
        changed(f"{_POST} x-problem-codes", ["name-taken", "lamp-broken"]),
        changed(f"{_SCHEMAS} Lamp properties new", {"type": "string"}),
        changed(f"{_SCHEMAS} Lamp properties state enum", ["ON", "OFF", "DIMMED"]),
        changed(f"{_SCHEMAS} Body properties new", {"type": "string"}),
        changed(f"{_SCHEMAS} Body properties name maxLength", 30),
        changed(f"{_SCHEMAS} Body properties colour enum", ["RED", "BLUE", "GREEN"]),
        changed(f"{_SCHEMAS} Body required", []),
    ],
)
def test_what_is_added_or_allowed_is_compatible(present: dict[str, Any]) -> None:
    assert list(broken(SMALL, present)) == []


@pytest.mark.parametrize(
    ("present", "sentence"),
    [
        (changed("paths /lamps", None), "POST /lamps is gone"),
        (changed(f"{_POST} operationId", "make_lamp"), "POST /lamps: the operationId create_lamp is gone"),
        (changed(f"{_POST} x-problem-codes", []), "POST /lamps: the problem code name-taken is gone"),
        (changed(f"{_POST} parameters", []), "POST /lamps: the parameter dry is gone"),
        (changed(f"{_POST} responses", {}), "POST /lamps: the answer 201 application/json is gone"),
        (changed(f"{_SCHEMAS} Lamp properties state", None), "POST /lamps: answer.state is gone"),
        (changed(f"{_SCHEMAS} Lamp required", ["id"]), "POST /lamps: answer.state may now be absent"),
        (changed(f"{_SCHEMAS} Lamp properties id type", ["string", "null"]), "POST /lamps: answer.id may now be null"),
        (changed(f"{_SCHEMAS} Body properties colour", None), "POST /lamps: body.colour is gone"),
        (changed(f"{_SCHEMAS} Body required", ["name", "colour"]), "POST /lamps: body.colour is now required"),
        (changed(f"{_SCHEMAS} Body properties name maxLength", 10), "POST /lamps: body.name has a narrower maxLength"),
        (changed(f"{_SCHEMAS} Body properties name pattern", "^a$"), "POST /lamps: body.name has another pattern"),
        (changed(f"{_SCHEMAS} Body properties colour enum", ["RED"]), "POST /lamps: body.colour takes fewer values"),
        (changed(f"{_SCHEMAS} Body properties name type", "integer"), "POST /lamps: body.name can no longer be string"),
    ],
)
def test_whatever_a_caller_relied_on_is_missed(present: dict[str, Any], sentence: str) -> None:
    assert list(broken(SMALL, present)) == [sentence]
