"""An index of terms, which are the words, numbers and skeletons that a record is found by.

Which terms a record has is the service's rule. A term has a kind, so that a question meets only what it is compared
with, and is a text that PostgreSQL orders by its code points. Questions are spans of terms, because with row-level
security and generic plans an index is used for `=` and ranges alone. However many records fit, a question reads no more
entries than it is allowed to, and says whether there may be more.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Mapped, Session, mapped_column

#: How long a term is at most, in characters. What is longer is found by its beginning.
LONGEST = 200
#: Sorts behind every text that goes on with anything else, because it stands for no character.
_BEHIND = "\U0010ffff"
#: Sorts ahead of whatever a text goes on with. No term has it.
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
_ENTRIES = """
    SELECT s.n, s.part, t.record_id
    FROM unnest(CAST(:parts AS int[]), CAST(:kinds AS text[]), CAST(:lows AS text[]), CAST(:highs AS text[]))
      WITH ORDINALITY AS s (part, kind, low, high, n)
    CROSS JOIN LATERAL (
      SELECT record_id FROM {table} WHERE kind = s.kind AND term >= s.low AND term < s.high
      ORDER BY term LIMIT CAST(:each AS int)
    ) t
    LIMIT CAST(:budget AS int)
"""
# One row at least, which says how far was read.
_IN_ORDER = """
    SELECT r.cut, r.read, f.record_id, f.part, o.{value} AS value
    FROM reading r LEFT JOIN found f ON true LEFT JOIN {values} o ON o.id = f.record_id
    ORDER BY f.part, o.{value} DESC NULLS LAST, f.record_id LIMIT CAST(:limit AS int)
"""
_ANY = """
    WITH entries AS MATERIALIZED ({entries}),
    reading AS (SELECT count(*) AS read, count(*) >= CAST(:budget AS int) AS cut FROM entries),
    found AS (
      SELECT record_id, min(part) AS part FROM entries WHERE record_id <> ALL (CAST(:but AS uuid[])) GROUP BY record_id
    )
    {in_order}
"""
# Other terms of a candidate are looked for only where not all entries were read. OFFSET keeps the planner from looking
# for them by kind and term, because it would read a whole range of terms for each candidate.
_ALL = """
    WITH entries AS MATERIALIZED ({entries}),
    spans AS (SELECT part, count(*) AS size, count(*) >= CAST(:each AS int) AS cut FROM entries GROUP BY n, part),
    parts AS MATERIALIZED (SELECT part, sum(size) AS size, bool_or(cut) AS cut FROM spans GROUP BY part),
    rarest AS MATERIALIZED (
      SELECT part, cut FROM parts WHERE (SELECT count(*) FROM parts) = CAST(:count AS int)
      ORDER BY cut, size, part LIMIT 1
    ),
    reading AS (SELECT count(*) AS read, coalesce((SELECT cut FROM rarest), false) AS cut FROM entries),
    candidates AS MATERIALIZED (
      SELECT DISTINCT record_id FROM entries JOIN rarest USING (part) WHERE record_id <> ALL (CAST(:but AS uuid[]))
    ),
    found AS MATERIALIZED (
      SELECT record_id, 0 AS part FROM candidates c
      WHERE NOT EXISTS (
        SELECT FROM parts p
        WHERE p.part <> (SELECT part FROM rarest) AND (c.record_id, p.part) NOT IN (SELECT record_id, part FROM entries)
          AND NOT (p.cut AND EXISTS (
            SELECT FROM (SELECT kind, term FROM {table} WHERE record_id = c.record_id OFFSET 0) t
            JOIN unnest(CAST(:parts AS int[]), CAST(:kinds AS text[]), CAST(:lows AS text[]), CAST(:highs AS text[]))
              AS s (part, kind, low, high)
              ON s.part = p.part AND s.kind = t.kind AND t.term >= s.low AND t.term < s.high
          ))
      )
    )
    {in_order}
