"""Errors that a caller may see: RFC 9457 problem details with a stable, kebab-case `code`."""

from collections.abc import Mapping
from typing import Any


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
            body["errors"] = self.errors
        return body


def not_found(what: str) -> Problem:
    """404 for a record that is not there, or that belongs to another tenant: the two are never told apart."""
    return Problem(404, "not-found", f"There is no such {what}.")


def invalid(field: str, message: str) -> Problem:
    """422 for one field that the schema alone could not judge."""
    return Problem(422, "validation-error", "The request has invalid fields.", errors={field: [message]})


def conflict(code: str, detail: str, **extra: Any) -> Problem:
    """409: the request is well formed, but what is stored does not allow it."""
    return Problem(409, code, detail, **extra)
