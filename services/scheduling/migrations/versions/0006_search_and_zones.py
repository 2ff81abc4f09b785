"""Names are looked for and told apart as they are folded; a zone is one that the database can reckon in.

What was stored before stays. Of two rooms of a clinic, or two logins, that are one as folded, the younger is marked as
a twin, and keeps its name until it is renamed. A zone of which the database knows nothing stays until it is corrected.
A change of who takes part in a group session leaves its time, because the calendar feed tells how many they are.
"""

from alembic import op

from jalsa.db.schema import create_folding, drop_folding, register_tenant_table

revision = "0006"
down_revision = "0005"

SERVICE = "scheduling"
_NAMED = ("clinics", "providers", "service_types")

# The owner is bound by the policies of tables, too, and no tenant is set here; what a migration marks is no change of a
# record by anybody.
_MARK_TWINS = """
    ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit;
    UPDATE {table} SET twin = true FROM (
      SELECT id, row_number() OVER (PARTITION BY {scope}, {folded} ORDER BY id) AS n FROM {table}
    ) AS counted WHERE counted.id = {table}.id AND n > 1;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit;
"""


def upgrade() -> None:
    create_folding(op.execute, SERVICE)
    for table in _NAMED:
        op.execute(f"""
            ALTER TABLE {table} ADD folded text NOT NULL GENERATED ALWAYS AS (fold(name_en || ' ' || name_ar)) STORED
        """)
    op.execute("""
        ALTER TABLE clinics ADD change_reason text,
          ADD CONSTRAINT clinics_timezone CHECK (timezone(timezone, timestamptz 'epoch') IS NOT NULL) NOT VALID;
        ALTER TABLE providers ADD change_reason text, ADD twin boolean NOT NULL DEFAULT false,
          ADD user_folded text NOT NULL GENERATED ALWAYS AS (fold(user_id)) STORED;
        ALTER TABLE rooms ADD twin boolean NOT NULL DEFAULT false,
          ADD folded text NOT NULL GENERATED ALWAYS AS (fold(name)) STORED;
    """)
    op.execute(_MARK_TWINS.format(table="providers", scope="tenant_id", folded="user_folded"))
    op.execute(_MARK_TWINS.format(table="rooms", scope="tenant_id, clinic_id", folded="folded"))
    op.execute("""
        CREATE UNIQUE INDEX providers_user_folded ON providers (tenant_id, user_folded) WHERE NOT twin;
        CREATE UNIQUE INDEX rooms_name_folded ON rooms (tenant_id, clinic_id, folded) WHERE NOT twin;

        CREATE TABLE roster_changes (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          changed_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        -- Who leaves a session leaves no row behind that would say so, so the session's mark is written on the way.
        CREATE FUNCTION mark_roster_change() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        BEGIN
          INSERT INTO roster_changes (id, changed_at)
          SELECT id, clock_timestamp() FROM sessions
          WHERE session_type = 'GROUP' AND (id = NEW.session_id OR id = OLD.session_id) ORDER BY id
          ON CONFLICT (tenant_id, id) DO UPDATE SET changed_at = excluded.changed_at;
          RETURN NULL;
        END $$;
        CREATE TRIGGER roster_grows AFTER INSERT ON participants
          FOR EACH ROW WHEN (NEW.live) EXECUTE FUNCTION mark_roster_change();
        CREATE TRIGGER roster_changes AFTER UPDATE OF session_id, status ON participants
          FOR EACH ROW WHEN (OLD.session_id IS DISTINCT FROM NEW.session_id OR OLD.live IS DISTINCT FROM NEW.live)
          EXECUTE FUNCTION mark_roster_change();
    """)
    register_tenant_table(op.execute, "roster_changes", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.execute("""
        DROP TRIGGER roster_grows ON participants;
        DROP TRIGGER roster_changes ON participants;
        DROP FUNCTION mark_roster_change();
        DROP TABLE roster_changes;
        ALTER TABLE rooms DROP folded, DROP twin;
        ALTER TABLE providers DROP user_folded, DROP twin, DROP change_reason;
        ALTER TABLE clinics DROP change_reason, DROP CONSTRAINT clinics_timezone;
    """)
    for table in _NAMED:
        op.execute(f"ALTER TABLE {table} DROP folded")
    drop_folding(op.execute)
