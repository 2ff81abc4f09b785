"""Example requests and answers, made from the schemas: the same ones in every process."""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from jalsa.service.reference import Reference

Json = dict[str, Any]

#: One Monday in Riyadh. 2026-11-23T06:00:00Z is 09:00 there.
_OF_FORMAT = {
    "date-time": "2026-11-23T06:00:00Z",
    "date": "2026-11-23",
    "time": "09:00",
    "email": "sara@example.com",
    "uri": "https://example.com",
}
_OF_TYPE: Json = {"boolean": False, "integer": 1, "number": 1.0, "string": "text", "object": {}, "null": None}
_LOGIN = "noura.desk"
_PREFIX = "#/components/schemas/"


class Examples:
    """The examples of one document, by its schemas and by what the service says of its fields."""

    def __init__(self, schemas: Mapping[str, Any], reference: Reference) -> None:
        self.schemas = schemas
        self.reference = reference

    def request(self, schema: Mapping[str, Any]) -> Any:
        """A request with the required fields alone. What is optional may contradict what else is."""
        return self._of("", "", schema, whole=False)

    def answer(self, schema: Mapping[str, Any]) -> Any:
        """An answer with every field."""
        return self._of("", "", schema, whole=True)

    def value(self, owner: str, name: str, schema: Mapping[str, Any]) -> Any:
        """The value of a parameter of an operation."""
        return self._of(owner, name, schema, whole=True)

    def name_of(self, schema: Mapping[str, Any]) -> str:
        """The name under which the example of a schema stands in the document."""
        if "$ref" in schema:
            return str(schema["$ref"]).removeprefix(_PREFIX)
        if schema.get("type") == "array":
            return self.name_of(schema["items"]) + "List"
        return "Object"

    def _of(self, owner: str, name: str, schema: Mapping[str, Any], *, whole: bool) -> Any:
        given = self.reference.example(owner, name) if name else None
        if given is not None:
            return given
        if whole and _may_be_null(schema):
            return None  # Most of what may be null is null, as where a record was not cancelled.
        if "$ref" in schema:
            owner = self.name_of(schema)
            return self._object(owner, self.schemas[owner], whole=whole)
        if "enum" in schema:
            return schema["enum"][0]
        for choices in ("anyOf", "allOf", "oneOf"):
            if choices in schema:
                return self._of(owner, name, schema[choices][0], whole=whole)
        return self._plain(owner, name, schema, whole=whole)

    def _object(self, owner: str, schema: Mapping[str, Any], *, whole: bool) -> Json:
        properties = schema.get("properties", {})
        shown = properties if whole else [one for one in properties if one in schema.get("required", ())]
        return {one: self._of(owner, one, properties[one], whole=whole) for one in shown}

    def _plain(self, owner: str, name: str, schema: Mapping[str, Any], *, whole: bool) -> Any:
        kinds = schema.get("type", "object")
        kind = kinds if isinstance(kinds, str) else kinds[0]
        if kind == "array":
            item = schema.get("items", {})
            # the singular has its own example, unless the items are records of their own
            one = self._of(owner, "" if "$ref" in item else name.removesuffix("s"), item, whole=whole)
            return [] if one == {} else [one]
        if schema.get("format") == "uuid":
            return _id(owner, name)
        if kind in ("integer", "number"):
            return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
        if name.endswith("_by"):
            return _LOGIN
        return _OF_FORMAT.get(schema.get("format", ""), _OF_TYPE[kind])


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    kinds = [schema.get("type"), *(choice.get("type") for choice in schema.get("anyOf", ()))]
    return any(kind == "null" or (isinstance(kind, list) and "null" in kind) for kind in kinds)


def _id(owner: str, name: str) -> str:
    """The same UUID of version 7 wherever a record of this kind is named."""
    digest = hashlib.sha256((f"{owner}.{name}" if name == "id" else name).encode()).digest()
    made = bytearray(bytes.fromhex("01939f3c7a10") + digest[:10])
    made[6] = 0x70 | made[6] & 0x0F
    made[8] = 0x80 | made[8] & 0x3F
    return str(UUID(bytes=bytes(made)))
