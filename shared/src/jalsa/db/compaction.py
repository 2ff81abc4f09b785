"""Compaction gives a superseded event the data of the latest event of its subject.

The log of events is never shortened, and some of it names people. A name that was corrected, or a telephone number that
was given up, must not stay readable in it. The event itself stays, with its id, position, sequence, type and time, so
that nobody who replays the feed meets a gap, and a replay ends in the same state.

The application role cannot change the log. The function `compact_events` belongs to the owner and works in the tenant
of its transaction. It changes events of the types that the migration names, and no others.
"""

from collections.abc import Iterable

from jalsa.db.schema import Execute, roles

_FUNCTION = """
CREATE INDEX outbox_compacted ON outbox (tenant_id, subject, sequence) WHERE type IN ({types});
CREATE FUNCTION compact_events(older_than timestamptz, after text, most int, OUT compacted int, OUT last text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH page AS MATERIALIZED (
         SELECT DISTINCT subject FROM outbox
         WHERE tenant_id = current_setting('jalsa.tenant') AND subject > after AND type IN ({types})
         ORDER BY subject LIMIT most),
       latest AS MATERIALIZED (
         SELECT page.subject, newest.sequence, newest.data
         FROM page CROSS JOIN LATERAL (
           SELECT sequence, data FROM outbox
           WHERE tenant_id = current_setting('jalsa.tenant') AND subject = page.subject AND type IN ({types})
           ORDER BY sequence DESC LIMIT 1) AS newest),
       changed AS (
         UPDATE outbox AS old SET data = latest.data, compacted_to = latest.sequence
         FROM latest
         WHERE old.tenant_id = current_setting('jalsa.tenant') AND old.subject = latest.subject
           AND old.type IN ({types}) AND old.sequence < latest.sequence AND old.time < older_than
           AND old.compacted_to IS DISTINCT FROM latest.sequence
         RETURNING 1)
  SELECT (SELECT count(*) FROM changed)::int, (SELECT max(subject) FROM page)
$$;
REVOKE EXECUTE ON FUNCTION compact_events(timestamptz, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compact_events(timestamptz, text, int) TO {app};
-- When the next turn is. A worker that takes it moves it first, so that the others leave it alone.
CREATE TABLE compaction_due (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  due_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO compaction_due DEFAULT VALUES;
GRANT SELECT, UPDATE ON compaction_due TO {relay};
"""


def mark_compacted(execute: Execute) -> None:
    """Let an event say that it was compacted. `compacted_to` is the sequence of the event whose data it has."""
    execute("ALTER TABLE outbox ADD COLUMN compacted_to bigint")


def unmark_compacted(execute: Execute) -> None:
    """Undo `mark_compacted`."""
    execute("ALTER TABLE outbox DROP COLUMN compacted_to")


def create_compaction(execute: Execute, service: str, types: Iterable[str]) -> None:
    """Create `compact_events` for events of these types (`jalsa.patient-files.PatientUpdated.v1`).

    All these types of one subject have the same data.
    """
    app, relay = roles(service)
    listed = ", ".join(f"'{name}'" for name in types)
    execute(_FUNCTION.format(types=listed, app=app, relay=relay))


def drop_compaction(execute: Execute) -> None:
    """Undo `create_compaction`. What was compacted stays so."""
    execute("""
        DROP TABLE compaction_due;
        DROP FUNCTION compact_events(timestamptz, text, int);
        DROP INDEX outbox_compacted;
    """)
