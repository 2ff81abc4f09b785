"""Problem documents (RFC 9457), and the catalogues that say which of them a refusal of the domain is.

`docs/errors.md` is made of the catalogues, so they are the documentation of the codes as well.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from jalsa.service.errors import (
    Conflict,
    DomainError,
    Forbidden,
    InvalidFields,
    Message,
    NoSuchMove,
    NoSuchUndo,
    NotFound,
)

#: Says an English message in the caller's language.
Speaker = Callable[[str], str]

#: How many messages an answer has at most, and how many characters of a name that the caller made up.
MAX_ERRORS = 20
MAX_NAME = 100

VALIDATION_ERROR = "validation-error"


class Problem(Exception):
    """A refusal as it is answered. `detail` must never carry a patient's data, because it is logged and returned."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = members

    def document(self, say: Speaker = str) -> dict[str, Any]:
        """The problem document's members, with its sentences in the speaker's language."""
        body: dict[str, Any] = {
            "type": f"urn:jalsa:problem:{self.code}",
            "title": self.code.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": say(self.detail),
            "code": self.code,
            **self.members,
        }
        if self.errors is not None:
            messages = _messages(self.errors)
            body["errors"] = _tree(islice(messages, MAX_ERRORS), say)
            if next(messages, None) is not None:
                body["more_errors"] = True
        return body


@dataclass(frozen=True)
class Entry:
    """What one kind of refusal is to a caller.

    `message` is the detail in English. It may name attributes of the error in braces. `in_general` is a sentence for
    documents, where the message says too little without an error. `members` are the further members of the document.
    They are attributes of the error, unless `shown` makes them of it in the caller's language.
    """

    error: type[DomainError]
    status: int
    code: str
    message: str
    members: tuple[str, ...] = ()
    shown: Callable[[Any, Speaker], Mapping[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    in_general: str = ""

    def detail(self, error: DomainError) -> str:
        """The message about this very error."""
        return Message(self.message, **_values(error)) if "{" in self.message else self.message

    def problem(self, error: DomainError, say: Speaker) -> Problem:
        """The problem that answers the error."""
        if self.shown is not None:
            members = dict(self.shown(error, say))
        else:
            members = {name: getattr(error, name) for name in self.members}
        errors = error.errors if isinstance(error, InvalidFields) else None
        return Problem(self.status, self.code, self.detail(error), errors=errors, headers=self.headers, **members)


class Catalogue:
    """The refusals that a service knows. An error that has no entry of its own is answered by its base class's."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = {entry.error: entry for entry in entries}
        if len(self._entries) < len(entries):
            raise ValueError("an error has two entries")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __or__(self, other: "Catalogue") -> "Catalogue":
        return Catalogue(*self, *other)

    def entry(self, error: DomainError) -> Entry:
        """The entry of an error. Raises LookupError where there is none, which means that the fault is ours."""
        for kind in type(error).__mro__:
            if kind in self._entries:
                return self._entries[kind]
        raise LookupError(f"{type(error).__name__} is in no catalogue")

    @property
    def codes(self) -> dict[str, tuple[int, str]]:
        """The status and the sentence of each code. Where several refusals have one, it is the first one's."""
        found: dict[str, tuple[int, str]] = {}
        for entry in self:
            found.setdefault(entry.code, (entry.status, entry.in_general or entry.message))
        return found

    def problem(self, error: DomainError, say: Speaker = str) -> Problem:
        """The problem that answers an error, with what it shows in the speaker's language."""
        return self.entry(error).problem(error, say)


#: What every service can refuse.
COMMON = Catalogue(
    Entry(
        NotFound,
        404,
        "not-found",
        "There is no such {record}.",
        in_general="There is no such record, or it belongs to another tenant.",
    ),
    Entry(Forbidden, 403, "forbidden", "{message}", in_general="Your roles do not allow this."),
    Entry(Conflict, 409, "conflict", "The request conflicts with stored data."),
    Entry(InvalidFields, 422, VALIDATION_ERROR, "The request has invalid fields."),
    Entry(
        NoSuchMove,
        409,
        "invalid-transition",
        "{article} {machine} that is {current} cannot become {target}.",
        in_general="The record's state does not allow this.",
    ),
    Entry(NoSuchUndo, 409, "invalid-transition", "{article} {machine} that is {current} cannot be undone to {target}."),
)

#: What the edge of every service refuses before a rule is asked: the status and the sentence of each code.
EDGE_CODES: Mapping[str, tuple[int, str]] = {
    "malformed-request": (400, "The request cannot be read: it must be valid JSON in UTF-8."),
    "unauthenticated": (401, "A bearer token is required."),
    "precondition-failed": (412, "The record has changed. Read it again."),
    "request-entity-too-large": (413, "The body is too long."),
    "unsupported-media-type": (415, "The body must be application/json."),
    "idempotency-key-reused": (422, "This Idempotency-Key was used for another request."),
    "precondition-required": (428, "If-Match is required. Read the record first."),
    "internal-error": (500, "The request failed; the fault is ours and was logged."),
    "temporarily-unavailable": (503, "The request cannot be served now. Try again after `Retry-After` seconds."),
}
#: What every service may refuse with beside its own codes, by status.
USUAL_CODES = dict(sorted({**COMMON.codes, **EDGE_CODES}.items(), key=lambda code: code[1][0]))


def edge_problem(code: str) -> Problem:
    """A problem of the edge, with the sentence that the documents have for its code."""
    status, detail = EDGE_CODES[code]
    return Problem(status, code, detail)


def _values(error: DomainError) -> dict[str, object]:
    properties = {
        name: getattr(error, name)
        for kind in type(error).__mro__
        for name, value in vars(kind).items()
        if isinstance(value, property)
    }
    return {**properties, **vars(error)}


def _messages(errors: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every message with the names that lead to it."""
    if isinstance(errors, Mapping):
        for name, below in errors.items():
            yield from _messages(below, (*path, _shortened(str(name))))
    elif isinstance(errors, list):
        for message in errors:
            yield path, message
    else:
        yield path, errors


def _tree(messages: Iterator[tuple[tuple[str, ...], object]], say: Speaker) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, message in messages:
        *above, last = path
        branch = tree
        for name in above:
            branch = branch.setdefault(name, {})
        branch.setdefault(last, []).append(say(message) if isinstance(message, str) else message)
    return tree


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…"
