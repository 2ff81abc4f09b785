"""The mechanisms' tables, and what makes a table a tenant's. Only migrations use them.

Migrations are history. A later change is a new function here (`create_mechanisms_v2`), and no old one is edited.
"""

from collections.abc import Callable

from jalsa.service import folding

Execute = Callable[[str], None]

_MECHANISMS_V1 = """
CREATE FUNCTION jalsa_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO audit_log (tenant_id, table_name, row_id, action, actor, request_id, before, after)
  VALUES (current_setting('jalsa.tenant'), TG_TABLE_NAME,
          CASE WHEN TG_OP = 'DELETE' THEN OLD.id::text ELSE NEW.id::text END, TG_OP,
          current_setting('jalsa.actor'), current_setting('jalsa.request'),
          CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
          CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  table_name text NOT NULL,
  row_id text NOT NULL,
  action text NOT NULL,
  actor text NOT NULL,
  request_id text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  before jsonb,
  after jsonb
);
CREATE INDEX audit_log_row ON audit_log (tenant_id, table_name, row_id, id);

CREATE TABLE numbers (
  tenant_id text NOT NULL,
  kind text NOT NULL,
  last bigint NOT NULL,
  PRIMARY KEY (tenant_id, kind)
);

-- Numbers that may have gaps come from a sequence per tenant and kind, made when it is first needed: its lock is not
-- held to the end of the transaction, as a counter's row would be.
CREATE FUNCTION loose_number(prefix text, year int) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  stem text := prefix || '-' || upper(current_setting('jalsa.tenant')) || '-' || year || '-';
  name text := 'loose_' || md5(stem);
BEGIN
  IF to_regclass(name) IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(name, 0));
    EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I', name);
  END IF;
  RETURN stem || to_char(nextval(name), 'FM99999999900000');
END $$;

CREATE TABLE idempotency_keys (
  tenant_id text NOT NULL,
  actor text NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  status smallint NOT NULL,
  headers jsonb NOT NULL,
  body bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, actor, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE outbox_heads (
  tenant_id text NOT NULL,
  subject text NOT NULL,
  last bigint NOT NULL,
  PRIMARY KEY (tenant_id, subject)
);

-- n: the order of insertion; within a subject it rises with the sequence, because the subject's head is locked first.
CREATE TABLE outbox (
  id uuid PRIMARY KEY,
  n bigint GENERATED ALWAYS AS IDENTITY,
  position bigint UNIQUE,
  tenant_id text NOT NULL,
  subject text NOT NULL,
  sequence bigint NOT NULL,
  type text NOT NULL,
  time timestamptz NOT NULL,
  correlation_id text NOT NULL,
  causation_id text,
  traceparent text NOT NULL,
  data jsonb NOT NULL,
  UNIQUE (tenant_id, subject, sequence)
);
CREATE INDEX outbox_unplaced ON outbox (n) WHERE position IS NULL;
CREATE INDEX outbox_tenant ON outbox (tenant_id, position);

-- How far each of the relay's two works has come: the last position given, the last one that the broker confirmed.
-- Its row's lock is the right to do that work.
CREATE TABLE relay_state (
  work text PRIMARY KEY CHECK (work IN ('place', 'publish')),
  position bigint NOT NULL DEFAULT 0
);
INSERT INTO relay_state (work) VALUES ('place'), ('publish');

CREATE TABLE inbox_heads (
  tenant_id text NOT NULL,
  source text NOT NULL,
  subject text NOT NULL,
  last bigint NOT NULL,
  PRIMARY KEY (tenant_id, source, subject)
);

CREATE TABLE inbox (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL,
  source text NOT NULL,
  subject text NOT NULL,
  sequence bigint NOT NULL,
  type text NOT NULL,
  envelope jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'retrying', 'dead')),
  attempts int NOT NULL DEFAULT 0,
  next_at timestamptz,
  error text,
  received_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, source, subject, sequence)
);
CREATE INDEX inbox_due ON inbox (next_at) WHERE state = 'retrying';
CREATE INDEX inbox_state ON inbox (tenant_id, state, id);

CREATE TABLE feed_checkpoints (
  source text PRIMARY KEY,
  position bigint NOT NULL DEFAULT 0,
  follows text NOT NULL DEFAULT '',
  read_at timestamptz
);
"""

_DROP_MECHANISMS_V1 = """
DROP TABLE feed_checkpoints, inbox, inbox_heads, relay_state, outbox, outbox_heads, idempotency_keys, numbers,
  audit_log;
DROP FUNCTION jalsa_audit(), loose_number(text, int);
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND sequencename ~ '^loose_' LOOP
    EXECUTE format('DROP SEQUENCE %I', name);
  END LOOP;
END $$;
"""


