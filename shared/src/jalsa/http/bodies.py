"""Bodies of requests are read whole before anything else is done, and bounded before any schema looks at them."""

from typing import Any

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from jalsa.service import strictjson
from jalsa.service.errors import InvalidField

#: The bytes of a body, unless its view asks for more.
MAX_BYTES = 64 * 1024
#: The members of one object, the items of one list, and the values in a whole body.
MAX_MEMBERS, MAX_ITEMS, MAX_VALUES = 200, 2_000, 10_000


def read(request: Request, max_bytes: int) -> None:
    """Take the whole body in, however slowly it comes. Raises 413 beyond `max_bytes`, 415 for what is no JSON."""
    limit(request, max_bytes)
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    if request.content_length and not request.is_json:
        raise UnsupportedMediaType
    if len(request.get_data()) > max_bytes:
        raise RequestEntityTooLarge


def limit(request: Request, max_bytes: int) -> None:
    """Take in no more of a body than that, whoever reads it."""
    request.max_content_length = max_bytes + 1  # A body of unknown length is cut there. One more byte shows it.


def parse(body: bytes) -> Any:
    """The JSON value of a body. Raises a 400 problem where it cannot be read, a 422 one where it has too many values.

    A schema takes its time for every value, also for those that it does not know.
    """
    try:
        value = strictjson.loads(body)
    except ValueError:
        raise BadRequest from None
    _check_size(value)
    return value


def _check_size(value: object) -> None:
    """Count what is in a body, breadth first."""
    count, level = 1, [value]
    while level:
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                if len(each) > MAX_MEMBERS:
                    raise InvalidField("body", "Must not have an object of more than {most} members.", most=MAX_MEMBERS)
                below += each.values()
            elif isinstance(each, list):
                if len(each) > MAX_ITEMS:
                    raise InvalidField("body", "Must not have a list of more than {most} items.", most=MAX_ITEMS)
                below += each
        count += len(below)
        if count > MAX_VALUES:
            raise InvalidField("body", "Must not have more than {most} values.", most=MAX_VALUES)
        level = below
