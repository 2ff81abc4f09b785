"""The OpenAPI document is what flask-smorest makes of the views, completed by what a program and a reader still need.

Nothing here changes what a service does. The document of one process is made once, and is the same at every call.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from jalsa.http.examples import Examples
from jalsa.service.policy import PUBLIC, Policy
from jalsa.service.problems import USUAL_CODES
from jalsa.service.reference import COMMON, Reference

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
HEADERS: Json = {
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "The same request with the same key is done once, and answered as at the first time",
        "schema": {"type": "string", "pattern": "^[ -~]{1,200}$"},
    },
    "IfMatch": {
        "in": "header",
        "name": "If-Match",
        "required": True,
        "description": "The ETag of the record as it was read: 428 without it, 412 if it has changed since",
        "schema": {"type": "string"},
    },
}
_HEADER_OF = {"post": "IdempotencyKey", "patch": "IfMatch", "delete": "IfMatch"}
#: The unit of a number, by the end of its name.
_UNITS = {"_minutes": "minutes", "_hours": "hours", "_days": "days", "_seconds": "seconds", "_percent": "percent"}
_UNITS |= {"_percentage": "percent"}
_PREFIX = "#/components/schemas/"
_PROBLEM_MEMBERS = ("type", "title", "status", "detail", "code")


@dataclass(frozen=True)
class Operation:
    """One operation of the document, with the view that serves it."""

    path: str
    method: str
    view: Callable[..., Any]
    item: Json
    document: Json

    @property
    def id(self) -> str:
        """The operationId: the name of the view."""
        return self.view.__name__

    @property
    def permission(self) -> str | None:
        """The permission that the view names. Without one nobody is let in."""
        permission: str | None = self.view.__dict__.get("permission")
        return permission

    @property
    def parameters(self) -> list[Json]:
        """The parameters of the operation and of its path, without those that stand for themselves."""
        both = [*self.item.get("parameters", ()), *self.document.get("parameters", ())]
        return [one for one in both if "$ref" not in one]


class Document:
    """The document of one service, made from the one of flask-smorest."""

    def __init__(
        self,
        draft: Mapping[str, Any],
        views: Mapping[tuple[str, str], Callable[..., Any]],
        reference: Reference,
        policy: Policy,
        codes: Mapping[str, tuple[int, str]],
    ) -> None:
        self.json: Json = copy.deepcopy(dict(draft))  # apispec hands out dictionaries of its own
        self.views = views
        self.reference = reference
        self.policy = policy
        self.codes = {**codes, **USUAL_CODES}

    def complete(self) -> Json:
        """The whole document. Raises ValueError for an operationId used twice, and an unknown operation or code."""
        self._name()
        self._say_what_is_always_there()
        self._describe()
        for operation in self.operations:
            self._complete_operation(operation)
        self._add_examples()
        self._drop_what_is_unused()
        return self.json

    @cached_property
    def operations(self) -> list[Operation]:
        """Every operation."""
        found = [
            Operation(path, method, self.views[method.upper(), path], item, item[method])
            for path, item in self.json["paths"].items()
            for method in METHODS
            if method in item
        ]
        names = [operation.id for operation in found]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"Several operations have the operationId {', '.join(sorted(twice))}.")
        if unknown := {*self.reference.problems, *self.reference.bodies} - {*names}:
            raise ValueError(f"There is no operation {', '.join(sorted(unknown))}.")
        return found

    @property
    def _components(self) -> Json:
        components: Json = self.json["components"]
        return components

    @property
    def _schemas(self) -> Json:
        schemas: Json = self._components["schemas"]
        return schemas

    def _name(self) -> None:
        self.json["info"] |= {
            "description": self.reference.description or self.json["info"]["title"],
            "license": LICENSE,
            "contact": {"name": "Jalsa"},
        }
        self._components["parameters"] = copy.deepcopy(HEADERS)

    def _say_what_is_always_there(self) -> None:
        """Every field of an answer is there, unless it says that it may be absent, and an answer may get more fields.

        A schema that is also a request's keeps the rule of the request.
        """
        asked = self._reached(operation.document.get("requestBody") for operation in self.operations)
        answered = self._reached(operation.document["responses"] for operation in self.operations)
        for name in (answered | {"Problem"}) - asked:
            schema = self._schemas[name]
            properties = schema.get("properties", {})
            required = [one for one, shape in properties.items() if not shape.pop("x-may-be-absent", False)]
            if name != "Problem":  # which says so itself
                schema.pop("additionalProperties", None)
            if required:
                schema["required"] = required

    def _describe(self) -> None:
        for name, schema in self._schemas.items():
            for field, shape in schema.get("properties", {}).items():
                if words := shape.get("description") or self.reference.describe(name, field):
                    shape["description"] = _with_unit(words, field, shape)
        for operation in self.operations:
            for parameter in operation.parameters:
                name = parameter["name"]
                if words := parameter.get("description") or self.reference.describe(operation.id, name):
                    parameter["description"] = _with_unit(words, name, parameter["schema"])

    def _complete_operation(self, operation: Operation) -> None:
        document = operation.document
        document["operationId"] = operation.id
        document["description"] = "\n\n".join(self._paragraphs(operation))
        document["x-permission"] = operation.permission
        if operation.permission != PUBLIC:
            document["x-roles"] = self._roles(operation)
        header = _HEADER_OF.get(operation.method)
        if header and document.get("x-answer-kept", True):
            document.setdefault("parameters", []).append({"$ref": f"#/components/parameters/{header}"})
        answers = {status: one for status, one in document["responses"].items() if status[:1] in ("2", "3")}
        for status, one in answers.items():
            one["description"] = HTTPStatus(int(status)).phrase
        problems = self._problems(operation)
        document["x-problem-codes"] = [code for codes in problems.values() for code in codes]
        document["responses"] = answers | {
            str(status): self._refusal(status, codes) for status, codes in sorted(problems.items())
        }

    def _paragraphs(self, operation: Operation) -> Iterator[str]:
        yield operation.document.get("description") or operation.document.get("summary", operation.id)
        if operation.permission == PUBLIC:
            yield "No token is needed."
        else:
            roles = ", ".join(self._roles(operation)) or "none"
            yield f"Permission: `{operation.permission}`. Roles that have it: {roles}."

    def _roles(self, operation: Operation) -> list[str]:
        return sorted(self.policy.get(operation.permission or "", ()))

    def _problems(self, operation: Operation) -> dict[int, list[str]]:
        codes = [*_usual_codes(operation), *COMMON.problems.get(operation.id, ())]
        codes += self.reference.problems.get(operation.id, ())
        by_status: dict[int, list[str]] = {}
        for code in dict.fromkeys(codes):
            if code not in self.codes:
                raise ValueError(f"{operation.id} names the problem code {code}, which is described nowhere.")
            by_status.setdefault(self.codes[code][0], []).append(code)
        return by_status

    def _refusal(self, status: int, codes: list[str]) -> Json:
        named = ", ".join(f"`{code}`" for code in codes)
        examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
        content = {"schema": {"$ref": f"{_PREFIX}Problem"}, "examples": examples}
        return {
            "description": f"{HTTPStatus(status).phrase}: {named}",
            "content": {"application/problem+json": content},
        }

    def _add_examples(self) -> None:
        examples = Examples(self._schemas, self.reference)
        made: Json = {}
        for operation in self.operations:
            for parameter in operation.parameters:
                if parameter.get("required"):
                    parameter["example"] = examples.value(operation.id, parameter["name"], parameter["schema"])
            body = operation.document.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                body["example"] = self.reference.bodies.get(operation.id) or examples.request(body["schema"])
            for status, answer in operation.document["responses"].items():
                for media_type, content in answer.get("content", {}).items():
                    if status[0] == "2" and media_type == "application/json":
                        name = examples.name_of(content["schema"])
                        made[name] = {"value": examples.answer(content["schema"])}
                        content["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}
        for code, (status, detail) in self.codes.items():
            made[code] = {"value": _problem(status, code, detail)}
        self._components["examples"] = made

    def _drop_what_is_unused(self) -> None:
        self._components.pop("responses", None)
        kept = self._reached(self.json["paths"].values())
        self._components["schemas"] = {name: one for name, one in self._schemas.items() if name in kept}
        for kind in ("examples", "parameters"):
            used = set(_references([*self.json["paths"].values()], f"#/components/{kind}/"))
            self._components[kind] = {name: one for name, one in self._components[kind].items() if name in used}

    def _reached(self, parts: Any) -> set[str]:
        """The schemas that parts of the document refer to, and those inside them."""
        waiting = list(_references(list(parts), _PREFIX))
        reached: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += _references(self._schemas[name], _PREFIX)
        return reached


def _with_unit(words: str, name: str, shape: Mapping[str, Any]) -> str:
    """A description with the unit or the zone of its value, which follows from the field's name or format."""
    if shape.get("format") == "date-time" and "UTC" not in words:
        return f"{words}. An RFC 3339 instant: answered in UTC, taken with any offset"
    for ending, unit in _UNITS.items():
        if name.endswith(ending) and unit not in words.lower():
            return f"{words} (in {unit})"
    return words