def create_mechanisms(execute: Execute, service: str) -> None:
    """Create outbox, inbox, idempotency keys, numbers and audit log, with their rights."""
    execute(_MECHANISMS_V1)
    app, relay = roles(service)
    execute(f"GRANT USAGE ON SCHEMA public TO {app}, {relay}")
    for name in ("numbers", "idempotency_keys", "outbox_heads", "inbox_heads", "inbox", "outbox", "audit_log"):
        enable_tenant_rls(execute, name)
    execute(f"""
        GRANT SELECT ON audit_log TO {app};
        GRANT SELECT, INSERT, UPDATE ON numbers, outbox_heads, inbox_heads TO {app};
        GRANT SELECT, INSERT ON idempotency_keys TO {app};
        GRANT SELECT, INSERT, UPDATE, DELETE ON inbox TO {app};
        GRANT SELECT ON outbox TO {app};
        GRANT INSERT (id, tenant_id, subject, sequence, type, time, correlation_id, causation_id, traceparent, data)
          ON outbox TO {app};
        GRANT SELECT ON feed_checkpoints TO {app};
        GRANT SELECT ON outbox, inbox_heads TO {relay};
        GRANT UPDATE (position) ON outbox TO {relay};
        GRANT SELECT (id, tenant_id, source, subject, sequence, state, next_at, received_at) ON inbox TO {relay};
        GRANT SELECT, UPDATE ON relay_state TO {relay};
        GRANT SELECT, INSERT, UPDATE ON feed_checkpoints TO {relay};
        GRANT SELECT (created_at), DELETE ON idempotency_keys TO {relay};
    """)
    for name in ("outbox", "inbox", "inbox_heads", "idempotency_keys"):
        grant_relay_access(execute, name, service)
    # our own services read every tenant's events, and nothing else, under the tenant `*`
    execute(f"CREATE POLICY feed ON outbox FOR SELECT TO {app} USING (current_setting('jalsa.tenant', true) = '*')")
    # what an operator does with a dead event is a change of a record
    execute("""
        CREATE TRIGGER audit_dead AFTER UPDATE OR DELETE ON inbox
        FOR EACH ROW WHEN (OLD.state = 'dead') EXECUTE FUNCTION jalsa_audit()
    """)


def drop_mechanisms(execute: Execute, service: str) -> None:
    """The way back from create_mechanisms."""
    execute(_DROP_MECHANISMS_V1)
    app, relay = roles(service)
    execute(f"REVOKE USAGE ON SCHEMA public FROM {app}, {relay}")


_NUMBERS_RISE = """
CREATE FUNCTION numbers_rise() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.last = (CASE WHEN TG_OP = 'UPDATE' THEN OLD.last ELSE 0 END) + 1 THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'numbers_rise',
    MESSAGE = 'a number begins at 1 and rises by 1';
END $$;
CREATE TRIGGER rise BEFORE INSERT OR UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION numbers_rise();
"""

# What may be asked for is bounded, because each kind and year makes a sequence, which nothing ever removes.
_LOOSE_NUMBER = """
CREATE OR REPLACE FUNCTION loose_number(prefix text, year int) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  stem text := prefix || '-' || upper(current_setting('jalsa.tenant')) || '-' || year || '-';
  name text := 'loose_' || md5(stem);
BEGIN
  {check}
  IF to_regclass(name) IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(name, 0));
    EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I', name);
  END IF;
  RETURN stem || to_char(nextval(name), 'FM99999999900000');
END $$;
"""


def guard_numbers(execute: Execute, service: str, kinds: tuple[str, ...] = ()) -> None:
    """Let counters only rise by one, and give loose numbers of these kinds and of years near ours to the app alone."""
    app, _ = roles(service)
    known = ", ".join(f"'{kind}'" for kind in kinds)
    check = f"""
  IF prefix <> ALL (ARRAY[{known}]::text[]) OR year NOT BETWEEN 2000 AND 2200 THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'loose_number_kind',
      MESSAGE = 'there are no such numbers';
  END IF;"""
    execute(_NUMBERS_RISE)
    execute(_LOOSE_NUMBER.replace("{check}", check))
    execute(f"""
        REVOKE UPDATE ON numbers FROM {app};
        GRANT UPDATE (last) ON numbers TO {app};
        REVOKE EXECUTE ON FUNCTION loose_number(text, int), jalsa_audit() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION loose_number(text, int) TO {app};
    """)


def unguard_numbers(execute: Execute, service: str) -> None:
    """The way back from guard_numbers."""
    app, _ = roles(service)
    execute("DROP TRIGGER rise ON numbers; DROP FUNCTION numbers_rise()")
    execute(_LOOSE_NUMBER.replace("{check}", ""))
    execute(f"""
        REVOKE UPDATE (last) ON numbers FROM {app};
        GRANT UPDATE ON numbers TO {app};
        REVOKE EXECUTE ON FUNCTION loose_number(text, int) FROM {app};
        GRANT EXECUTE ON FUNCTION loose_number(text, int), jalsa_audit() TO PUBLIC;
    """)


