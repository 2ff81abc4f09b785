"""The event catalogue. It has every event with who publishes it, who reads it, its fields and an example."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from jalsa.events.contracts import FOLDER, EventType
from jalsa.events.json_schema import json_schema
from jalsa.service.declaration import Service
from jalsa_local.pages.markdown import code, table

_HEAD = """\
# Event catalogue

Every event that Jalsa publishes, by subject. What holds for all of them (delivery, order, compatibility, how to
subscribe) is in [README.md](README.md). An event leads to its fields and an example; the JSON Schemas are in
[schemas/](schemas/).

"Read by" names our own services that do something on the event. Outside systems read whatever they are granted.
"""
_PAGE_HEAD = """\
# Events of {service}

The fields are those of `data`; [README.md](README.md) describes the envelope around it. Instants are RFC 3339 with
offset, and ids are UUIDs unless the description says otherwise. A field that is "always" there may still be null
where its type says so.
"""


def pages(services: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """The catalogue, and a page for each service. Raises ValueError for an event or a field without a description."""
    publishing = [service for service in services.values() if service.publishes]
    rows = [
        (
            f"`{event.aggregate}/…`",
            f"[{event.name}]({service.name}.md#{_anchor(event)})",
            event.summary,
            service.name,
            ", ".join(_readers(services, event)),
        )
        for service in publishing
        for event in _in_order(service)
    ]
    head = ("subject", "event", "what has happened", "published by", "read by")
    yield "docs/events/catalogue.md", f"{_HEAD}\n{table(head, rows)}"
    for service in publishing:
        parts = (_section(services, event) for event in _in_order(service))
        yield f"docs/events/{service.name}.md", "\n".join([_PAGE_HEAD.format(service=service.name), *parts])


def _in_order(service: Service) -> list[EventType]:
    """The events of a subject together, in the order in which they are declared."""
    subjects = list(dict.fromkeys(event.aggregate for event in service.publishes))
    return sorted(service.publishes, key=lambda event: subjects.index(event.aggregate))


def _anchor(event: EventType) -> str:
    return f"{event.name}v{event.version}".lower()


def _readers(services: Mapping[str, Service], event: EventType) -> list[str]:
    return [
        service.name
        for service in services.values()
        for stream in service.streams
        if (stream.service, stream.aggregate) == (event.service, event.aggregate)
        and f"{event.name}.v{event.version}" in stream.reads
    ]


def _section(services: Mapping[str, Service], event: EventType) -> str:
    name = f"{event.name}.v{event.version}"
    readers = ", ".join(_readers(services, event)) or "none of our own services"
    facts = [
        ("type", f"`{event.type}`"),
        ("subject", f"`{event.aggregate}/<id>`"),
        ("routing key", f"`<tenant>.{event.service}.{event.aggregate}.{name}`"),
        ("read by", readers),
    ]
    return "\n".join(
        [
            f"## {name}\n\n{_description(event)}\n",
            table(("", ""), facts),
            table(("field", "type", "there", "description"), _fields(name, json_schema(event))),
            *_examples(event),
        ]
    )


def _description(event: EventType) -> str:
    if not event.summary:
        raise ValueError(f"{event.name} has no description: its data needs a docstring.")
    first, _, rest = (event.data.__doc__ or "").partition("\n")
    return f"{first}\n{dedent(rest).rstrip()}".rstrip()


def _fields(event: str, schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        here = f"{path}{name}"
        if not field.get("description"):
            raise ValueError(f"{event}: the field {here} has no description.")
        yield f"`{here}`", _type(field), "always" if name in required else "sometimes", field["description"]
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _fields(event, inner, f"{here}[]." if "items" in field else f"{here}.")


def _type(field: Mapping[str, Any]) -> str:
    kinds = field.get("type", "any")
    names = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(names)
    if "items" in field:
        text += f" of {_type(field['items'])}"
    if "enum" in field:
        return f"{text}: {code(map(str, field['enum']))}"
    return f"{text} ({field['format']})" if "format" in field else text


def _examples(event: EventType) -> Iterator[str]:
    folder = FOLDER / event.name / f"v{event.version}"
    first, *more = sorted(folder.glob("*.json"), key=lambda path: (path.stem != "default", path.name))
    yield f"Example ([{first.name}]({_link(first)})):\n\n```json\n{first.read_text().rstrip()}\n```\n"
    if more:
        yield f"More examples: {', '.join(f'[{path.name}]({_link(path)})' for path in more)}.\n"


def _link(example: Path) -> str:
    return f"../../shared/contracts/{example.relative_to(FOLDER)}"
