"""The price list."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from billing import queries
from billing.models import Price
from billing.operations import invoices
from billing.operations.locks import lock_prices_for_writing
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id


def create_price(db: Session, data: Mapping[str, Any], *, now: datetime) -> Price:
    """Store a price, valid from now on, and issue the drafts that waited for it."""
    lock_prices_for_writing(db, data["service_type"])
    price = Price(id=new_id(), created_at=now, created_by=context_of(db).actor, **data)
    db.add(price)
    db.flush()
    for invoice in queries.waiting_for(db, price):
        invoices.issue(db, invoice, price, now=now)
    return price