def create_folding(execute: Execute, service: str) -> None:
    """Create the function `fold(text)`, which makes one text of what people take for the same spelling.

    It is `jalsa.service.folding.fold`, for stored generated columns and their indexes.
    """
    app, _ = roles(service)
    execute(f"""
        CREATE FUNCTION fold(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
        AS $fold${folding.function_body()}$fold$
    """)
    execute(f"REVOKE EXECUTE ON FUNCTION fold(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION fold(text) TO {app}")


def drop_folding(execute: Execute) -> None:
    """The way back from create_folding, once no column is made by it."""
    execute("DROP FUNCTION fold(text)")


_SOURCES = """
-- The id of the last event that was applied: a source that was restored gives its sequence to another one.
ALTER TABLE inbox_heads ADD COLUMN last_id uuid;
ALTER TABLE feed_checkpoints ADD COLUMN last_id uuid;
CREATE TABLE stopped_sources (
  source text PRIMARY KEY,
  because text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
DROP TRIGGER audit_dead ON inbox;
-- What an operator does with a kept event is a change of a record; what the system does with one that waits is none.
CREATE TRIGGER audit_operated AFTER UPDATE OR DELETE ON inbox FOR EACH ROW
  WHEN (OLD.state = 'dead' OR left(current_setting('jalsa.actor', true), 7) <> 'system:')
  EXECUTE FUNCTION jalsa_audit();
"""

_DROP_SOURCES = """
DROP TRIGGER audit_operated ON inbox;
CREATE TRIGGER audit_dead AFTER UPDATE OR DELETE ON inbox
  FOR EACH ROW WHEN (OLD.state = 'dead') EXECUTE FUNCTION jalsa_audit();
DROP POLICY heads ON inbox_heads;
DROP TABLE stopped_sources;
ALTER TABLE feed_checkpoints DROP COLUMN last_id;
ALTER TABLE inbox_heads DROP COLUMN last_id;
"""


def create_sources(execute: Execute, service: str) -> None:
    """Let heads and checkpoints keep the id of their last event, and a source that has changed be stopped."""
    app, relay = roles(service)
    execute(_SOURCES)
    # our own services may ask, under the tenant `*`, how far this one has come with their events
    execute(f"""
        CREATE POLICY heads ON inbox_heads FOR SELECT TO {app} USING (current_setting('jalsa.tenant', true) = '*');
        GRANT SELECT ON stopped_sources TO {app};
        GRANT SELECT, INSERT, DELETE ON stopped_sources TO {relay};
        GRANT UPDATE (last_id) ON inbox_heads TO {relay};
    """)


def drop_sources(execute: Execute, service: str) -> None:
    """The way back from create_sources."""
    _, relay = roles(service)
    execute(f"REVOKE UPDATE (last_id) ON inbox_heads FROM {relay}")
    execute(_DROP_SOURCES)


def roles(service: str) -> tuple[str, str]:
    """The application's and the relay's role of a service."""
    stem = service.replace("-", "_")
    return f"{stem}_app", f"{stem}_relay"


def enable_tenant_rls(execute: Execute, table: str) -> None:
    """Force row-level security: a transaction sees and writes its own tenant's rows, the owner's too."""
    execute(f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON {table}
          USING (tenant_id = current_setting('jalsa.tenant', true))
          WITH CHECK (tenant_id = current_setting('jalsa.tenant', true));
    """)


def grant_relay_access(execute: Execute, table: str, service: str, columns: str | None = None) -> None:
    """Let the relay role see every tenant's rows. `columns`, if given, are granted for reading and nothing else."""
    _, relay = roles(service)
    execute(f"CREATE POLICY relay ON {table} TO {relay} USING (true) WITH CHECK (true)")
    if columns:
        execute(f"GRANT SELECT ({columns}) ON {table} TO {relay}")


def register_tenant_table(
    execute: Execute, table: str, service: str, *, audited: bool = True, rights: str | None = None
) -> None:
    """Make a domain table a tenant's: row-level security, the application's rights, and an audit row per change.

    A table has `id` and `tenant_id`. A projection of another service's data is not audited, because its owner's record
    is.
    """
    app, _ = roles(service)
    enable_tenant_rls(execute, table)
    execute(f"GRANT {rights or 'SELECT, INSERT, UPDATE, DELETE'} ON {table} TO {app}")
    if audited:
        execute(f"""
            CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION jalsa_audit()
        """)


def key_by_tenant(execute: Execute, *tables: str) -> None:
    """Make (tenant_id, id) the primary key of tables that have `id` alone, so that no tenant can be in another's way.

    It locks each table for as long as its new index takes.
    """
    for table in tables:
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (tenant_id, id)")


def key_by_id(execute: Execute, *tables: str) -> None:
    """The way back from key_by_tenant. It fails where two tenants have rows of one id."""
    for table in tables:
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (id)")
