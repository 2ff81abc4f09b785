"""What a package can say to its callers, found in its sources, so that a test sees what has no Arabic yet."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from jalsa.service.declaration import Service
from jalsa.service.problems import COMMON, EDGE_CODES
from jalsa.service.texts import Texts

#: Where these calls have their message: by position, or by the name of the argument.
_CALLS: dict[str, int | str] = {
    "Entry": 3,
    "Forbidden": 0,
    "InvalidField": 1,
    "Message": 0,
    "NotFound": 0,
    "Problem": 2,
    "_unavailable": 1,
    "_unauthenticated": 0,
    "ValidationError": 0,
    "Regexp": "error",
    "Range": "error",
    "Length": "error",
    "OneOf": "error",
    "Predicate": "error",
}
#: Such a template says nothing itself, because its value is a message of its own.
_ONLY_A_VALUE = re.compile(r"\{\w+\}")


def said(package: str) -> set[str]:
    """Every message in the sources of a package. Raises ValueError for one that is put together where it is raised."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(Path(str(files(package))).rglob("*.py"))}
    named = {name: value for tree in trees.values() for name, value in _named(tree)}
    found: set[str] = set()
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (message := _message(node)) is not None:
                found.update(_texts(message, named, f"{path}:{node.lineno}"))
    return found


def without_arabic(service: Service) -> set[str]:
    """The messages of a service, and those of every service, that have no Arabic."""
    arabic = Texts(("jalsa", *service.texts)).arabic
    messages = set().union(*(said(package) for package in ("jalsa", *service.texts)))
    messages |= {entry.message for entry in (*COMMON, *service.problems)}
    messages |= {message for _, message in EDGE_CODES.values()}
    messages |= {machine.name for machine in service.machines}
    return {message for message in messages - arabic.keys() if not _ONLY_A_VALUE.fullmatch(message)}


def _message(call: ast.Call) -> ast.expr | None:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    place = _CALLS.get(name)
    if isinstance(place, int):
        return call.args[place] if len(call.args) > place else None
    return next((keyword.value for keyword in call.keywords if keyword.arg == place), None) if place else None


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The constants of a module, by their names."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _texts(message: ast.expr, named: Mapping[str, ast.expr], where: str) -> Iterator[str]:
    if isinstance(message, ast.Constant) and isinstance(message.value, str):
        yield message.value
    elif isinstance(message, ast.Call) and getattr(message.func, "id", "") == "Message":
        yield from _texts(message.args[0], named, where)
    elif isinstance(message, ast.JoinedStr):
        raise ValueError(f"{where}: the message is an f-string; give a template and its values")
    elif isinstance(message, ast.IfExp):
        yield from _texts(message.body, named, where)
        yield from _texts(message.orelse, named, where)
    elif (name := getattr(message, "id", getattr(message, "attr", ""))) in named:
        yield from _texts(named[name], named, where)