def path_of(rule: str) -> str:
    """A rule of Flask as OpenAPI writes it. `/notes/<uuid:note_id>` is `/notes/{note_id}`."""
    return re.sub(r"<(?:[^<>:]*:)?([^<>]*)>", r"{\1}", rule)


def _usual_codes(operation: Operation) -> Iterator[str]:
    """The codes that follow from what an operation takes."""
    method, document = operation.method, operation.document
    kept = document.get("x-answer-kept", True)
    if "requestBody" in document:
        yield "malformed-request"
    if operation.permission != PUBLIC:
        yield from ("unauthenticated", "forbidden")
    if "{" in operation.path:
        yield "not-found"
    if method in ("post", "put", "patch", "delete"):
        yield "conflict"
    if "limit" not in {parameter["name"] for parameter in operation.parameters}:
        yield "precondition-failed"  # If-Match is honoured wherever it is given, but for lists
    if method in ("post", "put", "patch"):
        yield from ("request-entity-too-large", "unsupported-media-type")
    yield "validation-error"
    if method == "post" and kept:
        yield "idempotency-key-reused"
    if method in ("patch", "delete"):
        yield "precondition-required"
    yield from ("internal-error", "temporarily-unavailable")


def _problem(status: int, code: str, detail: str) -> Json:
    title = code.replace("-", " ").capitalize()
    return dict(zip(_PROBLEM_MEMBERS, (f"urn:jalsa:problem:{code}", title, status, detail, code), strict=True))


def _references(part: Any, prefix: str) -> Iterator[str]:
    """The names of the components of a kind to which a part of the document refers."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str) and value.startswith(prefix):
                yield value.removeprefix(prefix)
            else:
                yield from _references(value, prefix)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value, prefix)
