"""JSON as RFC 8259 has it, from people that we do not know.

It is UTF-8, its numbers are finite, its nesting has an end, and no name stands twice in one object, because two
programs that read such an object may take it for two different ones.
"""

import json
import math
from typing import Any

MAX_DEPTH = 64


def loads(body: bytes) -> Any:
    """The value in a body. Raises ValueError."""
    try:
        value = _DECODER.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deep") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and not _fits(value, MAX_DEPTH):
        raise ValueError("nested too deep")
    return value


def _fits(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or (depth > 0 and all(_fits(member, depth - 1) for member in value))


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("not a finite number")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _object(members: list[tuple[str, object]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise ValueError("a name stands twice in an object")
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_object)
