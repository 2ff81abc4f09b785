"""Errors that a caller may see: RFC 9457 problem details with a stable, kebab-case `code`."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

#: How many messages an answer has at most, and how many characters of a name that the caller made up.
MAX_ERRORS = 20
MAX_NAME = 100


class Problem(Exception):
    """A refusal with a documented code. `detail` must never carry a patient's data: it is logged and returned."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """The problem document's members."""
        body: dict[str, Any] = {
            "type": f"urn:jalsa:problem:{self.code}",
            "title": self.code.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }
        if self.errors is not None:
            messages = _messages(self.errors)
            body["errors"] = _tree(islice(messages, MAX_ERRORS))
            if next(messages, None) is not None:
                body["more_errors"] = True
        return body


class NotYetKnown(Problem):
    """A refusal that may be over in a moment: what is asked for may be on its way here as an event.

    The edge rolls back, waits outside of any transaction, and runs the request again before it answers this.
    """


def _messages(errors: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every message with the names that lead to it."""
    if isinstance(errors, Mapping):
        for name, below in errors.items():
            yield from _messages(below, (*path, _shortened(str(name))))
    elif isinstance(errors, list):
        for message in errors:
            yield path, message
    else:
        yield path, errors


def _tree(messages: Iterator[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, message in messages:
        *above, last = path
        branch = tree
        for name in above:
            branch = branch.setdefault(name, {})
        branch.setdefault(last, []).append(message)
    return tree


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…"


def not_found(what: str) -> Problem:
    """404 for a record that is not there, or that belongs to another tenant: the two are never told apart."""
    return Problem(404, "not-found", f"There is no such {what}.")


def invalid(field: str, message: str) -> Problem:
    """422 for one field that the schema alone could not judge."""
    return Problem(422, "validation-error", "The request has invalid fields.", errors={field: [message]})


def conflict(code: str, detail: str, **extra: Any) -> Problem:
    """409: the request is well formed, but what is stored does not allow it."""
    return Problem(409, code, detail, **extra)
