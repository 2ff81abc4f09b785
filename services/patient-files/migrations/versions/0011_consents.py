"""Types of consent and their wordings, who has signed and how, and a standing for each type."""

import os
from pathlib import Path

from alembic import op

from jalsa.db.schema import grant_relay_access, register_tenant_table, roles

revision = "0011"
down_revision = "0010"

SERVICE = "patient-files"
APP, _ = roles(SERVICE)
_HERE = Path(__file__)
#: The setting by which the days of a consent for every clinic are reckoned, as the service reads it.
_ZONE = os.environ.get("DEFAULT_TIMEZONE") or "Asia/Riyadh"
# The owner is bound by the policies of tables, too, and no tenant is set here; what a migration reckons is no change of
# a record by anybody.
_OPEN = """
    ALTER TABLE consents NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit;
    ALTER TABLE consent_standings NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE patients NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE clinics NO FORCE ROW LEVEL SECURITY;
"""
_CLOSE = """
    ALTER TABLE consents FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit;
    ALTER TABLE consent_standings FORCE ROW LEVEL SECURITY;
    ALTER TABLE patients FORCE ROW LEVEL SECURITY;
    ALTER TABLE clinics FORCE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    _run("")
    register_tenant_table(op.execute, "consent_types", SERVICE, rights="SELECT, INSERT, UPDATE")
    # what is written stays as it is written, and is published once
    rights = "SELECT, INSERT, UPDATE (published_at, published_by, spread_due_at)"
    register_tenant_table(op.execute, "consent_wordings", SERVICE, rights=rights)
    grant_relay_access(op.execute, "consent_wordings", SERVICE, "id, tenant_id, spread_due_at")
    # what was signed is still never changed: when it ends follows from it
    op.execute(f"GRANT UPDATE (resign_through, outgrown_through) ON consents TO {APP}")


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE (resign_through, outgrown_through) ON consents FROM {APP}")
    _run("_down")


def _run(part: str) -> None:
    op.execute(_OPEN)
    statements = _HERE.with_name(f"{_HERE.stem}{part}.sql").read_text("utf-8")
    op.execute(statements.replace("{zone}", _ZONE.replace("'", "''")))
    op.execute(_CLOSE)
