"""Canaries are words stored in fields that are not for everybody, looked for in whatever a service's GETs answer."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jalsa.dev.kit import Client
from jalsa.service.policy import ROLES

#: What only our own services may ask. There is no role for it that a person could hold.
_BETWEEN_SERVICES = {"/events/heads"}
#: The query of a path that needs one, or an iterator, if several are to be asked.
Queries = Mapping[str, list[dict[str, Any]]]


def operations(document: Mapping[str, Any]) -> list[str]:
    """The paths of every GET of an OpenAPI document, without the `/v1` before them."""
    return [path.removeprefix("/v1") for path, item in document["paths"].items() if "get" in item]


def seen_by_role(
    client_of: Callable[[str], Client], ids: Mapping[str, Any], queries: Queries, words: Mapping[str, Any]
) -> dict[str, dict[str, set[str]]]:
    """Which of the words each role finds in each operation of a service: role -> path -> words.

    `ids` are the rule's parameters by name. A value may be a list of them, each of which is asked for. Raises
    AssertionError where a path's parameter is not given, and where an operation answers nobody with a 2xx, because a
    canary cannot be found in what was never read.
    """
    document = client_of("manager").get("/openapi.json").get_json()
    found: dict[str, dict[str, set[str]]] = {role: defaultdict(set) for role in sorted(ROLES)}
    answered: set[str] = set()
    for path in operations(document):
        for address, query in _requests(path, ids, queries.get(path, [{}])):
            for role in found:
                answer = client_of(role).get(address, **query)
                assert answer.status_code in (200, 403, 404), (role, address, query, answer.get_data())
                if answer.status_code == 200:
                    answered.add(path)
                    text = answer.get_data(as_text=True)
                    found[role][path] |= {word for word in words if word in text}
    silent = set(operations(document)) - answered - _BETWEEN_SERVICES
    assert not silent, f"nobody could read {silent}"
    return found


def _requests(path: str, ids: Mapping[str, Any], queries: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The path with its parameters filled in, for each value of the first that has several, and with each query."""
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    several = [name for name in names if isinstance(ids.get(name), list)]
    for at in range(max((len(ids[name]) for name in several), default=1)):
        address = path
        for name in names:
            assert name in ids, f"{path} needs {name}"
            value = ids[name][min(at, len(ids[name]) - 1)] if name in several else ids[name]
            address = address.replace(f"{{{name}}}", str(value))
        for query in queries:
            yield address, query


def undeclared(document: Mapping[str, Any], harmless: frozenset[str]) -> set[str]:
    """Fields of what is answered that sound like notes or reasons and do not say who reads them: `Schema.field`."""
    answers = json.dumps([item["get"]["responses"] for item in document["paths"].values() if "get" in item])
    schemas = document["components"]["schemas"]
    return {
        f"{name}.{field}"
        for name in _reached(answers, schemas)
        for field, shape in schemas[name].get("properties", {}).items()
        if field.endswith(("reason", "notes")) and "x-readers" not in shape and f"{name}.{field}" not in harmless
    }


def _reached(text: str, schemas: Mapping[str, Any]) -> set[str]:
    """The schemas that a part of the document refers to, and those inside them."""
    reached: set[str] = set()
    waiting = [text]
    while waiting:
        part = waiting.pop()
        for name in set(schemas) - reached:
            if f'"#/components/schemas/{name}"' in part:
                reached.add(name)
                waiting.append(json.dumps(schemas[name]))
    return reached