"""
_WEIGH = """
    SELECT record_id FROM (
      SELECT t.record_id, s.weight
      FROM unnest(CAST(:kinds AS text[]), CAST(:lows AS text[]), CAST(:highs AS text[]), CAST(:weights AS int[]))
        AS s (kind, low, high, weight)
      CROSS JOIN LATERAL (
        SELECT record_id FROM {table} WHERE kind = s.kind AND term >= s.low AND term < s.high
        ORDER BY term LIMIT CAST(:each AS int)
      ) t
      LIMIT CAST(:budget AS int)
    ) found
    GROUP BY record_id ORDER BY sum(weight) DESC, record_id LIMIT CAST(:most AS int)
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


#: The parts of a question, each of which is met by any of its spans.
Parts = Sequence[Sequence[Span]]


class Fitting(NamedTuple):
    """A record that was found, by which part of the question, and the value by which records are ordered."""

    record_id: UUID
    part: int
    value: Any


class Found(NamedTuple):
    """Records in their order, whether there may be more than were looked at, and how many entries were read."""

    records: list[Fitting]
    truncated: bool
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
    """The terms of one kind of record.

    What is found is ordered by what the column `value` of the table `values` has of each record under its id, the
    greatest first and who has none last, and then by id.
    """

    def __init__(self, table: str, *, values: str, value: str) -> None:
        names = {"{entries}": _ENTRIES, "{in_order}": _IN_ORDER, "{table}": table, "{values}": values, "{value}": value}
        self._write, self._any, self._all = (_statement(one, names) for one in (_WRITE, _ANY, _ALL))
        self._weigh = _statement(_WEIGH, names)

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

    def with_any(
        self, db: Session, parts: Parts, *, budget: int, limit: int | None = None, but: Collection[UUID] = ()
    ) -> Found:
        """The records with a term in any span, but for some. Those of the first part come first.

        At most `budget` entries of the index are read, a span after the other, and `limit` records are returned.
        """
        return self._find(db, self._any, parts, {"each": budget, "budget": budget, "limit": limit, "but": list(but)})

    def with_all(
        self, db: Session, parts: Parts, *, budget: int, limit: int | None = None, but: Collection[UUID] = ()
    ) -> Found:
        """The records that have, for each part, a term in any of its spans, but for some.

        The spans are read side by side, at most `budget` entries of all of them. The records of the part with the
        fewest are the candidates, of which the other terms are looked at. They are all that there are, unless a span
        of this part had more entries.
        """
        each = max(1, budget // sum(len(spans) for spans in parts))
        asked = {"each": each, "budget": budget, "limit": limit, "but": list(but), "count": len(parts)}
        return self._find(db, self._all, parts, asked)

    def _find(self, db: Session, statement: TextClause, parts: Parts, asked: Mapping[str, object]) -> Found:
        rows = db.execute(statement, {**_columns(parts), **asked}).all()
        records = [Fitting(row.record_id, row.part, row.value) for row in rows if row.record_id is not None]
        return Found(records, rows[0].cut, rows[0].read)

    def heaviest(
        self, db: Session, spans: Sequence[tuple[Span, int]], *, most: int, each: int, budget: int
    ) -> list[UUID]:
        """The records with terms in the spans that weigh most together, the heaviest first, at most `most` of them.

        At most `each` entries of a span are read, and `budget` of all of them.
        """
        if not spans:
            return []
        asked = {**_columns([[span for span, _ in spans]]), "weights": [weight for _, weight in spans]}
        return list(db.execute(self._weigh, {**asked, "most": most, "each": each, "budget": budget}).scalars())


def _columns(parts: Parts) -> dict[str, list[object]]:
    spans = [(number, *span) for number, spans in enumerate(parts) for span in spans]
    return dict(zip(("parts", "kinds", "lows", "highs"), map(list, zip(*spans, strict=True)), strict=True))


def _statement(statement: str, names: Mapping[str, str]) -> TextClause:
    for name, value in names.items():
        statement = statement.replace(name, value)
    return text(statement)
