"""JSON Schemas (2020-12) of events' data, made from the schemas with which the producer writes them.

They allow further fields, which may be added to an event of the same version.
"""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from jalsa.events.contracts import EventType


def json_schema(event: EventType) -> dict[str, Any]:
    """The schema of an event's data, complete in itself."""
    # a name of "" keeps nested schemas inline, so that the document is complete in itself
    plugin = MarshmallowPlugin(schema_name_resolver=lambda _: "")
    APISpec(title="events", version="1", openapi_version="3.1.0", plugins=[plugin])
    assert plugin.converter is not None
    body: dict[str, Any] = plugin.converter.schema2jsonschema(event.schema)  # type: ignore[no-untyped-call]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": event.dataschema,
        "title": f"{event.name}.v{event.version}",
        **body,
    }
