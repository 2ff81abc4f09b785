"""An index of terms: by which words, numbers and skeletons a record is found, and the records that have them.

Which terms a record has is the service's rule. A term has a kind, so that a question meets only what it is compared
with, and is a text that PostgreSQL orders by its code points. Questions are spans of terms: with row-level security and
generic plans, `=` and ranges are all that an index is used for. However many records fit, a question reads no more
entries than it is allowed to, and says whether there may be more.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Mapped, Session, mapped_column

#: How long a term is at most, in characters: what is longer is found by its beginning.
LONGEST = 200
#: Sorts behind every text that goes on with anything else: it stands for no character.
_BEHIND = "\U0010ffff"
#: Sorts ahead of whatever a text goes on with: no term has it.
_AHEAD = "\u0001"

# Both in one statement, so that a term that stays is not touched.
_WRITE = """
    WITH wanted AS (
      SELECT DISTINCT record_id, kind, term
      FROM unnest(CAST(:records AS uuid[]), CAST(:kinds AS text[]), CAST(:terms AS text[])) AS w (record_id, kind, term)
    ), gone AS (
      DELETE FROM {table} t WHERE record_id = ANY (CAST(:written AS uuid[])) AND NOT EXISTS (
        SELECT FROM wanted w WHERE w.record_id = t.record_id AND w.kind = t.kind AND w.term = t.term)
    )
    INSERT INTO {table} (record_id, kind, term) SELECT record_id, kind, term FROM wanted ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING
"""
# A nested loop reads one span after the other, and no further than the limit.
_READ = """
    SELECT s.n - 1 AS n, t.record_id
    FROM unnest(CAST(:kinds AS text[]), CAST(:lows AS text[]), CAST(:highs AS text[]))
      WITH ORDINALITY AS s (kind, low, high, n)
    CROSS JOIN LATERAL (
      SELECT record_id FROM {table} WHERE kind = s.kind AND term >= s.low AND term < s.high
      ORDER BY term LIMIT CAST(:each AS int)
    ) t
    LIMIT CAST(:budget AS int)
"""
_WITH_ALL = """
    SELECT c.record_id FROM unnest(CAST(:records AS uuid[])) WITH ORDINALITY AS c (record_id, n)
    CROSS JOIN LATERAL (
      SELECT count(DISTINCT s.part) AS parts
      FROM {table} t
      JOIN unnest(CAST(:parts AS int[]), CAST(:kinds AS text[]), CAST(:lows AS text[]), CAST(:highs AS text[]))
        AS s (part, kind, low, high) ON t.kind = s.kind AND t.term >= s.low AND t.term < s.high
      WHERE t.record_id = c.record_id
    ) found
    WHERE found.parts = CAST(:count AS int) ORDER BY c.n
"""


class Term(NamedTuple):
    """What a record is found by."""

    kind: str
    text: str


class Span(NamedTuple):
    """The terms of a kind from `low` up to `high`, which is not among them."""

    kind: str
    low: str
    high: str


class Found(NamedTuple):
    """Records, in the order in which they were found, each once; and whether there may be more than were read."""

    records: list[UUID]
    truncated: bool
    #: How many entries of the index were read.
    read: int


class TermRow:
    """The columns of a table of terms (`jalsa.db.schema.create_terms`)."""

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)


def exactly(kind: str, term: str) -> Span:
    """The one term."""
    term = term[:LONGEST]
    return Span(kind, term, term + _AHEAD)


def beginning(kind: str, prefix: str) -> Span:
    """The terms that begin with this."""
    prefix = prefix[:LONGEST]
    return Span(kind, prefix, prefix + _BEHIND)


class TermIndex:
    """The terms of one kind of record."""

    def __init__(self, table: str) -> None:
        self._write, self._read, self._with_all = (_statement(one, table) for one in (_WRITE, _READ, _WITH_ALL))

    def write(self, db: Session, terms: Mapping[UUID, Collection[Term]]) -> None:
        """Let these records have these terms and no others."""
        pairs = [(record, term) for record, mine in terms.items() for term in mine]
        values = {
            "written": list(terms),
            "records": [record for record, _ in pairs],
            "kinds": [term.kind for _, term in pairs],
            "terms": [term.text[:LONGEST] for _, term in pairs],
        }
        db.execute(self._write, values)

    def with_any(self, db: Session, spans: Sequence[Span], *, budget: int) -> Found:
        """The records with a term in any of the spans: those of the first span first, each in the order of its terms.

        At most `budget` entries are read.
        """
        rows = db.execute(self._read, {**_columns(spans), "each": budget, "budget": budget}).all()
        return Found(list(dict.fromkeys(row.record_id for row in rows)), len(rows) >= budget, len(rows))

    def with_all(self, db: Session, parts: Sequence[Sequence[Span]], *, budget: int) -> Found:
        """The records that have, for each part, a term in any of its spans.

        The spans are read side by side, at most `budget` entries of all of them. Those of the part with the fewest are
        the candidates, of which the other terms are looked at. They are all candidates that there are, unless its
        spans had more.
        """
        spans = [span for part in parts for span in part]
        part_of = [number for number, part in enumerate(parts) for _ in part]
        each = max(1, budget // len(spans))
        rows = db.execute(self._read, {**_columns(spans), "each": each, "budget": budget}).all()
        read: list[list[UUID]] = [[] for _ in spans]
        for row in rows:
            read[row.n].append(row.record_id)
        sizes = [0] * len(parts)
        cut = [False] * len(parts)
        for number, records in zip(part_of, read, strict=True):
            sizes[number] += len(records)
            cut[number] = cut[number] or len(records) >= each
        rarest = min(range(len(parts)), key=lambda number: (cut[number], sizes[number]))
        candidates = {
            record: None
            for number, records in zip(part_of, read, strict=True)
            if number == rarest
            for record in records
        }
        asked = {**_columns(spans), "parts": part_of, "records": list(candidates), "count": len(parts)}
        found = list(db.execute(self._with_all, asked).scalars()) if candidates else []
        return Found(found, cut[rarest], len(rows))


def _columns(spans: Sequence[Span]) -> dict[str, list[str]]:
    kinds, lows, highs = (list(column) for column in zip(*spans, strict=True))
    return {"kinds": kinds, "lows": lows, "highs": highs}


def _statement(statement: str, table: str) -> TextClause:
    return text(statement.replace("{table}", table))
