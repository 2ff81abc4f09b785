"""A clinic whose stored zone the database does not know stands in nobody's way: its local times are unknown.

Of an absence over its sessions the days are taken to be those of UTC, until the zone is corrected.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

# Whether the database knows a zone is asked of itself, because that changes with its server's packages.
_LOCAL_TIME = """
    CREATE FUNCTION local_time(zone text, instant timestamptz) RETURNS timestamp LANGUAGE plpgsql STABLE AS $$
    BEGIN
      RETURN instant AT TIME ZONE zone;
    EXCEPTION WHEN invalid_parameter_value THEN
      RETURN NULL;
    END $$;
    CREATE FUNCTION absence_day(zone text, instant timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
      SELECT coalesce(local_time(zone, instant), instant AT TIME ZONE 'UTC')::date
    $$;
"""
_BLOCKED_BY = """
    CREATE OR REPLACE FUNCTION blocked_by(placed sessions) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
    DECLARE
      found text[] := '{{}}';
    BEGIN
      IF placed.status <> 'SCHEDULED' THEN
        RETURN found;
      END IF;
      IF EXISTS (SELECT FROM time_off
                 WHERE provider_id = placed.provider_id AND starts_at < placed.ends_at AND ends_at > placed.starts_at)
      THEN
        found := found || 'time-off'::text;
      END IF;
      IF EXISTS (SELECT FROM closures c JOIN clinics k ON k.id = placed.clinic_id
                 WHERE (c.clinic_id IS NULL OR c.clinic_id = placed.clinic_id)
                   AND c.starts_on <= {last}
                   AND c.ends_on >= {first})
      THEN
        found := found || 'closure'::text;
      END IF;
      IF found <> '{{}}' AND placed.overridden <> '{{}}' THEN
        RETURN ARRAY(SELECT rule FROM unnest(found) AS rule WHERE rule <> ALL (placed.overridden));
      END IF;
      RETURN found;
    END $$;
"""
_LAST = "placed.ends_at - interval '1 microsecond'"


def upgrade() -> None:
    op.execute(_LOCAL_TIME)
    op.execute(
        _BLOCKED_BY.format(last=f"absence_day(k.timezone, {_LAST})", first="absence_day(k.timezone, placed.starts_at)")
    )


def downgrade() -> None:
    op.execute(
        _BLOCKED_BY.format(
            last=f"(({_LAST}) AT TIME ZONE k.timezone)::date", first="(placed.starts_at AT TIME ZONE k.timezone)::date"
        )
    )
    op.execute("DROP FUNCTION absence_day(text, timestamptz), local_time(text, timestamptz)")
