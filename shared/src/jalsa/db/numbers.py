"""Running numbers, unique within a tenant, taken in the transaction that stores the record."""

from sqlalchemy import ColumnElement, func, text
from sqlalchemy.orm import Session

_NEXT = text("""
    INSERT INTO numbers (tenant_id, kind, last) VALUES (current_setting('jalsa.tenant'), :kind, 1)
    ON CONFLICT (tenant_id, kind) DO UPDATE SET last = numbers.last + 1
    RETURNING last
""")

_LOOSE = text("SELECT loose_number(:prefix, CAST(:year AS int)) FROM generate_series(1, CAST(:count AS int))")


def sequence_number(prefix: str, year: int) -> ColumnElement[str]:
    """`APT-AGDAR-2026-00001` as the database makes it while the row is stored, waiting for no other transaction.

    Two never get the same one. A transaction that rolls back leaves a gap.
    """
    return func.loose_number(prefix, year)


def sequence_numbers(db: Session, prefix: str, year: int, count: int) -> list[str]:
    """So many loose numbers at once, rising, for rows that are stored together."""
    asked = {"prefix": prefix, "year": year, "count": count}
    return list(db.execute(_LOOSE, asked).scalars())


def gapless_number(db: Session, kind: str) -> int:
    """The next number of this kind (1, 2, 3 …) for the transaction's tenant.

    The counter's row stays locked until the transaction ends, so numbers have no gaps. Take it late.
    """
    return int(db.execute(_NEXT, {"kind": kind}).scalar_one())
