"""Who acts, for which tenant, and on behalf of which request: carried through logs, audit rows and events."""

import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from jalsa.service.ids import new_id

TENANT = re.compile(r"[a-z][a-z0-9-]{1,30}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class Context:
    """`tenant` is a slug, or `*` for our own services' reading of the feed. `actor` is a login or `system:<what>`."""

    tenant: str
    actor: str
    request_id: str
    traceparent: str
    correlation_id: str
    causation_id: str | None = None


def for_system(tenant: str, what: str, *, trace: str | None = None, cause: UUID | None = None) -> Context:
    """The context of work that no caller asked for: jobs, event handlers."""
    request_id = str(new_id())
    return Context(
        tenant=tenant,
        actor=f"system:{what}",
        request_id=request_id,
        traceparent=child_trace(trace),
        correlation_id=request_id,
        causation_id=str(cause) if cause else None,
    )


def request_id(given: str | None) -> str:
    """The caller's X-Request-ID where it is a plain token, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else str(new_id())


def child_trace(parent: str | None) -> str:
    """A W3C traceparent: the parent's trace with a new span, or a new trace."""
    if parent and _TRACEPARENT.fullmatch(parent):
        version, trace, _, flags = parent.split("-")
        return f"{version}-{trace}-{secrets.token_hex(8)}-{flags}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
