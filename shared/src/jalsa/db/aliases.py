"""Aliases: the ids of records that were merged into another one, and how such an id is read.

No row that names a merged record is changed. It keeps the id with which it was written, and whoever reads asks for all
ids that stand for one record. An undone merge is a deleted alias, after which everything is read as before.

An alias keeps its direct survivor, never the last one of a chain. So the order in which merges of different records
become known does not matter: A into B and B into C are the same two rows whichever comes first. Where each record's
merges arrive on a stream of its own, an undoing may come later than the merge that followed it, and for that time the
aliases may lead in a circle. The oldest alias of a circle does not count then.

The walk stands once, in the functions of the database that `create_aliases` makes.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session

from jalsa.db.schema import enable_tenant_rls, roles

Column = ColumnElement[UUID] | InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None]


class Group(NamedTuple):
    """The records of one patient: the one that stands for all, and all ids in their order."""

    survivor: UUID
    ids: tuple[UUID, ...]


_TABLE = """
CREATE TABLE aliases (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  survivor_id uuid NOT NULL,
  merged_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT aliases_not_itself CHECK (id <> survivor_id)
);
CREATE INDEX aliases_survivor ON aliases (tenant_id, survivor_id);

-- The record for which an id stands: the id itself, unless it was merged.
CREATE FUNCTION survivor_of(asked uuid) RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  walked uuid[] := ARRAY[asked];
  last uuid := asked;
  following uuid;
BEGIN
  LOOP
    SELECT a.survivor_id INTO following FROM aliases a WHERE a.id = last;
    IF NOT FOUND THEN
      RETURN last;
    END IF;
    IF following = ANY (walked) THEN
      RETURN (SELECT a.id FROM aliases a WHERE a.id = ANY (walked[array_position(walked, following):])
              ORDER BY a.merged_at, a.id LIMIT 1);
    END IF;
    walked := walked || following;
    last := following;
  END LOOP;
END $$;

-- All ids that stand for the same record as this one, in their order: the survivor and whatever was merged into it.
CREATE FUNCTION aliases_of(asked uuid) RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  survivor uuid := survivor_of(asked);
BEGIN
  IF NOT EXISTS (SELECT FROM aliases a WHERE a.survivor_id = survivor) THEN
    RETURN ARRAY[survivor];  -- as nearly every record: the walk below would cost a third of a millisecond
  END IF;
  RETURN ARRAY(
    WITH RECURSIVE one (id) AS (
      SELECT survivor
      UNION
      SELECT a.id FROM one JOIN aliases a ON a.survivor_id = one.id
    )
    SELECT one.id FROM one ORDER BY one.id
  );
END $$;
"""
_FUNCTIONS = "survivor_of(uuid), aliases_of(uuid)"

_FOLLOW = text("""
    INSERT INTO aliases (id, survivor_id, merged_at) VALUES (:id, :survivor_id, :merged_at)
    ON CONFLICT (tenant_id, id) DO UPDATE SET survivor_id = EXCLUDED.survivor_id, merged_at = EXCLUDED.merged_at
""")
_FORGET = text("DELETE FROM aliases WHERE id = :id")
_SURVIVORS = text("SELECT a.id, survivor_of(a.id) AS survivor FROM aliases a WHERE a.id = ANY (CAST(:ids AS uuid[]))")
_GROUPS = text("""
    SELECT of.id, survivor_of(of.id) AS survivor, aliases_of(of.id) AS ids
    FROM (SELECT a.id FROM aliases a WHERE a.id = ANY (CAST(:ids AS uuid[]))
          UNION SELECT a.survivor_id FROM aliases a WHERE a.survivor_id = ANY (CAST(:ids AS uuid[]))) AS of
""")
_ALL = text("SELECT unnest(aliases_of(asked)) FROM unnest(CAST(:ids AS uuid[])) AS asked")


def create_aliases(execute: Callable[[str], None], service: str) -> None:
    """Create the table of aliases and the functions that read it. It is not audited: the merges' owner audits them."""
    app, _ = roles(service)
    execute(_TABLE)
    enable_tenant_rls(execute, "aliases")
    execute(f"""
        GRANT SELECT, INSERT, UPDATE, DELETE ON aliases TO {app};
        REVOKE EXECUTE ON FUNCTION {_FUNCTIONS} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {_FUNCTIONS} TO {app};
    """)


def drop_aliases(execute: Callable[[str], None]) -> None:
    """The way back from create_aliases."""
    execute(f"DROP FUNCTION {_FUNCTIONS}; DROP TABLE aliases")


def follow_merge(db: Session, loser_id: UUID, survivor_id: UUID, merged_at: datetime) -> None:
    """Keep that a record was merged into another one at an instant. What was said of it before is replaced.

    The events of one record come in their order, so that the last one holds. Raises IntegrityError where a record is
    merged into itself.
    """
    db.execute(_FOLLOW, {"id": loser_id, "survivor_id": survivor_id, "merged_at": merged_at})


def follow_unmerge(db: Session, loser_id: UUID) -> None:
    """Keep that a record stands for itself again."""
    db.execute(_FORGET, {"id": loser_id})


def survivor_of(db: Session, record_id: UUID) -> UUID:
    """The record for which an id stands: the id itself, unless it was merged."""
    return survivors_of(db, [record_id])[record_id]


def survivors_of(db: Session, record_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The same for several ids, by the id.

    A statement that joins a table by `survivor_of` of a column would read all of that table: under row-level security
    an index serves no condition with a function of a column. So it is asked for apart.
    """
    ids = list(record_ids)
    merged = {row.id: row.survivor for row in db.execute(_SURVIVORS, {"ids": ids})} if ids else {}
    return {each: merged.get(each, each) for each in ids}


def aliases_of(db: Session, record_id: UUID) -> list[UUID]:
    """All ids that stand for the same record as this one, in their order. An id without aliases stands alone."""
    return list(db.execute(select(_one(record_id))).scalar_one())


def aliases_of_all(db: Session, record_ids: Iterable[UUID]) -> set[UUID]:
    """All ids that stand for one of these records."""
    ids = list(record_ids)
    return set(db.execute(_ALL, {"ids": ids}).scalars()) if ids else set()


def groups_of(db: Session, record_ids: Iterable[UUID]) -> dict[UUID, Group]:
    """The records that several ids stand for, by the id. An id that was never merged, with no other, is left out.

    So for nearly every list it is one statement that reads two indexes and answers nothing.
    """
    ids = list(record_ids)
    rows = db.execute(_GROUPS, {"ids": ids}) if ids else ()
    return {row.id: Group(row.survivor, tuple(row.ids)) for row in rows}


def stands_for(column: Column, record_id: UUID) -> ColumnElement[bool]:
    """Whether a column names the record for which an id stands, as a condition that an index of the column serves."""
    return column == any_(_one(record_id))


def _one(record_id: UUID) -> ColumnElement[Any]:
    return func.aliases_of(bindparam(None, record_id, Uuid()), type_=ARRAY(Uuid()))
