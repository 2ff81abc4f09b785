"""Keyset paging: a page begins after the key of the last row of the page before, so that new rows shift nothing."""

from typing import Any, TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

Columns = TypeVarTuple("Columns")


def keyset(
    query: Select[*Columns],
    *key: ColumnElement[Any] | InstrumentedAttribute[Any],
    after: UUID | tuple[object, ...] | None,
    limit: int | None,
    descending: bool = False,
) -> Select[*Columns]:
    """The query's rows in the order of `key`, those that come after the given values, at most `limit` of them.

    The last column of `key` is unique, and none of them may be null. `after` has a value for each column. None stands
    for the first page, and a `limit` of None for all rows.
    """
    query = query.order_by(*(column.desc() if descending else column for column in key)).limit(limit)
    if after is None:
        return query
    left, right = tuple_(*key), tuple_(*(after if isinstance(after, tuple) else (after,)))
    return query.where(left < right if descending else left > right)
