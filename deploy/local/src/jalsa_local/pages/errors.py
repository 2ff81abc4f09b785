"""The error catalogue.

It has every problem code with its status, its messages in English and Arabic and who answers it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from jalsa.service import problems
from jalsa.service.declaration import Service
from jalsa.service.problems import EDGE_CODES, USUAL_CODES, Entry
from jalsa.service.texts import Texts
from jalsa_local.pages.markdown import code, table
from jalsa_local.services import ROOT

_HEAD = """\
# Problem codes

A request that is refused is answered with a problem document (RFC 9457, `application/problem+json`). Programs rely on
its `code`, which never changes its meaning. `detail` is a sentence for people; it is in Arabic where the request's
`Accept-Language` asks for it, and in English otherwise. Words in braces stand for values. Some problems have further
members, which are named beside them. A 422 `validation-error` has the messages by field in `errors`.
"""
_EDGE = "the edge of every service, or the gateway"
#: What the web server and the gateway refuse before a service sees it. The gateway's own table has the same codes.
SERVER_CODES = {
    "method-not-allowed": (405, "The method is not allowed for the requested URL."),
    "identity-provider-unavailable": (503, "Tokens cannot be checked at the moment."),
}
_GATEWAY = re.compile(r"^\s+\d{3} '\{.*\"status\":(\d{3}),\"detail\":\"([^\"]+)\",\"code\":\"([a-z-]+)\"\}';$", re.M)


class _Meaning(NamedTuple):
    status: int
    message: str
    members: tuple[str, ...]


def pages(services: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """The one page, `docs/errors.md`."""
    arabic = Texts(("jalsa", *(package for service in services.values() for package in service.texts))).arabic
    rows = [row for group in _codes(services).items() for row in _rows(*group, arabic)]
    head = ("code", "status", "message", "in Arabic", "further members", "answered by")
    yield "docs/errors.md", f"{_HEAD}\n{table(head, rows)}"


def documented(services: Mapping[str, Service]) -> frozenset[str]:
    """Every code that the page has."""
    return frozenset(_codes(services))


def _codes(services: Mapping[str, Service]) -> dict[str, dict[_Meaning, list[str]]]:
    """code → meaning → who answers it, in the order of the codes."""
    found: dict[str, dict[_Meaning, list[str]]] = defaultdict(dict)
    for name, (status, message) in {**SERVER_CODES, **EDGE_CODES, **_gateway_codes()}.items():
        found[name][_Meaning(status, message, ())] = [_EDGE]
    for entry in problems.COMMON:
        found[entry.code].setdefault(_meaning(entry), []).append("every service")
    for service in services.values():
        for entry in service.problems:
            found[entry.code].setdefault(_meaning(entry), []).append(service.name)
    return dict(sorted(found.items()))


def _gateway_codes() -> dict[str, tuple[int, str]]:
    written = (ROOT / "deploy/gateway/nginx.conf").read_text()
    known = {*USUAL_CODES, *SERVER_CODES}
    return {name: (int(status), said) for status, said, name in _GATEWAY.findall(written) if name not in known}


def _meaning(entry: Entry) -> _Meaning:
    message = entry.in_general if entry.message == "{message}" else entry.message
    return _Meaning(entry.status, message, entry.members)


def _rows(
    name: str, meanings: Mapping[_Meaning, Iterable[str]], arabic: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    for meaning, by in meanings.items():
        members = code(meaning.members)
        said = arabic.get(meaning.message, "")
        yield f"`{name}`", str(meaning.status), meaning.message, said, members, ", ".join(dict.fromkeys(by))
