"""Every table of a tenant has the tenant in its key: an id that one tenant uses does not take it from another."""

from alembic import op

from jalsa.db.schema import key_by_id, key_by_tenant

revision = "0011"
down_revision = "0010"

TABLES = (
    "clinics",
    "rooms",
    "providers",
    "provider_clinics",
    "working_hours",
    "service_types",
    "sessions",
    "participants",
    "settings",
    "time_off",
    "closures",
    "session_series",
    "series_members",
    "waitlist_entries",
    "waitlist_offers",
    "calendar_links",
    "packages",
    "package_sessions",
    "provider_assignments",
)


def upgrade() -> None:
    key_by_tenant(op.execute, *TABLES)


def downgrade() -> None:
    key_by_id(op.execute, *TABLES)
