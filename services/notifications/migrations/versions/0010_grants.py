"""Notices for everybody with a role but one login, which tell of emergency access, and who of these has read them."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0010"
down_revision = "0009"

SERVICE = "notifications"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE notices ALTER COLUMN user_id DROP NOT NULL;
        ALTER TABLE notices ADD COLUMN roles text[];
        ALTER TABLE notices ADD COLUMN except_user_id text;
        ALTER TABLE notices ADD COLUMN grant_id uuid;
        ALTER TABLE notices ADD CONSTRAINT notices_for_one CHECK (num_nonnulls(user_id, roles) = 1);
        -- who opened a grant is never told of it
        ALTER TABLE notices ADD CONSTRAINT notices_but_for CHECK ((roles IS NULL) = (except_user_id IS NULL));
        -- each of those with a role reads it alone
        ALTER TABLE notices ADD CONSTRAINT notices_read_by_one CHECK (roles IS NULL OR read_at IS NULL);
        ALTER TABLE notices ADD CONSTRAINT notices_grants_for_roles CHECK (grant_id IS NULL OR roles IS NOT NULL);
        ALTER TABLE notices DROP CONSTRAINT notices_about_one;
        ALTER TABLE notices ADD CONSTRAINT notices_about_one
          CHECK (num_nonnulls(appointment_id, package_id, grant_id) = 1);
        CREATE INDEX notices_roles ON notices (tenant_id, id) WHERE roles IS NOT NULL;
        -- Whatever was said again, everybody is told of it once.
        CREATE UNIQUE INDEX notices_grant_once ON notices (tenant_id, grant_id, kind) WHERE grant_id IS NOT NULL;

        CREATE TABLE notice_reads (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          notice_id uuid NOT NULL,
          user_id text NOT NULL,
          read_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id),
          UNIQUE (tenant_id, notice_id, user_id),
          FOREIGN KEY (tenant_id, notice_id) REFERENCES notices
        );
    """)
    register_tenant_table(op.execute, "notice_reads", SERVICE, rights="SELECT, INSERT")


def downgrade() -> None:
    # what is for roles has no place in what was; every tenant's goes, and nobody's tenant is set to audit it under
    op.execute("DROP TABLE notice_reads")
    op.execute("ALTER TABLE notices NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit")
    op.execute("DELETE FROM notices WHERE roles IS NOT NULL")
    op.execute("ALTER TABLE notices FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit")
    op.execute("""
        DROP INDEX notices_grant_once, notices_roles;
        ALTER TABLE notices DROP CONSTRAINT notices_about_one, DROP CONSTRAINT notices_grants_for_roles,
          DROP CONSTRAINT notices_read_by_one, DROP CONSTRAINT notices_but_for, DROP CONSTRAINT notices_for_one,
          DROP COLUMN grant_id, DROP COLUMN except_user_id, DROP COLUMN roles, ALTER COLUMN user_id SET NOT NULL;
        ALTER TABLE notices ADD CONSTRAINT notices_about_one CHECK (num_nonnulls(appointment_id, package_id) = 1);
    """)
