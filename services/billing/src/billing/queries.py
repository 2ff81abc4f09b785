"""The read side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from billing import domain
from billing.commands import FindInvoices, FindPrices
from billing.models import ClinicProjection, Invoice, Price
from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from jalsa.db.transactions import TenantRow
from jalsa.service.commands import given

R = TypeVar("R", bound=TenantRow)


@dataclass(frozen=True, slots=True)
class InvoiceSums:
    """What invoices in one currency come to, without those that are void. `counts` has how many are in each state.

    Without a `currency` they are those that never had a price.
    """

    currency: str | None
    net: Decimal
    vat: Decimal
    total: Decimal
    paid: Decimal
    balance: Decimal
    counts: Mapping[str, int]


def list_prices(db: Session, asked: FindPrices, *, after: UUID | None, limit: int) -> Sequence[Price]:
    """Prices in the order in which they were set, after a given one."""
    return db.scalars(_matching(keyset(select(Price), Price.id, after=after, limit=limit), Price, asked)).all()


def list_invoices(db: Session, asked: FindInvoices, *, after: UUID | None, limit: int) -> Sequence[Invoice]:
    """Invoices in the order in which they were made, after a given one."""
    return db.scalars(_matching(keyset(select(Invoice), Invoice.id, after=after, limit=limit), Invoice, asked)).all()


def zone_of(db: Session, clinic_id: UUID) -> str | None:
    """A clinic's IANA time zone as scheduling told it last, or None where the clinic itself is not known yet."""
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


def locked_invoice(db: Session, which: ColumnElement[bool]) -> Invoice | None:
    """The invoice of which a condition holds (of one at most), its row locked until the transaction ends."""
    return db.scalar(select(Invoice).where(which).with_for_update().execution_options(populate_existing=True))


def package_sums(db: Session, package_id: UUID) -> list[InvoiceSums]:
    """What a package's invoices come to, as one item per currency, and one for those that never had a price."""
    charged = Invoice.status != "VOID"
    amounts = (Invoice.net, Invoice.vat, Invoice.total, Invoice.paid, Invoice.total - Invoice.paid)
    sums = (func.coalesce(func.sum(amount).filter(charged), domain.ZERO) for amount in amounts)
    counts = (func.count().filter(Invoice.status == status) for status in domain.INVOICE.states)
    query = select(Invoice.currency, *sums, *counts).where(Invoice.package_id == package_id)
    rows = db.execute(query.group_by(Invoice.currency).order_by(Invoice.currency))
    return [
        InvoiceSums(currency, net, vat, total, paid, balance, dict(zip(domain.INVOICE.states, counts, strict=True)))
        for currency, net, vat, total, paid, balance, *counts in rows
    ]


def _matching(query: Select[R], kind: type[R], asked: FindInvoices | FindPrices) -> Select[R]:
    """The rows that have every value that was asked for, under the name that it has there.

    A patient is found by every id that stands for the patient.
    """
    for name, value in given(asked).items():
        if value is not None:
            column = getattr(kind, name)
            query = query.where(stands_for(column, value) if name == "patient_id" else column == value)
    return query
