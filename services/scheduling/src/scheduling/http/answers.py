"""Answers that contain more than their record."""

from typing import Any

from flask import Response, json

from jalsa.http import json_with_etag


def response_with_extras(shown: dict[str, Any], status: int = 200, **extras: Any) -> Response:
    """Return a record and the results of this request.

    The entity tag is that of the record alone, as when it is read.
    """
    answer = json_with_etag(shown, status)
    answer.set_data(json.dumps({**shown, **extras}))
    return answer
