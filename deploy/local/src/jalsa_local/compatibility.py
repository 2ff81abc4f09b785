"""The promise to subscribers, as a check of what an event's schema may do from one release to the next."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def breaks(released: Schema, present: Schema, path: str = "data") -> Iterator[str]:
    """What a reader of the released schema can no longer rely on, a sentence each. A compatible change has none."""
    old_types, new_types = _types(released), _types(present)
    if not new_types <= old_types:
        yield f"{path} may now be {', '.join(sorted(new_types - old_types))}"
    for keyword in ("format", "const", "enum"):
        if keyword in released and released.get(keyword) != present.get(keyword):
            yield f"{path} has another {keyword}"
    yield from _broken_members(released, present, path)
    if "items" in released:
        yield from breaks(released["items"], present.get("items", {}), f"{path}[]")


def _broken_members(released: Schema, present: Schema, path: str) -> Iterator[str]:
    properties = present.get("properties", {})
    for name, schema in released.get("properties", {}).items():
        if name not in properties:
            yield f"{path}.{name} is gone"
            continue
        if name in released.get("required", ()) and name not in present.get("required", ()):
            yield f"{path}.{name} may now be absent"
        yield from breaks(schema, properties[name], f"{path}.{name}")


def _types(schema: Schema) -> set[str]:
    if "anyOf" in schema:
        return {name for choice in schema["anyOf"] for name in _types(choice)}
    declared = schema.get("type", [])
    return {declared} if isinstance(declared, str) else set(declared)
