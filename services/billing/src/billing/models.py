"""Billing's tables. Money is numeric(14,2) in the currency that stands beside it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Numeric
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, relationship

from billing import domain
from jalsa.db.transactions import Instant, TenantRow

Amount = Numeric(14, 2)


class Base(DeclarativeBase):
    """This service's own tables. Others have some of the same name, and may live in the same process."""


class Price(TenantRow, Base):
    """What a service costs without VAT in one clinic or (`clinic_id` absent) everywhere. The newest one is valid.

    A price is never changed.
    """

    __tablename__ = "prices"

    service_type: Mapped[str]
    clinic_id: Mapped[UUID | None]
    amount: Mapped[Decimal] = mapped_column(Amount)
    currency: Mapped[str]
    vat_category: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class Invoice(TenantRow, Base):
    """The invoice of one appointment. A draft waits for a price. It has no number, no lines and no amounts.

    `timezone` is the clinic's as the booking told it, and once issued the one by whose clock that was done.
    """

    __tablename__ = "invoices"

    appointment_id: Mapped[UUID]
    appointment_number: Mapped[str]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    service_type: Mapped[str]
    timezone: Mapped[str]
    package_id: Mapped[UUID | None]
    package_number: Mapped[str | None]
    package_session_number: Mapped[int | None]
    package_total_sessions: Mapped[int | None]
    status: Mapped[str]
    invoice_number: Mapped[str | None]
    currency: Mapped[str | None]
    net: Mapped[Decimal | None] = mapped_column(Amount)
    vat: Mapped[Decimal | None] = mapped_column(Amount)
    total: Mapped[Decimal | None] = mapped_column(Amount)
    paid: Mapped[Decimal] = mapped_column(Amount, default=domain.ZERO)
    created_at: Mapped[datetime] = mapped_column(Instant)
    issued_at: Mapped[datetime | None] = mapped_column(Instant)
    paid_at: Mapped[datetime | None] = mapped_column(Instant)
    voided_at: Mapped[datetime | None] = mapped_column(Instant)
    voided_by: Mapped[str | None]
    void_reason: Mapped[str | None]

    package: Mapped[domain.PackageSession | None] = composite(
        "package_id", "package_number", "package_session_number", "package_total_sessions"
    )
    lines: Mapped[list["InvoiceLine"]] = relationship(order_by="InvoiceLine.position", lazy="selectin")
    payments: Mapped[list["Payment"]] = relationship(order_by="Payment.id", lazy="selectin")

    @property
    def balance(self) -> Decimal:
        """What is left to pay: nothing of a draft or a void invoice."""
        return domain.ZERO if self.total is None or self.status == "VOID" else self.total - self.paid

    def money(self, amount: Decimal | None) -> dict[str, str] | None:
        """An amount of this invoice with its currency, or None where it is not known yet, as in a draft."""
        return None if amount is None or self.currency is None else domain.money(amount, self.currency)


class InvoiceLine(TenantRow, Base):
    """What is charged. The rate is kept, so that a later change of the law does not change an issued invoice."""

    __tablename__ = "invoice_lines"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),)

    invoice_id: Mapped[UUID]
    position: Mapped[int]
    service_type: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Amount)
    net: Mapped[Decimal] = mapped_column(Amount)
    vat_category: Mapped[str]
    vat_rate: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    vat: Mapped[Decimal] = mapped_column(Amount)


class Payment(TenantRow, Base):
    """Money received for an invoice, in its currency. Never changed."""

    __tablename__ = "payments"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),)

    invoice_id: Mapped[UUID]
    amount: Mapped[Decimal] = mapped_column(Amount)
    method: Mapped[str]
    reference: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(Instant)
    received_by: Mapped[str]


class Clearance(TenantRow, Base):
    """Whether a patient may check in as far as money goes. The id is the appointment's.

    `reason` is the invoice's state in a word or, where somebody cleared by hand, what they wrote.
    """

    __tablename__ = "clearances"

    cleared: Mapped[bool]
    reason: Mapped[str]
    manual: Mapped[bool] = mapped_column(default=False)


class ClinicProjection(TenantRow, Base):
    """The zone by whose clock a clinic's invoices are issued. Scheduling owns the rest, and may correct it."""

    __tablename__ = "clinics"

    timezone: Mapped[str]


class PackageProjection(TenantRow, Base):
    """A package, announced apart from its appointments. Either may become known first, so no invoice refers to it."""

    __tablename__ = "packages"

    number: Mapped[str]
    patient_id: Mapped[UUID]
    service_type: Mapped[str]
    total_sessions: Mapped[int]
    status: Mapped[str]
