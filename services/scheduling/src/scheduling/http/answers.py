"""Answers that tell more than the record that they are of."""

from typing import Any

from flask import Response, json

from jalsa.http import json_with_etag


def response_with_extras(shown: dict[str, Any], status: int = 200, **extras: Any) -> Response:
    """A record and what this one request did; the entity tag is the record's own, as reading it gives it."""
    answer = json_with_etag(shown, status)
    answer.set_data(json.dumps({**shown, **extras}))
    return answer
