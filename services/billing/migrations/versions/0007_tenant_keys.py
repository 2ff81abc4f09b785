"""Every table of a tenant has the tenant in its key: an id that one tenant uses does not take it from another."""

from alembic import op

from jalsa.db.schema import key_by_id, key_by_tenant

revision = "0007"
down_revision = "0006"

TABLES = (
    "prices",
    "invoices",
    "invoice_lines",
    "payments",
)


def upgrade() -> None:
    key_by_tenant(op.execute, *TABLES)


def downgrade() -> None:
    key_by_id(op.execute, *TABLES)
