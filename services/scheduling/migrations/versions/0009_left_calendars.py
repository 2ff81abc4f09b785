"""A provider's calendar says when a session was last given to a colleague: the session is not in it any more."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION mark_calendar_left() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        BEGIN
          INSERT INTO roster_changes (id, changed_at) VALUES (OLD.provider_id, clock_timestamp())
          ON CONFLICT (tenant_id, id) DO UPDATE SET changed_at = excluded.changed_at;
          RETURN NULL;
        END $$;
        CREATE TRIGGER calendar_left AFTER UPDATE OF provider_id ON sessions
          FOR EACH ROW WHEN (OLD.provider_id IS DISTINCT FROM NEW.provider_id) EXECUTE FUNCTION mark_calendar_left();
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER calendar_left ON sessions; DROP FUNCTION mark_calendar_left();")
