"""Checks that what requests and events are loaded into is what views and handlers say that they take.

Flask calls views and the inbox calls handlers by name, so the type checker does not see that the two agree.
"""

from collections.abc import Iterator
from inspect import Parameter, signature
from typing import get_args, get_origin, get_type_hints

from marshmallow import Schema, fields, missing

from jalsa.dev.kit import ServiceKit
from jalsa.events.data import Data
from jalsa.events.inbox import Received
from jalsa.http import PageArgs, PageOf
from jalsa.service.commands import Loaded
from jalsa.service.declaration import Service


def assert_what_is_loaded_fits(kit: ServiceKit) -> None:
    """Every schema with an `into` makes what its view or handler is annotated with, and leaves none of it out."""
    views, handlers = list(_of_views(kit)), list(_of_handlers(kit.service))
    assert views or handlers
    wrong = [f"{who} takes {taken}" for schema, who, taken in views if _parts(taken) != _made_by(schema)]
    wrong += [f"{event} is handled as {taken}" for event, read, taken in handlers if _parts(taken) != (Received, read)]
    for schema, _, _ in views:
        wrong += misfits(schema)
    assert not wrong, wrong


def misfits(schema: Schema) -> Iterator[str]:
    """Where the fields of a schema, or of one inside it, are not those of what they are loaded `into`."""
    loaded = {field.attribute or name: field for name, field in schema.load_fields.items()}
    if isinstance(schema, PageArgs):
        del loaded["limit"], loaded["cursor"]
    if isinstance(schema, Loaded) and schema.into is not None:
        taken = signature(schema.into).parameters
        needed = {name for name, parameter in taken.items() if parameter.default is Parameter.empty}
        always = {name for name, field in loaded.items() if field.required or field.load_default is not missing}
        for name in sorted(loaded.keys() - taken.keys()):
            yield f"{type(schema).__name__} has {name}, which {schema.into.__name__} has not"
        for name in sorted(needed - always):
            yield f"{type(schema).__name__} may leave out {name}, which {schema.into.__name__} needs"
    for field in loaded.values():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from misfits(inner.schema)


def _of_views(kit: ServiceKit) -> Iterator[tuple[Loaded, str, object]]:
    for endpoint, view in kit.app.view_functions.items():
        schemas = [getattr(view, name, None) for name in ("body", "query")]
        hints = list(get_type_hints(view).values())
        for schema, taken in zip(filter(None, schemas), hints, strict=False):
            if isinstance(schema, Loaded) and schema.into is not None:
                yield schema, endpoint, taken


def _of_handlers(service: Service) -> Iterator[tuple[str, type[Data], object]]:
    for stream in service.streams:
        for event, read in stream.reads.items():
            if read is not Data:  # of which a handler looks at nothing
                yield event, read, get_type_hints(service.handlers[f"{stream.service}.{event}"])["event"]


def _made_by(schema: Loaded) -> tuple[object, ...]:
    """What a schema makes, as `_parts` of the annotation of whoever takes it."""
    return (PageOf, schema.into) if isinstance(schema, PageArgs) else (schema.into,)


def _parts(annotation: object) -> tuple[object, ...]:
    origin = get_origin(annotation)
    return (origin, *get_args(annotation)) if origin else (annotation,)
