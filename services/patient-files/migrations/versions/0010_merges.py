"""Merges of patients, and the aliases under which everything is read; nothing that names a patient is changed."""

from alembic import op

from jalsa.db.aliases import create_aliases, drop_aliases
from jalsa.db.schema import register_tenant_table

revision = "0010"
down_revision = "0009"

SERVICE = "patient-files"


def upgrade() -> None:
    create_aliases(op.execute, SERVICE)
    op.execute("""
        ALTER TABLE patients
          ADD COLUMN merged_into uuid CHECK (merged_into <> id),
          ADD FOREIGN KEY (tenant_id, merged_into) REFERENCES patients (tenant_id, id);

        CREATE TABLE patient_merges (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          loser_id uuid NOT NULL,
          survivor_id uuid NOT NULL CHECK (survivor_id <> loser_id),
          reason text NOT NULL,
          override_reason text,
          merged_at timestamptz NOT NULL,
          merged_by text NOT NULL,
          undone_at timestamptz CHECK (undone_at >= merged_at),
          undone_by text,
          undo_reason text,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, loser_id) REFERENCES patients (tenant_id, id),
          FOREIGN KEY (tenant_id, survivor_id) REFERENCES patients (tenant_id, id),
          CHECK (num_nonnulls(undone_at, undone_by, undo_reason) IN (0, 3))
        );
        -- a record is merged once at a time, whatever the application did or forgot
        CREATE UNIQUE INDEX patient_merges_once ON patient_merges (tenant_id, loser_id) WHERE undone_at IS NULL;
    """)
    # what was merged is never changed: a merge can only be undone
    rights = "SELECT, INSERT, UPDATE (undone_at, undone_by, undo_reason)"
    register_tenant_table(op.execute, "patient_merges", SERVICE, rights=rights)


def downgrade() -> None:
    op.execute("""
        DROP TABLE patient_merges;
        ALTER TABLE patients DROP COLUMN merged_into;
    """)
    drop_aliases(op.execute)
