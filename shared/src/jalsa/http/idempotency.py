"""Idempotency keys: the response of a POST, stored in the transaction of its effect, and given again to a repeat.

A view declares whether its answer is kept (`Routes.view`). What a repeat shows is decided again for its caller.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Request, Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField
from jalsa.service.problems import edge_problem


@dataclass(frozen=True)
class Shortened:
    """How an answer is kept without what is stored elsewhere, and may be stored only there.

    `shorten` takes it out of the document before it is kept. `complete` reads it again for a repeat.
    """

    shorten: Callable[[dict[str, Any]], dict[str, Any]]
    complete: Callable[[Session, dict[str, Any]], dict[str, Any]]


_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('idempotency:' || :tenant || ':' || :actor || ':' || :key, 0))"
)
_FIND = text("""
    SELECT request_hash, status, headers, body FROM idempotency_keys
    WHERE tenant_id = :tenant AND actor = :actor AND key = :key
""")
_STORE = text("""
    INSERT INTO idempotency_keys (tenant_id, actor, key, request_hash, status, headers, body)
    VALUES (:tenant, :actor, :key, :hash, :status, CAST(:headers AS jsonb), :body)
""")
_KEPT_HEADERS = ("Content-Type", "ETag", "Location")


def key_of(request: Request) -> str | None:
    """The request's key, if it is a POST with one. Raises a 422 problem for an unusable key."""
    key = request.headers.get("Idempotency-Key")
    if request.method != "POST" or key is None:
        return None
    if not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable():
        raise InvalidField("Idempotency-Key", "Must be 1 to 200 printable ASCII characters.")
    return key


def earlier_response(db: Session, request: Request, key: str, *, provider_id: str | None) -> Response | None:
    """The stored response of the same request. A repeat that comes while the first is at work waits for it.

    The request of another provider is another one, even with the same login, because what came of it may be for that
    provider alone. Raises the 422 problem `idempotency-key-reused` where the key stood for another request.
    """
    names = _names(db, key)
    db.execute(_LOCK, names)
    row = db.execute(_FIND, names).one_or_none()
    if row is None:
        return None
    if bytes(row.request_hash) != _hash(request, provider_id):
        raise edge_problem("idempotency-key-reused")
    return Response(bytes(row.body), row.status, {**row.headers, "Idempotent-Replayed": "true"})


def store_response(
    db: Session, request: Request, key: str, response: Response, body: bytes, *, provider_id: str | None
) -> None:
    """Store the response with the effect. `body` is what is kept of its body."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    values = {
        **_names(db, key),
        "hash": _hash(request, provider_id),
        "status": response.status_code,
        "headers": json.dumps(headers),
        "body": body,
    }
    db.execute(_STORE, values)


def _names(db: Session, key: str) -> dict[str, str]:
    context = context_of(db)
    return {"tenant": context.tenant, "actor": context.actor, "key": key}


def _hash(request: Request, provider_id: str | None) -> bytes:
    digest = hashlib.sha256()
    parts = [request.method, request.path, request.query_string.decode("latin-1")]
    for part in [*parts, provider_id] if provider_id else parts:
        digest.update(part.encode() + b"\x00")
    digest.update(request.get_data())
    return digest.digest()
