"""The data model: a diagram of each service's tables, made from its models."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase

from jalsa.service.declaration import Service
from jalsa_local.pages.markdown import table as markdown_table

_HEAD = """\
# Data model

Each service has a database of its own, and no table is shared. The diagrams are made from the services' models. Each
table also has `tenant_id`, which is part of every key and of every reference; row-level security is forced by it. The
diagrams leave it out.

A line is a reference that the models declare. An id without a line names a record of another service, which keeps it,
or a record that this service knows from events and may not have heard of yet. The migrations hold what a diagram
cannot show: checks, exclusion constraints, triggers and indexes.

Beside these tables every database has those of the mechanisms (`jalsa.db.schema`): `outbox`, `inbox` and their heads,
`audit_log`, `idempotency_keys`, the counters of numbers, and the checkpoints of the feeds. A service that logs who read
what has `access_log` (`jalsa.db.access_log`), in a partition for each month. Its key is `(tenant_id, at, id)`, because
every key of a partitioned table has the column of its partitions. It has no audit trigger, because no row ever changes.
Services that keep records of patients have the ids of merged ones in `aliases` (`jalsa.db.aliases`).
"""
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def pages(services: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """One page with a diagram for each service. Raises ValueError for a table whose model has no docstring."""
    yield "docs/data-model.md", "\n".join([_HEAD, *map(_section, services)])


def _section(service: str) -> str:
    base: type[DeclarativeBase] = importlib.import_module(f"{service.replace('-', '_')}.models").Base
    tables = sorted(base.metadata.tables.values(), key=lambda table: table.name)
    meanings = _meanings(base)
    rows = [(f"`{table.name}`", meanings.get(table.name, "")) for table in tables]
    diagram = "\n".join(["```mermaid", "erDiagram", *map(_entity, tables), *_relations(tables), "```"])
    return f"## {service}\n\n{markdown_table(('table', 'what it holds'), rows)}\n{diagram}\n"


def _meanings(base: type[DeclarativeBase]) -> dict[str, str]:
    """The first paragraph of each model's docstring, by the name of its table."""
    meanings = {}
    for mapper in base.registry.mappers:
        text = (mapper.class_.__doc__ or "").strip().split("\n\n")[0]
        if not text:
            raise ValueError(f"The model {mapper.class_.__name__} needs a docstring that says what it holds.")
        meanings[str(mapper.local_table.name)] = text  # type: ignore[attr-defined]
    return meanings


def _entity(table: Table) -> str:
    lines = [f"        {_line(column)}" for column in table.columns if column.name != "tenant_id"]
    return "\n".join([f"    {table.name} {{", *lines, "    }"])


def _line(column: Column[Any]) -> str:
    marks = [mark for mark, held in (("PK", column.primary_key), ("FK", bool(column.foreign_keys))) if held]
    null = ' "or null"' if column.nullable else ""
    return f"{_type(column)} {column.name} {', '.join(marks)}".rstrip() + null


def _type(column: Column[Any]) -> str:
    """The type as PostgreSQL has it, in the letters that a diagram takes."""
    text = column.type.compile(_DIALECT).lower()
    named = text.replace("timestamp with time zone", "timestamptz").replace("[]", "_array")
    return re.sub(r"[^a-z0-9_]+", "_", named).strip("_")


def _relations(tables: list[Table]) -> Iterator[str]:
    for table in tables:
        for reference in sorted(table.foreign_key_constraints, key=lambda each: tuple(each.column_keys)):
            columns = [column for column in reference.columns if column.name != "tenant_id"]
            many = "|o" if any(column.nullable for column in columns) else "||"
            names = " ".join(column.name for column in columns)
            yield f'    {reference.referred_table.name} {many}--o{{ {table.name} : "{names}"'
