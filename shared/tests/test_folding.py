"""Folding makes one spelling for what people take for the same one, in Python and in the database alike."""

import hashlib
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from jalsa.dev.kit import ServiceKit
from jalsa.service.folding import TABLE, fold, words

_FOLD = text("SELECT fold(one) FROM unnest(CAST(:texts AS text[])) WITH ORDINALITY AS t(one, n) ORDER BY n")
_ARABIC = "أحـمد إِبْرَاهِيم آمنة ٱلله عيادة النُّطق مستشفى مؤيد عائشة قاعة ٣ ۴ یک لا ﻻ ﷲ ﷺ ﷼"
_LATIN = "Élodie Straße İıŁłØøĐđÞþÆæŒœŊŋ ǄǅǆŉĲ ﬁﬄ Ａｚ９｜％＄＼｀ O’Neill O`Neill Al‐Ghamdi x²½ «a» “b”"


def stored(kit: ServiceKit, tenant: str, texts: list[str]) -> list[str]:
    """What the database makes of these texts."""
    with kit.transaction(tenant) as db:
        return list(db.execute(_FOLD, {"texts": texts}).scalars())


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("أحمد", "احمد"),
        ("إيمان", "ايمان"),
        ("آدم", "ادم"),
        ("ٱلرحمن", "الرحمن"),
        ("مستشفى", "مستشفي"),
        ("عيادة", "عياده"),
        ("مؤيد", "مويد"),
        ("عائشة", "عايشه"),
        ("أحـمـد", "احمد"),
        ("مُحَمَّدٌ", "محمد"),
        ("علي", "علي"),
        ("علی", "علي"),
        ("کریم", "كريم"),
        ("ﻣﺤﻤﺪ ﻻﻣﻊ", "محمد لامع"),
        ("عبد\u200cالله", "عبدالله"),
        ("قاعة ٣", "قاعه 3"),
        ("قاعة\u00a0۳", "قاعه 3"),
        ("Élodie", "elodie"),
        ("E\u0301LODIE", "elodie"),
        ("Straße", "strasse"),
        ("IŞIK ışık İ", "isik isik i"),
        ("Łódź, Ærø", "lodz, aero"),
        ("Ｒｏｏｍ　１２", "room 12"),
        ("  a \t\n b\u2003c ", "a b c"),
        ("\u202eabc\u202c\ufeff", "abc"),
        ("O’Neill", "o'neill"),
        ("Иван", "Иван"),
        ("李小龙", "李小龙"),
        ("%_\\", "%_\\"),
        ("", ""),
    ],
)
def test_spellings_of_one_name_are_one_text(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(("one", "other"), [("علي", "عالي"), ("سارة", "ساره ن"), ("Ali", "Aly"), ("حمد", "احمد")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_the_database_folds_every_character_as_python_does(alpha: ServiceKit, tenant: str) -> None:
    """Each of the whole of Unicode, between two letters, but for what no database can store."""
    surrogates = range(0xD800, 0xE000)
    every = [
        f"x{chr(n)}y" for n in range(1, sys.maxunicode + 1) if n not in surrogates and (n < 0x30000 or n > 0xDFFFF)
    ]
    found = stored(alpha, tenant, every)
    assert [(ascii(one), ascii(other)) for one, other in zip(every, found, strict=True) if fold(one) != other] == []


_letters = st.sampled_from(sorted({*TABLE, *TABLE.values(), *_ARABIC, *_LATIN, " ", "'", "|", "\\"}))
_texts = st.lists(_letters | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_texts.map("".join), max_size=40))
@example([_ARABIC, _LATIN])
def test_the_database_folds_every_text_as_python_does(alpha: ServiceKit, tenant: str, texts: list[str]) -> None:
    assert stored(alpha, tenant, texts) == [fold(one) for one in texts]


@given(_texts.map("".join))
@example(_ARABIC)
@example(_LATIN)
def test_what_is_folded_stays_as_it_is_and_composed_or_taken_apart_is_the_same(given_text: str) -> None:
    assert fold(fold(given_text)) == fold(given_text)
    for character in given_text:
        assert fold(character) == fold(unicodedata.normalize("NFC", character))
        if character in TABLE:
            assert fold(unicodedata.normalize("NFD", character)) == fold(character)


def test_the_table_never_changes_because_stored_columns_were_made_by_it() -> None:
    """Whatever the version of Python. A better table is a new function, and new columns, beside the old ones."""
    rows = "".join(sorted(f"{character}{folded}\n" for character, folded in TABLE.items()))
    assert (
        hashlib.sha256(rows.encode()).hexdigest() == "5e9b54bd1f4364400a2abc6436f37e6c2cde10a7746fedf45b1e090cb314db9e"
    )


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("«النطق»", ["نطق"]),
        ("نطق علاج", ["نطق", "علاج"]),
        ("Al-Ghamdi", ["ghamdi"]),
        ("الم", ["الم"]),
        ("  ", []),
        ('"قاعة 3"', ["قاعه", "3"]),
        ("O'Neill", ["o'neill"]),
    ],
)
def test_words_are_looked_for_without_quotation_marks_and_article(written: str, found: list[Any]) -> None:
    assert words(written) == found
