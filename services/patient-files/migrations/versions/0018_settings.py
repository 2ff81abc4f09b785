"""One table of settings: what was decided about encounters moves into it, and consents have settings of their own."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0018"
down_revision = "0017"

SERVICE = "patient-files"
# The owner is bound by the policies of tables, too, and no tenant is set here. What a migration moves nobody decides.
_OPEN = """
    ALTER TABLE settings NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit;
    ALTER TABLE encounter_settings NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit;
"""


def upgrade() -> None:
    op.execute("""
        ALTER TABLE settings
          ADD COLUMN sign_off_needs_documentation boolean NOT NULL DEFAULT false,
          ADD COLUMN known_signer_required boolean NOT NULL DEFAULT false,
          ADD COLUMN days_after_majority int NOT NULL DEFAULT 30 CHECK (days_after_majority BETWEEN 0 AND 365),
          ADD COLUMN age_of_majority int NOT NULL DEFAULT 18 CHECK (age_of_majority BETWEEN 15 AND 25),
          ADD COLUMN majority_calendar text NOT NULL DEFAULT 'GREGORIAN'
            CHECK (majority_calendar IN ('GREGORIAN', 'HIJRI'));
    """)
    op.execute(_OPEN)
    op.execute("""
        INSERT INTO settings (id, tenant_id, treating_days_after, treating_days_before, sign_off_needs_documentation)
        SELECT gen_random_uuid(), tenant_id, 90, 30, sign_off_needs_documentation FROM encounter_settings
        ON CONFLICT (tenant_id) DO UPDATE SET sign_off_needs_documentation = EXCLUDED.sign_off_needs_documentation;

        ALTER TABLE settings FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit;
        -- the service says what holds where nothing is set
        ALTER TABLE settings
          ALTER COLUMN sign_off_needs_documentation DROP DEFAULT,
          ALTER COLUMN known_signer_required DROP DEFAULT,
          ALTER COLUMN days_after_majority DROP DEFAULT,
          ALTER COLUMN age_of_majority DROP DEFAULT,
          ALTER COLUMN majority_calendar DROP DEFAULT;
        DROP TABLE encounter_settings;
    """)


def downgrade() -> None:
    op.execute("""
        CREATE TABLE encounter_settings (
          id uuid NOT NULL CHECK (id = '00000000-0000-0000-0000-000000000000'),
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          sign_off_needs_documentation boolean NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
    """)
    register_tenant_table(op.execute, "encounter_settings", SERVICE, rights="SELECT, INSERT, UPDATE")
    op.execute(_OPEN)
    op.execute("""
        INSERT INTO encounter_settings (id, tenant_id, sign_off_needs_documentation)
        SELECT '00000000-0000-0000-0000-000000000000', tenant_id, sign_off_needs_documentation FROM settings;

        ALTER TABLE settings FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit;
        ALTER TABLE encounter_settings FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit;
        ALTER TABLE settings
          DROP COLUMN sign_off_needs_documentation,
          DROP COLUMN known_signer_required,
          DROP COLUMN days_after_majority,
          DROP COLUMN age_of_majority,
          DROP COLUMN majority_calendar;
    """)
