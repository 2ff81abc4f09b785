"""The exchanges of a Markdown page: requests and answers in fences of the kind `http`, with example ids and times.

What an example stands for is learned from the answers. An id, an instant or a number on the page is any other of its
kind in the run, the same wherever the page repeats it. A member "…" of an object stands for members that are not shown.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stack import Answer

_FENCE = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
_KINDS = (
    re.compile(_UUID),
    re.compile(_INSTANT),
    re.compile(r"(SES|APT|INV)-[A-Z0-9]+-\d{4}-\d{5}"),
    re.compile(r"FILE-\d{4}-\d{6}"),
    re.compile(r"FILE-\d{4}-\d{6}-[A-Z]+-\d\d"),
    re.compile(r"\+966\d{9}"),
)
_EXAMPLE = re.compile(f"{_UUID}|{_INSTANT}|[A-Z]+-[A-Z0-9-]+-\\d{{5}}")
MORE = "…"


@dataclass(frozen=True)
class Exchange:
    """A request of the page, and the answer that the page promises, or None where a body is empty."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    status: int
    answer: Any


def exchanges(page: str) -> Iterator[Exchange]:
    """Every request of a page with its answer. Raises ValueError where one stands without the other."""
    fences = _FENCE.findall(page)
    for request, answer in zip(fences[::2], fences[1::2], strict=True):
        (start, headers, body), (status_line, _, shown) = _parts(request), _parts(answer)
        method, path = start.split(" ")
        if not status_line.startswith("HTTP/1.1 "):
            raise ValueError(f"no answer follows {start}")
        status = int(status_line.split(" ")[1])
        yield Exchange(method, path, headers, body, status, json.loads(shown) if shown else None)


def _parts(fence: str) -> tuple[str, dict[str, str], str | None]:
    head, _, body = fence.partition("\n\n")
    start, *lines = head.strip().split("\n")
    return start, dict(line.split(": ", 1) for line in lines), body.strip() or None


@dataclass
class Examples:
    """What the page's examples stand for in this run."""

    known: dict[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """A request's text with the run's values. Raises ValueError for an example that no answer has shown."""
        for example in _EXAMPLE.findall(text):
            if example not in self.known:
                raise ValueError(f"no answer before this request shows {example}")
        for example, actual in self.known.items():
            text = text.replace(example, actual)
        return text

    def differences(self, shown: Any, actual: Any, where: str = "answer") -> list[str]:
        """Where an answer is not what the page shows. What its examples stand for is learned along the way."""
        if isinstance(shown, dict) and isinstance(actual, dict):
            return self._members(shown, actual, where)
        if isinstance(shown, list) and isinstance(actual, list) and len(shown) == len(actual):
            pairs = enumerate(zip(shown, actual, strict=True))
            return [d for n, (one, other) in pairs for d in self.differences(one, other, f"{where}[{n}]")]
        if self._same(shown, actual):
            return []
        return [f"{where} is {actual!r}, and the page shows {shown!r}"]

    def _members(self, shown: dict[str, Any], actual: dict[str, Any], where: str) -> list[str]:
        names = shown.keys() - {MORE}
        missing = [f"{where}.{name} is not there" for name in sorted(names - actual.keys())]
        more = [] if MORE in shown else [f"{where}.{name} is not shown" for name in sorted(actual.keys() - names)]
        common = (name for name in shown if name in names & actual.keys())
        return missing + more + [d for n in common for d in self.differences(shown[n], actual[n], f"{where}.{n}")]

    def _same(self, shown: Any, actual: Any) -> bool:
        if not isinstance(shown, str) or not isinstance(actual, str):
            return type(shown) is type(actual) and bool(shown == actual)
        if shown not in self.known and any(kind.fullmatch(shown) and kind.fullmatch(actual) for kind in _KINDS):
            self.known[shown] = actual
        return self.known.get(shown, shown) == actual


def broken(examples: Examples, expected: Exchange, answer: Answer) -> list[str]:
    """Where an answer is not the expected one. Nothing is learned of one that differs."""
    trial = Examples(dict(examples.known))
    found = [] if answer.status == expected.status else [f"the status is {answer.status}: {answer.body}"]
    found += trial.differences(expected.answer, answer.body)
    if not found:
        examples.known = trial.known
    return found
