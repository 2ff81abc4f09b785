"""The read side."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping, func, or_, select
from sqlalchemy.orm import Session

from billing import domain
from billing.models import ClinicProjection, Invoice, Price
from jalsa.db.keyset import keyset
from jalsa.db.transactions import TenantRow

R = TypeVar("R", bound=TenantRow)


def list_by_id(db: Session, kind: type[R], *, after: UUID | None, limit: int, **equal: Any) -> Sequence[R]:
    """Rows in the order in which they were made, after a given one; a value of None does not filter."""
    query = keyset(select(kind), kind.id, after=after, limit=limit)
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(kind, name) == value)
    return db.scalars(query).all()


def zone_of(db: Session, clinic_id: UUID) -> str | None:
    """A clinic's IANA time zone as scheduling told it last; None where the clinic itself is not known yet."""
    return db.scalar(select(ClinicProjection.timezone).where(ClinicProjection.id == clinic_id))


def valid_price(db: Session, service_type: str, clinic_id: UUID) -> Price | None:
    """The newest price of a service: the clinic's own, else the general one."""
    return db.scalar(
        select(Price)
        .where(Price.service_type == service_type, or_(Price.clinic_id == clinic_id, Price.clinic_id.is_(None)))
        .order_by(Price.clinic_id.is_(None), Price.id.desc())
        .limit(1)
    )


def waiting_for(db: Session, price: Price) -> Sequence[Invoice]:
    """The drafts that a price fits, locked, oldest first."""
    query = select(Invoice).where(Invoice.status == "DRAFT", Invoice.service_type == price.service_type)
    if price.clinic_id is not None:
        query = query.where(Invoice.clinic_id == price.clinic_id)
    return db.scalars(query.order_by(Invoice.id).with_for_update()).all()


def locked_invoice(db: Session, **key: UUID) -> Invoice | None:
    """The invoice with this `id` or `appointment_id`, its row locked until the transaction ends."""
    return db.scalar(select(Invoice).filter_by(**key).with_for_update().execution_options(populate_existing=True))


def package_sums(db: Session, package_id: UUID) -> Sequence[RowMapping]:
    """What a package's invoices come to: a row per currency, and one with none for those that never had a price.

    `net`, `vat`, `total`, `paid` and `balance` leave void invoices out; under each state's name stands how many
    invoices are in it.
    """
    amounts = {
        "net": Invoice.net,
        "vat": Invoice.vat,
        "total": Invoice.total,
        "paid": Invoice.paid,
        "balance": Invoice.total - Invoice.paid,
    }
    charged = Invoice.status != "VOID"
    sums = (func.coalesce(func.sum(a).filter(charged), domain.ZERO).label(name) for name, a in amounts.items())
    counts = (func.count().filter(Invoice.status == status).label(status) for status in domain.INVOICE.states)
    query = select(Invoice.currency, *sums, *counts).where(Invoice.package_id == package_id)
    return db.execute(query.group_by(Invoice.currency).order_by(Invoice.currency)).mappings().all()
