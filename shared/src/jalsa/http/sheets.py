"""Tables as CSV, for spreadsheets. Text is never run as a formula, and Arabic is read as what it is."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from marshmallow import fields, validate

MEDIA_TYPE = "text/csv"
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}

#: Where a program may begin to read a cell. That is at its beginning, and behind whatever may separate cells for that
#: program, whichever separator it was told. There, blanks and quotation marks may come before what begins a formula: =
#: + - @, also wide, small, or as the minus sign. A tab or the end of a line at the very beginning is taken away by
#: some.
_FORMULA = re.compile(
    "(?:^|(?<=[,;|\t\r\n]))"
    "(?=[ \v\f\"'\u00a0\u00ad\u061c\u2000-\u200f\u202a-\u202f\u205f-\u2069\u3000\ufeff]*"
    "[=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212])"
    "|^(?=[\t\r\n])"
)


def separator() -> fields.String:
    """The parameter that chooses between the separators."""
    return fields.String(
        load_default="comma",
        validate=validate.OneOf(list(SEPARATORS)),
        metadata={"description": "Of CSV: spreadsheets in many languages expect a semicolon"},
    )


def sheet(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, separator: str) -> bytes:
    """Rows as CSV (RFC 4180) in UTF-8, under a row of the columns' names. `separator` is one of SEPARATORS.

    Every text is in quotation marks, and an apostrophe stands before whatever could begin a formula. Numbers are
    numbers. It begins with the mark by which Excel knows UTF-8.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=SEPARATORS[separator], quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object) -> float | str | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return _FORMULA.sub("'", str(value))
