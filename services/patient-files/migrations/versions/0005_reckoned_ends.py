"""The end of a consent is reckoned anew where its clinic's zone is corrected."""

from alembic import op

from jalsa.db.schema import roles

revision = "0005"
down_revision = "0004"

APP, _ = roles("patient-files")


def upgrade() -> None:
    # what was signed is still never changed: the end follows from it, by the clinic's clock
    op.execute(f"GRANT UPDATE (ends_at) ON consents TO {APP}")
    op.execute(
        "CREATE INDEX consents_clinic ON consents (tenant_id, clinic_id, expires_on) WHERE expires_on IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX consents_clinic")
    op.execute(f"REVOKE UPDATE (ends_at) ON consents FROM {APP}")
