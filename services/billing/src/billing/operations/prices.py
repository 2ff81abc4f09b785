"""The price list."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing import queries
from billing.commands import CreatePrice
from billing.models import Price
from billing.operations import invoices
from billing.operations.locks import lock_prices_for_writing
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id


def create_price(db: Session, command: CreatePrice, *, now: datetime) -> Price:
    """Store a price, valid from now on, and issue the drafts that waited for it."""
    lock_prices_for_writing(db, command.service_type)
    price = Price(
        id=new_id(),
        service_type=command.service_type,
        clinic_id=command.clinic_id,
        amount=command.amount,
        currency=command.currency,
        vat_category=command.vat_category,
        created_at=now,
        created_by=context_of(db).actor,
    )
    db.add(price)
    db.flush()
    for invoice in queries.waiting_for(db, price):
        invoices.issue(db, invoice, price, now=now)
    return price
