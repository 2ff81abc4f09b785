"""The secret address of a provider's calendar feed: create, replace, withdraw and check it.

The token contains its tenant, because a calendar program sends nothing else. Only its hash is stored.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.context import TENANT
from jalsa.service.ids import new_id
from scheduling.models import CalendarLink, Provider

_NONE = bytes(32)


class NewLink(NamedTuple):
    """A link with its token, which is known only when it is created."""

    link: CalendarLink
    token: str


def find(db: Session, provider_id: UUID) -> CalendarLink | None:
    """Return the link of a provider, or None."""
    return db.scalar(select(CalendarLink).where(CalendarLink.provider_id == provider_id))


def make(db: Session, provider: Provider, *, now: datetime) -> NewLink:
    """Create a new link with its token, which replaces the previous one. The provider's row is locked."""
    context = context_of(db)
    token = f"{context.tenant}.{secrets.token_urlsafe(32)}"
    link = find(db, provider.id)
    if link is None:
        link = CalendarLink(id=new_id(), provider_id=provider.id)
        db.add(link)
    link.token_hash, link.created_at, link.created_by = _hash(token), now, context.actor
    db.flush()
    return NewLink(link, token)


def withdraw(db: Session, link: CalendarLink) -> None:
    """Withdraw a link, so that nobody can read the feed with it any more."""
    db.delete(link)
    db.flush()


def tenant_of(token: str) -> str | None:
    """Return the tenant in a token, if the token has the right form. The token is not verified."""
    tenant, _, secret = token.partition(".")
    return tenant if secret and TENANT.fullmatch(tenant) else None


def reader_of(db: Session, provider_id: UUID, token: str) -> Provider | None:
    """Return the active provider whose feed a token opens, or None if the token is not that of the provider's link."""
    link = find(db, provider_id)
    right = hmac.compare_digest(link.token_hash if link else _NONE, _hash(token))
    provider = db.get(Provider, provider_id) if right else None
    return provider if provider and provider.active else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
