"""Tables as CSV. What is read is what was written, and no text is a formula for any program."""

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jalsa.http.sheets import SEPARATORS, sheet

_MARKS = "=+-@＝＋－＠﹦﹢﹣﹫−"
_BLANKS = " \t\r\n\u00a0\u200e\ufeff\"'"


def one_cell(value: Any, separator: str = "comma") -> str:
    """The second cell of the second line, as it is written."""
    written = sheet(["a", "b"], [{"a": 1, "b": value}], separator=separator).decode("utf-8-sig")
    return written.split("\r\n", 1)[1].removesuffix("\r\n").split(SEPARATORS[separator], 1)[1]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1", "'=1"),
        ("+966", "'+966"),
        ("-", "'-"),
        ("@a", "'@a"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("  =1", "'  =1"),
        ("'=1", "''=1"),
        ("\u200e＝1", "'\u200e＝1"),
        ("a;=1", "a;'=1"),
        ("a,=1", "a,'=1"),
        ("a\t=1", "a\t'=1"),
        ("a\n=1", "a\n'=1"),
        ('a;"=1', 'a;\'""=1'),
        ("a=1", "a=1"),
        ("Al-Ghamdi", "Al-Ghamdi"),
        ("ليلى؛ نطق", "ليلى؛ نطق"),
        ("50%", "50%"),
    ],
)
def test_what_could_begin_a_formula_has_an_apostrophe_before_it(text: str, written: str) -> None:
    for separator in SEPARATORS:
        assert one_cell(text, separator) == f'"{written}"'


@pytest.mark.parametrize(("number", "written"), [(1, "1"), (-5, "-5"), (2.5, "2.5"), (-0.5, "-0.5"), (0, "0")])
def test_numbers_stay_numbers(number: float, written: str) -> None:
    assert one_cell(number) == written


@pytest.mark.parametrize(("value", "written"), [(None, '""'), (True, '"True"'), ("1", '"1"'), ("", '""')])
def test_all_else_is_quoted(value: Any, written: str) -> None:
    assert one_cell(value) == written


@given(st.text(st.sampled_from(_MARKS + _BLANKS + ",;|a1س"), max_size=12), st.sampled_from(sorted(SEPARATORS)))
@example('a";=1', "comma")
def test_no_program_finds_a_formula_whichever_separator_it_goes_by(text: str, separator: str) -> None:
    cell = one_cell(text, separator)
    marked = f"[{_BLANKS}]*[{re.escape(_MARKS)}]"
    for piece in re.split("[,;|\t\r\n]", cell):
        assert not re.match(marked, piece) or re.match(f"[{_BLANKS}]*'{marked}", piece)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4), st.sampled_from(sorted(SEPARATORS)))
def test_a_spreadsheet_reads_what_was_written(texts: list[str], separator: str) -> None:
    columns = [f"c{n}" for n in range(len(texts) + 1)]
    row = dict(zip(columns, [*texts, "end"], strict=True))
    written = sheet(columns, [row], separator=separator).decode("utf-8-sig")
    reader = csv.reader(io.StringIO(written, newline=""), delimiter=SEPARATORS[separator], strict=True)
    header, cells = list(reader)
    assert header == columns
    assert [cell.replace("'", "") for cell in cells] == [text.replace("'", "") for text in row.values()]
