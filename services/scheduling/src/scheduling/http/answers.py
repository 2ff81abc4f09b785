"""Answers that tell more than the record that they are of."""

from typing import Any

from flask import Response, json

from jalsa.http import tagged


def told_beside(shown: dict[str, Any], status: int = 200, **beside: Any) -> Response:
    """A record and what this one request did; the entity tag is the record's own, as reading it gives it."""
    answer = tagged(shown, status)
    answer.set_data(json.dumps({**shown, **beside}))
    return answer
