"""The words of the project: names that were replaced stay replaced, and texts use the usual English words."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("services", "shared", "deploy", "docs", "tests-e2e")
#: What no longer names anything; the glossary has the words that do.
OLD_NAMES = {
    "told_beside",
    "tagged",
    "passes_over",
    "across_tenants",
    "next_number",
    "loose_numbers",
    "NEWS",
    "Diary",
    "Wish",
    "Whole",
    "_AGAINST",
    "settle",
    "place_loop",
}
#: Turns of phrase that readers stumble over.
ODD = re.compile(
    r"\bcan not\b(?! only)|\bfor ever\b|(?<!-)\banew\b|\bstands? against\b|\bsets? aside\b"
    r"|\bof no use\b|\bhad so\b|\bso had\b|\btold beside\b"
)
#: Code, addresses and quotations say what they say.
NOT_PROSE = re.compile(r"`[^`]*`|https?:\S+|\"[^\"]*\"")
#: What strings clauses together instead of ending a sentence.
CHAINED = re.compile(r"; |\w: [^.!?]*\w: ")
#: Folders whose docstrings and comments were written before this rule.
NOT_YET = ("services/patient-files/src",)


def _files(suffix: str) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in sorted((ROOT / folder).rglob(f"*{suffix}")) if path != Path(__file__))
    yield from sorted(ROOT.glob(f"*{suffix}"))


def _is_current(path: Path) -> bool:
    """Whether a file is written by people for today's code: no migration that was applied, and no list of changes."""
    return path.name != "CHANGELOG.md" and not {"versions", "node_modules", ".venv"} & set(path.parts)


@cache
def _tokens(path: Path) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))


def test_names_that_were_replaced_are_not_used_again() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"
        for path in _files(".py")
        if _is_current(path)
        for token in _tokens(path)
        if token.type == tokenize.NAME and token.string in OLD_NAMES
    ]
    assert found == []


def test_comments_and_messages_use_the_usual_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {odd[0]}"
        for path in _files(".py")
        if _is_current(path)
        for token in _tokens(path)
        if token.type in (tokenize.STRING, tokenize.COMMENT) and (odd := ODD.search(token.string))
    ]
    assert found == []


def test_pages_use_the_usual_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {odd[0]}"
        for path in _files(".md")
        if _is_current(path)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (odd := ODD.search(line))
    ]
    assert found == []


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    """The docstrings and the comments of a file, each with its line. Consecutive lines of comment are one text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    block: list[tokenize.TokenInfo] = []
    for token in _tokens(path):
        if token.type != tokenize.COMMENT:
            continue
        if block and (token.start[0] - 1, token.start[1]) != block[-1].start:
            yield block[0].start[0], " ".join(one.string.lstrip("#: ") for one in block)
            block = []
        block.append(token)
    if block:
        yield block[0].start[0], " ".join(one.string.lstrip("#: ") for one in block)


def chained(text: str) -> str | None:
    """The part of a text that strings clauses together, or None."""
    found = CHAINED.search(" ".join(NOT_PROSE.sub("x", text).split()))
    return found[0] if found else None


def test_docstrings_and_comments_do_not_string_clauses_together() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {chain}"
        for path in _files(".py")
        if _is_current(path) and not str(path.relative_to(ROOT)).startswith(NOT_YET)
        for line, text in _prose(path)
        if (chain := chained(text))
    ]
    assert found == []


@pytest.mark.parametrize("text", ["One statement; it is short.", "The rule: a draft waits: it has no price."])
def test_a_chain_of_clauses_is_recognised(text: str) -> None:
    assert chained(text)


@pytest.mark.parametrize("text", ["It holds `a; b` and two kinds: this and that.", "One: two. Three: four."])
def test_one_colon_in_a_sentence_and_semicolons_of_code_are_no_chain(text: str) -> None:
    assert chained(text) is None


@pytest.mark.parametrize(
    "text", ["It can not be booked.", "planned anew", "what stands against it", "rules that are set aside"]
)
def test_the_odd_words_are_recognised(text: str) -> None:
    assert ODD.search(text)
