"""Documents made from what the services declare: the bus's topology, a JSON Schema per event, AsyncAPI, OpenAPI."""

import json
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from jalsa.events import topology
from jalsa.events.contracts import EXCHANGE, FOLDER, EventType
from jalsa.events.envelope import CONTENT_TYPE
from jalsa.events.json_schema import json_schema
from jalsa.http.app import openapi_document
from jalsa.service.declaration import Service
from jalsa_local import generated, openapi
from jalsa_local.compatibility import breaks
from jalsa_local.services import load_all

#: The schemas and the OpenAPI documents as the last release had them.
RELEASED = Path("docs/events/released")
OPENAPI, OPENAPI_RELEASED = Path("docs/openapi"), Path("docs/openapi/released")
#: What a decision allows to be broken all the same, until the next release.
AMENDED = Path("docs/openapi/amended.txt")
_NOTHING_AMENDED = """\
# What is broken of the promise of the last release on purpose: a pattern a line, of what `jalsa contracts check` tells.
# Each has an entry in CHANGELOG.md and a decision in docs/adr/. A release empties this list.
"""


def differing(root: Path) -> list[Path]:
    """The committed files that are not as the code would write them, or should not be there, relative to `root`."""
    return generated.differing(root, _wanted(load_all()), _present(root))


def broken(root: Path) -> list[str]:
    """What is broken of the promise to subscribers and callers of the last release, a sentence each.

    What a decision has amended is left out. A line of that list that amends nothing is told as well.
    """
    lines = (root / AMENDED).read_text("utf-8").splitlines()
    amended = [line for line in lines if line and not line.startswith("#")]
    found = _broken(root)
    unused = [line for line in amended if not any(fnmatchcase(sentence, line) for sentence in found)]
    left = [sentence for sentence in found if not any(fnmatchcase(sentence, line) for line in amended)]
    return left + [f"{AMENDED}: nothing is broken as this says: {line}" for line in unused]


def _broken(root: Path) -> list[str]:
    found = []
    for released in sorted((root / RELEASED).glob("*.json")):
        present = root / "docs/events/schemas" / released.name
        if not present.exists():
            found.append(f"{released.stem}: the event is gone")
            continue
        sentences = breaks(json.loads(released.read_text()), json.loads(present.read_text()))
        found += [f"{released.stem}: {sentence}" for sentence in sentences]
    for released in sorted((root / OPENAPI_RELEASED).glob("*.json")):
        present = root / OPENAPI / released.name
        if not present.exists():
            found.append(f"{released.stem}: the service is gone")
            continue
        sentences = openapi.broken(json.loads(released.read_text()), json.loads(present.read_text()))
        found += [f"{released.stem}: {sentence}" for sentence in sentences]
    return found


def release(root: Path) -> None:
    """Take the present schemas and OpenAPI documents as those of the last release."""
    shutil.rmtree(root / RELEASED, ignore_errors=True)
    shutil.copytree(root / "docs/events/schemas", root / RELEASED)
    shutil.rmtree(root / OPENAPI_RELEASED, ignore_errors=True)
    shutil.copytree(root / OPENAPI, root / OPENAPI_RELEASED, ignore=shutil.ignore_patterns("*.txt", "released"))
    (root / AMENDED).write_text(_NOTHING_AMENDED, "utf-8")


def write(root: Path) -> list[Path]:
    """Write those that differ, and return their paths below `root`."""
    return generated.write(root, _wanted(load_all()), _present(root))


def _present(root: Path) -> set[Path]:
    folders = (Path("docs/events/schemas"), OPENAPI)
    return {path.relative_to(root) for folder in folders for path in (root / folder).glob("*.json")}


def _wanted(services: dict[str, Service]) -> dict[Path, str]:
    bus = topology.of(
        {name: service.streams for name, service in services.items()},
        {name: service.former_streams for name, service in services.items()},
        {f"{name}.{aggregate}": to for name, service in services.items() for aggregate, to in service.withheld.items()},
    )
    files = {Path("shared/contracts/topology.json"): bus.as_json()}
    for service in services.values():
        for event in service.publishes:
            path = Path(f"docs/events/schemas/{event.name}.v{event.version}.json")
            files[path] = json.dumps(json_schema(event), indent=2, ensure_ascii=False) + "\n"
        document = json.loads(openapi_document(service))
        files[OPENAPI / f"{service.name}.json"] = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    files[Path("docs/events/asyncapi.yaml")] = yaml.safe_dump(
        _asyncapi(services), sort_keys=False, allow_unicode=True, width=120
    )
    return files


def _asyncapi(services: dict[str, Service]) -> dict[str, Any]:
    events = [event for service in services.values() for event in service.publishes]
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Jalsa events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0, structured JSON, one durable topic exchange. See docs/events/README.md.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"bus": {"host": "rabbitmq:5672", "protocol": "amqp"}},
        "channels": {_key(event): _channel(event) for event in events},
        "operations": _operations(services),
        "components": {"messages": {_key(event): _message(event) for event in events}, "schemas": _envelope_schema()},
    }


def _key(event: EventType) -> str:
    return f"{event.name}.v{event.version}".replace(".", "-")


def _channel(event: EventType) -> dict[str, Any]:
    return {
        "address": f"{{tenant}}.{event.service}.{event.aggregate}.{event.name}.v{event.version}",
        "parameters": {"tenant": {"description": "The tenant's slug"}},
        "messages": {_key(event): {"$ref": f"#/components/messages/{_key(event)}"}},
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "vhost": "/"}}
        },
    }


def _operations(services: dict[str, Service]) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for service in services.values():
        for event in service.publishes:
            operations[f"{service.name}-sends-{_key(event)}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{_key(event)}"},
            }
    published = {(e.service, f"{e.name}.v{e.version}"): e for s in services.values() for e in s.publishes}
    for service in services.values():
        for stream in service.streams:
            for name in stream.reads:
                key = _key(published[stream.service, name])
                operations[f"{service.name}-receives-{key}"] = {
                    "action": "receive",
                    "channel": {"$ref": f"#/channels/{key}"},
                }
    return operations


def _message(event: EventType) -> dict[str, Any]:
    data = {key: value for key, value in json_schema(event).items() if not key.startswith("$")}
    return {
        "name": event.type,
        "title": event.name,
        "contentType": CONTENT_TYPE,
        "examples": [
            {"name": path.stem, "payload": json.loads(path.read_text())}
            for path in sorted((FOLDER / event.name / f"v{event.version}").glob("*.json"))
        ],
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": event.type},
                        "source": {"const": f"/jalsa/{event.service}"},
                        "subject": {"type": "string", "pattern": f"^{event.aggregate}/"},
                        "data": data,
                    },
                },
            ]
        },
    }


def _envelope_schema() -> dict[str, Any]:
    string = {"type": "string"}
    attributes: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid"},
        "source": string,
        "type": string,
        "subject": string,
        "time": {"type": "string", "format": "date-time"},
        "tenantid": string,
        "sequence": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "1, 2, 3 … per subject, no gaps"},
        "sequencetype": {"const": "Integer"},
        "position": {
            "type": "string",
            "pattern": "^[1-9][0-9]*$",
            "description": "Rises within a service",
        },
        "correlationid": string,
        "causationid": string,
        "traceparent": string,
        "compacted": {"const": True, "description": "There, if the event has the data of a later event of its subject"},
        "dataschema": {"type": "string", "format": "uri"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
    }
    required = [name for name in attributes if name not in ("causationid", "compacted")]
    return {"Envelope": {"type": "object", "required": required, "properties": attributes}}
