"""Lists: `{"items": […], "next_cursor": …}`, in a stable order, with keyset cursors."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from marshmallow import Schema, fields, post_load, validate

from jalsa.service.commands import Loaded
from jalsa.service.errors import InvalidField
from jalsa.service.fields import AnyField
from jalsa.service.json_types import JsonObject

T = TypeVar("T")
Asked = TypeVar("Asked", covariant=True)


class HasId(Protocol):
    """A row of a list that is ordered by id."""

    @property
    def id(self) -> UUID:
        """The row's id."""


R = TypeVar("R", bound=HasId)


@dataclass(frozen=True, slots=True)
class PageOf(Generic[Asked]):
    """What a list is asked for: which records, and which page of them. The rows to read are one more than `limit`."""

    asked: Asked
    limit: int
    cursor: str | None


class PageArgs(Loaded):
    """The query of a list: `limit` 1–200 (50), the `cursor` of the page before, and what its `into` is made of.

    It is loaded as PageOf.
    """

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
    cursor = fields.String(load_default=None, validate=validate.Length(max=400))

    @post_load
    def _into(self, data: JsonObject, **_: object) -> Any:
        page = {name: data.pop(name) for name in ("limit", "cursor")}
        return PageOf(super()._into(data), **page)


@dataclass(frozen=True, slots=True)
class Everything:
    """What a list without filters is asked for."""


class PlainPageArgs(PageArgs):
    """The query of a list without filters."""

    into = Everything


@cache
def page_of(answer: type[Schema]) -> Schema:
    """The schema of a page of these."""
    items: dict[str, AnyField] = {
        "items": fields.List(fields.Nested(answer())),
        "next_cursor": fields.String(allow_none=True),
    }
    return Schema.from_dict(items, name=f"{answer.__name__}Page")()


def page(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str], represent: Callable[[T], Any]) -> JsonObject:
    """A page from `limit + 1` rows. The last of them only says that there is more."""
    more = len(rows) > limit
    shown = rows[:limit]
    return {
        "items": [represent(row) for row in shown],
        "next_cursor": encode_cursor(cursor_of(shown[-1])) if more else None,
    }


def page_by_id(rows: Sequence[R], limit: int, represent: Callable[[R], Any] = lambda row: row) -> JsonObject:
    """A page of a list that is ordered by id, whose cursor `decode_id_cursor` reads."""
    return page(rows, limit, lambda row: str(row.id), represent)


def encode_cursor(value: str) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The value in a cursor of ours. Raises a 422 problem for any other text."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None


def decode_id_cursor(cursor: str | None) -> UUID | None:
    """The id in a cursor of a list that is ordered by id. Raises a 422 problem."""
    if cursor is None:
        return None
    try:
        return UUID(decode_cursor(cursor))
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None


def instant_cursor(instant: datetime, record_id: UUID) -> str:
    """The value of a cursor of a list that is ordered by an instant, and by id where instants are equal."""
    return f"{instant.isoformat()} {record_id}"


def decode_instant_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The instant and the id in such a cursor. Raises a 422 problem."""
    if cursor is None:
        return None
    instant, _, record_id = decode_cursor(cursor).rpartition(" ")
    try:
        return datetime.fromisoformat(instant), UUID(record_id)
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
