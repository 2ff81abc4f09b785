"""Names as people spell them: their words, and the skeletons that are equal for most spellings of one name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jalsa.service.folding import fold
from jalsa.service.name_words import MOST_WORDS, name_words
from jalsa.service.skeleton import FAITH, SHORT_FORMS, before_faith, begun_skeletons, skeleton, skeletons


def bare(text: str) -> list[str]:
    return [word.bare for word in name_words(text)]


def skeletons_of(text: str) -> list[str]:
    return [skeleton(word) for word in bare(text)]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("محمد الغامدي", ["محمد", "غامدي"]),
        ("محمد غامدي", ["محمد", "غامدي"]),
        ("Mohammed Al-Ghamdi", ["mohammed", "ghamdi"]),
        ("Mohammed Al Ghamdi", ["mohammed", "ghamdi"]),
        ("Mohammed Alghamdi", ["mohammed", "ghamdi"]),
        ("Mohammed El-Sayed", ["mohammed", "sayed"]),
        ("Ash-Shehri", ["shehri"]),
        ("Ar Rashid", ["rashid"]),
        ("Alotaibi", ["otaibi"]),
        ("Ali Alia Alaa Alma", ["ali", "alia", "alaa", "alma"]),
        ("علي علياء الم", ["علي", "علياء", "الم"]),
        ("محمد بن سلمان آل سعود", ["محمد", "سلمان", "سعود"]),
        ("نورة بنت سعد", ["نوره", "سعد"]),
        ("Noura bint Saad bin Ali", ["noura", "saad", "ali"]),
        ("عبد الله", ["عبدالله"]),
        ("عبدالله", ["عبدالله"]),
        ("سعد عبد الله", ["سعد", "عبدالله"]),
        ("Abd al-Rahman Saad", ["abdalrahman", "saad"]),
        ("Abdul Rahman", ["abdulrahman"]),
        ("Sa'ad O’Neill", ["saad", "oneill"]),
        ("José  García-López", ["jose", "garcia", "lopez"]),
        ("سعد بن", ["سعد"]),
        ("سعد ال", ["سعد"]),
        ("أبو بكر الصديق", ["ابوبكر", "صديق"]),
        ("با وزير", ["باوزير"]),
        ("Abdullah Ba Khashab", ["abdullah", "bakhashab"]),
        ("عبد", ["عبد"]),
        ("عبد ال", ["عبدال"]),
        ("بن", ["بن"]),
        ("ال", ["ال"]),
        ("李小龙", ["李小龙"]),
        ("% _ . -", []),
        ("", []),
    ],
)
def test_the_words_of_a_name(written: str, words: list[str]) -> None:
    assert bare(written) == words


def test_a_word_is_known_with_its_article_too() -> None:
    assert [word.forms for word in name_words("سعد الغامدي")] == [("سعد",), ("غامدي", "الغامدي")]
    assert [word.forms for word in name_words("Al-Ghamdi")] == [("ghamdi", "alghamdi")]


@pytest.mark.parametrize(
    "spellings",
    [
        ("محمد", "Mohammed", "Muhammad", "Mohd", "Mohamed", "MUHAMMED", "Mohd."),
        ("عبدالرحمن", "عبد الرحمن", "Abdulrahman", "Abd al-Rahman", "Abdur-Rahman", "Abdel Rahman", "Abderrahmane"),
        ("عبدالله", "عبد الله", "Abdullah", "Abdallah", "Abdulla", "Abd Allah"),
        ("عبداللطيف", "Abdullatif", "Abdulateef", "Abdel-Latif"),
        ("الغامدي", "غامدي", "Al-Ghamdi", "Ghamdi", "Alghamdi"),
        ("عائشة", "عايشه", "Aisha", "Ayesha", "Aysha"),
        ("جمال", "Jamal", "Gamal"),
        ("علي", "Ali", "Aly"),
        ("ليلى", "Layla", "Leila", "Laila"),
        ("فاطمة", "Fatimah", "Fatma"),
        ("ممدوح", "Mamdouh", "Mamdooh"),
        ("شيماء", "Shaimaa", "Shayma", "Chaima"),
        ("طه", "Taha"),
        ("صالح", "Saleh", "Salih"),
        ("العتيبي", "Al-Otaibi", "Otaiby", "Alotaibi", "Utaybi"),
        ("ظافر", "ضافر", "Dhafer", "Dafir"),
    ],
)
def test_spellings_of_one_name_have_one_skeleton(spellings: tuple[str, ...]) -> None:
    assert {spelling: skeletons_of(spelling) for spelling in spellings} == dict.fromkeys(
        spellings, skeletons_of(spellings[0])
    )


@pytest.mark.parametrize(("one", "other"), [("Ali", "Layla"), ("علي", "ليلى"), ("Ghamdi", "Hamdi"), ("سعد", "سعيدان")])
def test_other_names_have_other_skeletons(one: str, other: str) -> None:
    assert skeletons_of(one) != skeletons_of(other)


def test_names_that_differ_in_a_long_vowel_are_told_apart_by_their_letters_alone() -> None:
    """The price of skeletons."""
    assert skeletons_of("محمد") == skeletons_of("محمود")
    assert bare("محمد") != bare("محمود")


@pytest.mark.parametrize(
    ("arabic", "latin"),
    [("القرني", "Algarni"), ("القحطاني", "Gahtani"), ("ظافر", "Zafer"), ("معاذ", "Moath"), ("حياة", "Hayat")],
)
def test_a_letter_that_stands_for_several_sounds_gives_several_skeletons(arabic: str, latin: str) -> None:
    assert skeletons_of(arabic) != skeletons_of(latin)
    assert set(skeletons(bare(arabic)[0])) & set(skeletons(bare(latin)[0]))


def test_a_word_that_ends_with_aldin_is_known_without_it() -> None:
    assert before_faith("صلاحالدين") == "صلاح"
    for written in ("salahuddin", "salaheldin", "salahaldeen", "salaheddine"):
        assert before_faith(written) == "salah"
    assert skeleton(bare("صلاح الدين")[1]) == FAITH
    assert before_faith("saad") is before_faith("uddin") is None


@pytest.mark.parametrize("whole", ["عبدالوهاب", "abdulwahab", "ممدوح", "mamdouh", "فاطمه", "khadijah"])
def test_the_beginning_of_a_word_gives_the_beginning_of_its_skeleton(whole: str) -> None:
    for length in range(2, len(whole)):
        begun = begun_skeletons(whole[:length])
        assert any(one.startswith(begun) for one in (*skeletons(whole), *begun_skeletons(whole))), length


def test_a_short_form_is_that_of_a_name_with_a_skeleton_of_its_own() -> None:
    for short, whole in SHORT_FORMS.items():
        assert whole not in SHORT_FORMS
        assert skeleton(short) == skeleton(whole)


@given(st.text(max_size=60))
def test_whatever_is_written_has_words_and_skeletons_of_capital_letters(text: str) -> None:
    for word in name_words(text):
        assert word.bare
        assert word.bare == fold(word.bare)
        for one in skeletons(word.bare):
            assert re.fullmatch("[A-Z]+", one)
    assert len(name_words(text)) <= MOST_WORDS
