"""Corrections: when a slip was taken back, by whom, and what a way back needs to know of the state before; and why
clearance or consent is missing.

That an outcome's instants go with it is held here, because the state to which a slip is taken back is told by them.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE settings ADD early_start_minutes int NOT NULL DEFAULT 15
          CHECK (early_start_minutes BETWEEN 0 AND 240);
        ALTER TABLE sessions ADD corrected_at timestamptz, ADD corrected_by text;
        ALTER TABLE participants ADD corrected_at timestamptz, ADD corrected_by text,
          ADD CONSTRAINT participants_confirmed CHECK (CASE status WHEN 'BOOKED' THEN confirmed_at IS NULL
                                                       WHEN 'CONFIRMED' THEN confirmed_at IS NOT NULL ELSE true END),
          ADD CONSTRAINT participants_not_missed CHECK (status NOT IN ('BOOKED', 'CONFIRMED') OR no_show_at IS NULL);
        ALTER TABLE clearances ADD reason text;
        ALTER TABLE patients ADD ended_consents jsonb NOT NULL DEFAULT '[]';
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE patients DROP ended_consents;
        ALTER TABLE clearances DROP reason;
        ALTER TABLE participants DROP CONSTRAINT participants_not_missed, DROP CONSTRAINT participants_confirmed,
          DROP corrected_at, DROP corrected_by;
        ALTER TABLE sessions DROP corrected_at, DROP corrected_by;
        ALTER TABLE settings DROP early_start_minutes;
    """)
