"""The access log: who read what of which patient, and who was refused. Rows are added and read, and never changed.

A row stands for one reading of a record. What shows many patients at once (lists, searches, names) has one row for each
person, patient, kind and hour. Its time is the beginning of that hour. The rows are kept in a partition for each month
(UTC), which the relay's role has made ahead and dropped after the retention time, by functions of the owner's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jalsa.db.schema import Execute, enable_tenant_rls, roles
from jalsa.db.transactions import commit, commit_after
from jalsa.service.ids import new_id

READ, REFUSED = "READ", "REFUSED"
OUTCOMES = (READ, REFUSED)
#: Why it was read: codes of HL7's PurposeOfUse. An emergency is what somebody reads under a grant of their own making.
TREATMENT, EMERGENCY, PAYMENT, OPERATIONS = "TREAT", "ETREAT", "HPAYMT", "HOPERAT"
PURPOSES = (TREATMENT, EMERGENCY, PAYMENT, OPERATIONS)
#: For how many months after the present one there is a partition.
MONTHS_AHEAD = 3

# The primary key has the time in it, because every unique key of a partitioned table has the column of its partitions.
_TABLE = f"""
CREATE TABLE access_log (
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  person text NOT NULL,
  roles text[] NOT NULL,
  patient_id uuid,
  kind text NOT NULL,
  record_id text,
  relation text,
  purpose text NOT NULL CHECK (purpose IN {PURPOSES}),
  reason text,
  outcome text NOT NULL CHECK (outcome IN {OUTCOMES}),
  grant_id uuid,
  request_id text NOT NULL,
  hourly boolean NOT NULL,
  text_hmac bytea,
  PRIMARY KEY (tenant_id, at, id),
  CHECK (NOT hourly OR (patient_id IS NOT NULL AND grant_id IS NULL))
) PARTITION BY RANGE (at);
CREATE UNIQUE INDEX access_log_once_an_hour ON access_log (tenant_id, person, kind, at, patient_id) WHERE hourly;
CREATE INDEX access_log_patient ON access_log (tenant_id, patient_id, at, id) WHERE patient_id IS NOT NULL;
CREATE INDEX access_log_person ON access_log (tenant_id, person, at, id);
"""

# A partition is made beside the table and then attached, which disturbs nobody who reads or writes meanwhile. It has
# no policy of its own: whoever does not come through the table, the owner too, sees nothing.
_PREPARE = """
CREATE FUNCTION access_log_prepare(months int) RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  month timestamp;
  name text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('access_log', 0));
  FOR ahead IN 0 .. least(months, 24) LOOP
    month := date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month';
    name := to_char(month, '"access_log_"YYYY_MM');
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE access_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
      EXECUTE format('ALTER TABLE access_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                     month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
  END LOOP;
  RETURN (month + interval '1 month') AT TIME ZONE 'UTC';
END $$;
"""

# A partition is dropped once its last row is older than the retention time.
_FORGET = """
CREATE FUNCTION access_log_forget(months int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  latest text := to_char(date_trunc('month', now() AT TIME ZONE 'UTC') - (months + 1) * interval '1 month',
                         '"access_log_"YYYY_MM');
  name text;
  dropped int := 0;
BEGIN
  IF months < 12 THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'access_log_retention',
      MESSAGE = 'the access log is kept for 12 months at least';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('access_log', 0));
  FOR name IN SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
              WHERE inhparent = 'access_log'::regclass AND relname COLLATE "C" <= latest COLLATE "C" LOOP
    EXECUTE format('DROP TABLE %I', name);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;
"""


def create_access_log(execute: Execute, service: str) -> None:
    """Create the access log with the partitions of the next months. The application's role adds and reads, no more."""
    app, relay = roles(service)
    execute(_TABLE)
    enable_tenant_rls(execute, "access_log")
    execute(f"GRANT SELECT, INSERT ON access_log TO {app}")
    execute(_PREPARE)
    execute(_FORGET)
    execute(f"""
        REVOKE EXECUTE ON FUNCTION access_log_prepare(int), access_log_forget(int) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION access_log_prepare(int), access_log_forget(int) TO {relay};
    """)
    execute(f"SELECT access_log_prepare({MONTHS_AHEAD})")


def drop_access_log(execute: Execute) -> None:
    """The way back from create_access_log: all of its rows are lost."""
    execute("DROP TABLE access_log; DROP FUNCTION access_log_prepare(int), access_log_forget(int)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read, or was not to be.

    `relation` is what the person is to the patient, where that decides. `reason` is a code: why a grant was taken, or
    why it was refused. Under a grant no row stands for an hour. `text_hmac` is of the text that was searched for.
    """

    kind: str
    patient_id: UUID | None = None
    record_id: str | None = None
    relation: str | None = None
    reason: str | None = None
    grant_id: UUID | None = None
    hourly: bool = False
    text_hmac: bytes | None = None


class CannotBeLogged(Exception):
    """The table has no place for a row: no worker has made a partition of this month (docs/runbooks/access-log.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads: login, roles, in which request, and for which purpose unless it is an emergency."""

    person: str
    roles: Sequence[str]
    request_id: str
    purpose: str


# Rows of an hour are inserted in one order by everybody: two requests of one person wait for each other in no circle.
_STORE = text("""
    INSERT INTO access_log (id, at, person, roles, patient_id, kind, record_id, relation, purpose, reason, outcome,
                            grant_id, request_id, hourly, text_hmac)
    SELECT read.id, CASE WHEN hourly THEN date_trunc('hour', now(), 'UTC') ELSE now() END,
           :person, CAST(:roles AS text[]), patient_id, kind, record_id, relation,
           CASE WHEN grant_id IS NULL THEN :purpose ELSE 'ETREAT' END, reason, :outcome, grant_id, :request_id,
           hourly, text_hmac
    FROM unnest(CAST(:ids AS uuid[]), CAST(:patients AS uuid[]), CAST(:kinds AS text[]), CAST(:records AS text[]),
                CAST(:relations AS text[]), CAST(:reasons AS text[]), CAST(:grants AS uuid[]),
                CAST(:hourly AS boolean[]), CAST(:hmacs AS bytea[]))
      AS read (id, patient_id, kind, record_id, relation, reason, grant_id, hourly, text_hmac)
    ORDER BY kind, patient_id
    ON CONFLICT (tenant_id, person, kind, at, patient_id) WHERE hourly DO NOTHING
""")


# Most requests show one record: this costs a fraction of the above, and goes to the server together with the commit.
_STORE_ONE = """
    INSERT INTO access_log (id, at, person, roles, patient_id, kind, record_id, relation, purpose, reason, outcome,
                            grant_id, request_id, hourly, text_hmac)
    VALUES (%(id)s, now(), %(person)s, %(roles)s, %(patient_id)s, %(kind)s, %(record_id)s, %(relation)s, %(purpose)s,
            %(reason)s, %(outcome)s, %(grant_id)s, %(request_id)s, false, %(text_hmac)s)
"""


def store_and_commit(db: Session, reader: Reader, reads: Sequence[Read], outcome: str = READ) -> int:
    """Add rows to the access log, and commit all that the transaction has done.

    Returns how many were added: a row that the hour has is not added again. Raises CannotBeLogged.
    """
    try:
        if len(reads) == 1 and not reads[0].hourly:
            commit_after(db, _STORE_ONE, _said_of(reader, outcome) | _row(reads[0], reader))
            return 1
        added = store(db, reader, reads, outcome)
        commit(db)
    except IntegrityError as error:
        if _is_of_the_log(error):
            raise CannotBeLogged from error
        raise
    return added


def store(db: Session, reader: Reader, reads: Sequence[Read], outcome: str = READ) -> int:
    """Add rows to the access log, in one statement. Returns how many. A row that the hour has is not added again."""
    if not reads:
        return 0
    values = _said_of(reader, outcome) | {
        "ids": [new_id() for _ in reads],
        "patients": [read.patient_id for read in reads],
        "kinds": [read.kind for read in reads],
        "records": [read.record_id for read in reads],
        "relations": [read.relation for read in reads],
        "reasons": [read.reason for read in reads],
        "grants": [read.grant_id for read in reads],
        "hourly": [read.hourly for read in reads],
        "hmacs": [read.text_hmac for read in reads],
    }
    return cast(int, db.execute(_STORE, values).rowcount)  # type: ignore[attr-defined]


def _said_of(reader: Reader, outcome: str) -> dict[str, object]:
    return {
        "person": reader.person,
        "roles": list(reader.roles),
        "purpose": reader.purpose,
        "request_id": reader.request_id,
        "outcome": outcome,
    }


def _row(read: Read, reader: Reader) -> dict[str, object]:
    return {
        "id": new_id(),
        "patient_id": read.patient_id,
        "kind": read.kind,
        "record_id": read.record_id,
        "relation": read.relation,
        "purpose": reader.purpose if read.grant_id is None else EMERGENCY,
        "reason": read.reason,
        "grant_id": read.grant_id,
        "text_hmac": read.text_hmac,
    }


def _is_of_the_log(error: IntegrityError) -> bool:
    """Whether a row of the access log could not be stored: there is no partition for it, or the table refuses it."""
    table: str | None = getattr(getattr(error.orig, "diag", None), "table_name", None)
    return table is not None and table.startswith("access_log")


class Entry(NamedTuple):
    """A row of the access log. `at` is in UTC. For an hour's row it is the beginning of the hour."""

    id: UUID
    at: datetime
    person: str
    roles: list[str]
    patient_id: UUID | None
    kind: str
    record_id: str | None
    relation: str | None
    purpose: str
    reason: str | None
    outcome: str
    grant_id: UUID | None
    request_id: str
    hourly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FindEntries:
    """Which rows are asked for: of one of these patients, of a person, from an instant until before another one.

    `without` names kinds of records whose rows are not for whoever asks.
    """

    patient_ids: tuple[UUID, ...] | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    without: tuple[str, ...] = ()


_EVER, _NEVER = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_LAST = UUID(int=2**128 - 1)
_COLUMNS = ", ".join(Entry._fields)
# `at <= :before` says nothing new, but by it the partitions of later months are left out.
_PAGE = f"""
    SELECT {_COLUMNS} FROM access_log
    WHERE {{which}} AND at >= :since AND at < :until AND at <= :before AND (at, id) < (:before, :before_id)
      AND kind <> ALL (CAST(:without AS text[]))
    ORDER BY at DESC, id DESC LIMIT :limit
"""  # noqa: S608 (columns of ours)
_OF_PERSON = text(_PAGE.format(which="person = :person"))
_OF_ALL = text(_PAGE.format(which="true"))
# Each patient's rows are read in the order of an index by themselves. The newest of all of them are few.
_OF_ONE_OF_THEM = "access_log.patient_id = asked.patient_id AND (CAST(:person AS text) IS NULL OR person = :person)"
_OF_PATIENTS = text(f"""
    SELECT entry.* FROM unnest(CAST(:patients AS uuid[])) AS asked (patient_id)
    CROSS JOIN LATERAL ({_PAGE.format(which=_OF_ONE_OF_THEM)}) AS entry
    ORDER BY at DESC, id DESC LIMIT :limit
""")  # noqa: S608 (the same)


def entries(
    db: Session, asked: FindEntries, *, after: tuple[datetime, UUID] | None = None, limit: int
) -> Sequence[Entry]:
    """Rows of the access log, the newest first, and only those that come after the row of this time and id."""
    before, before_id = after or (_NEVER, _LAST)
    values = {
        "person": asked.person,
        "since": asked.since or _EVER,
        "until": asked.until or _NEVER,
        "before": before,
        "before_id": before_id,
        "without": list(asked.without),
        "limit": limit,
    }
    if asked.patient_ids is not None:
        rows = db.execute(_OF_PATIENTS, {**values, "patients": list(asked.patient_ids)})
    else:
        rows = db.execute(_OF_ALL if asked.person is None else _OF_PERSON, values)
    return [Entry(*row) for row in rows]
