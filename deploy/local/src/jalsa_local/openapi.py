"""The promise to callers over HTTP, as a check of what an OpenAPI document may change from one release to the next.

Paths, fields, parameters and problem codes are only added. A request that was accepted stays accepted, and an answer
keeps what was always in it. The enumerations of answers may grow, so a caller must expect a state that it does not
know.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jalsa_local.compatibility import breaks

Json = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_LIMITS = {"minimum": 1, "minLength": 1, "minItems": 1, "maximum": -1, "maxLength": -1, "maxItems": -1}


def broken(released: Json, present: Json) -> Iterator[str]:
    """What a caller of the released document can no longer rely on, a sentence each."""
    for path, item in released["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = present["paths"].get(path, {}).get(method)
                name = f"{method.upper()} {path}"
                if operation is None:
                    yield f"{name} is gone"
                    continue
                old = _Operation(released, item, item[method])
                new = _Operation(present, present["paths"][path], operation)
                yield from (f"{name}: {sentence}" for sentence in _broken_operation(old, new))


class _Operation:
    """An operation with every reference resolved."""

    def __init__(self, document: Json, item: Json, operation: Json) -> None:
        whole = _resolved(operation, document["components"])
        shared = _resolved(item.get("parameters", []), document["components"])
        self.id = whole.get("operationId")
        self.codes = set(whole.get("x-problem-codes", ()))
        self.parameters = {(one["in"], one["name"]): one for one in [*shared, *whole.get("parameters", [])]}
        self.body = _content(whole.get("requestBody", {})).get("application/json")
        self.answers = {
            (status, media_type): schema
            for status, answer in whole["responses"].items()
            if status.startswith("2")
            for media_type, schema in (_content(answer) or {"": {}}).items()
        }


def _broken_operation(old: _Operation, new: _Operation) -> Iterator[str]:
    if old.id and old.id != new.id:
        yield f"the operationId {old.id} is gone"
    for code in sorted(old.codes - new.codes):
        yield f"the problem code {code} is gone"
    for place, parameter in old.parameters.items():
        if place not in new.parameters:
            yield f"the parameter {place[1]} is gone"
        else:
            yield from _narrower(parameter["schema"], new.parameters[place]["schema"], place[1])
    for place, parameter in new.parameters.items():
        if parameter.get("required") and not old.parameters.get(place, {}).get("required"):
            yield f"the parameter {place[1]} is now required"
    if new.body is not None:
        yield from _narrower(old.body or {"type": "object"}, new.body, "body")
    for place, schema in old.answers.items():
        if not place[1] and any(status == place[0] for status, _ in new.answers):
            continue  # it was answered without a word of what is in it
        if place not in new.answers:
            yield f"the answer {' '.join(place).strip()} is gone"
        else:
            yield from breaks(_growing(schema, new.answers[place]), new.answers[place], "answer")


def _narrower(old: Json, new: Json, path: str) -> Iterator[str]:
    """What was accepted and no longer is."""
    if not _types(old) <= _types(new):
        yield f"{path} can no longer be {', '.join(sorted(_types(old) - _types(new)))}"
    if "enum" in new and not set(old.get("enum", ("anything",))) <= set(new["enum"]):
        yield f"{path} takes fewer values"
    for keyword, sign in _LIMITS.items():
        if keyword in new and (keyword not in old or sign * new[keyword] > sign * old[keyword]):
            yield f"{path} has a narrower {keyword}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{path} has another pattern"
    for name in new.get("required", ()):
        if name not in old.get("required", ()):
            yield f"{path}.{name} is now required"
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{path}.{name} is gone"
        else:
            yield from _narrower(schema, new["properties"][name], f"{path}.{name}")
    if "items" in old:
        yield from _narrower(old["items"], new.get("items", {}), f"{path}[]")


def _growing(released: Any, present: Any) -> Any:
    """The released schema with those enumerations of the present one that have only grown."""
    if isinstance(released, Mapping) and isinstance(present, Mapping):
        merged = {key: _growing(value, present.get(key)) for key, value in released.items()}
        if "enum" in released and set(released["enum"]) <= set(present.get("enum", released["enum"])):
            merged.pop("enum")
        return merged
    return released


def _types(schema: Json) -> set[str]:
    if "anyOf" in schema:
        return {name for choice in schema["anyOf"] for name in _types(choice)}
    declared = schema.get("type", ["string", "integer", "number", "boolean", "object", "array", "null"])
    return {declared} if isinstance(declared, str) else set(declared)


def _content(part: Json) -> dict[str, Any]:
    return {media_type: one.get("schema", {}) for media_type, one in part.get("content", {}).items()}


def _resolved(part: Any, components: Json) -> Any:
    if isinstance(part, Mapping):
        if "$ref" in part:
            kind, name = part["$ref"].removeprefix("#/components/").split("/")
            return _resolved(components[kind][name], components)
        return {key: _resolved(value, components) for key, value in part.items() if key not in ("example", "examples")}
    return [_resolved(one, components) for one in part] if isinstance(part, list) else part
