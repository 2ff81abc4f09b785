"""Entity tags are a hash of the representation, so that whatever a reader can see changes it."""

import hashlib

from flask import Response, json, jsonify, request

from jalsa.service.problems import edge_problem


def etag_of(representation: object) -> str:
    """The strong entity tag of a JSON representation, in quotes."""
    canonical = json.dumps(representation, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(canonical.encode()).hexdigest()[:32]}"'


def json_with_etag(representation: object, status: int = 200) -> Response:
    """A response with its entity tag.

    On a GET it is 304 where If-None-Match has it already, 412 where If-Match has not.
    """
    tag = etag_of(representation)
    if request.method in ("GET", "HEAD"):
        check_if_match(representation)
        if request.if_none_match.contains_weak(tag.strip('"')):
            return Response(status=304, headers={"ETag": tag})
    response: Response = jsonify(representation)
    response.status_code = status
    response.headers["ETag"] = tag
    return response


def check_if_match(representation: object) -> None:
    """Compare If-Match with the present representation, read under the record's lock.

    One that is costly may be given as a function, which is called where there is something to compare.

    Raises 428 `precondition-required` where PATCH or DELETE come without it, 412 `precondition-failed` where it is
    stale. If-Match is honoured wherever it is given.
    """
    given = request.if_match
    if not request.headers.get("If-Match"):
        if request.method in ("PATCH", "DELETE"):
            raise edge_problem("precondition-required")
        return
    present = representation() if callable(representation) else representation
    if not given.contains(etag_of(present).strip('"')):
        raise edge_problem("precondition-failed")
