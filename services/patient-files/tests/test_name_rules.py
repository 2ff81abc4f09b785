"""Names in parts and two scripts, and the one name by which a patient is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patient_files.patients.rules.names import (
    DisplayNames,
    NameParts,
    baby_of,
    display_names,
    has_name,
    name_part,
    never_null,
    unknown_patient,
)
from patient_files.patients.rules.refusals import RefusedValue

INVISIBLE = [
    "\u00ad", "\u061c", "\u200b", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2060",
    "\u2066", "\u2067", "\u2068", "\u2069", "\ufeff",
]  # fmt: skip


@pytest.mark.parametrize("mark", INVISIBLE, ids=ascii)
def test_invisible_marks_are_removed(mark: str) -> None:
    assert name_part(f"{mark}Sa{mark}ra{mark}") == "Sara"


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("  Sara ", "Sara"),
        ("آل\u00a0سعود", "آل سعود"),
        ("محمد\u200cعلی\u200d", "محمد\u200cعلی"),
        ("Zoe\u0308", "Zoë"),
        ("O'Neil", "O'Neil"),
        ("O’Neil", "O’Neil"),
        ("سَارَة", "سَارَة"),
        ("👩‍👧", "👩‍👧"),
        ("x" * 120, "x" * 120),
        ("", None),
        (".", None),
        ("-", None),
        ("…", None),
    ],
    ids=ascii,
)
def test_a_part_is_stored_as_it_is_seen(given_: str, stored: str | None) -> None:
    assert name_part(given_) == stored


@pytest.mark.parametrize(
    "given_",
    [" ", "\u200f\u202e", "\u3164", "\u0301", "Sa\x00ra", "Sa\x9bra", "Sa\nra", "\ud800", "x" * 121],
    ids=ascii,
)
def test_controls_halves_of_characters_and_what_shows_nothing_are_refused(given_: str) -> None:
    with pytest.raises(RefusedValue):
        name_part(given_)


@given(st.text(max_size=140))
def test_what_is_stored_is_stored_as_it_is_when_it_comes_back(text: str) -> None:
    try:
        stored = name_part(text)
    except RefusedValue:
        return
    if stored is not None:
        assert name_part(stored) == stored
        assert 1 <= len(stored) <= 120
        assert not set(stored) & set(INVISIBLE)


def test_a_name_in_one_script_stands_for_the_other_and_is_never_transliterated() -> None:
    arabic = NameParts("سارة", "ناصر", None, "العتيبي")
    assert display_names(NameParts(), arabic) == DisplayNames("سارة ناصر العتيبي", "سارة ناصر العتيبي")
    assert display_names(NameParts("Sara"), arabic) == DisplayNames("Sara", "سارة ناصر العتيبي")
    assert display_names(NameParts("Sara", None, "Fahd", "Nasser"), NameParts()) == DisplayNames(
        "Sara Fahd Nasser", "Sara Fahd Nasser"
    )
    assert display_names(NameParts(), NameParts()) == DisplayNames("", "")


def test_a_newborn_is_shown_by_the_mother_and_twins_by_their_order() -> None:
    mother = DisplayNames("Sara Nasser", "سارة ناصر")
    assert baby_of(mother, None) == DisplayNames("Baby of Sara Nasser", "مولود سارة ناصر")
    assert baby_of(mother, 2) == DisplayNames("Baby of Sara Nasser (2)", "مولود سارة ناصر (2)")


def test_who_is_unknown_is_shown_by_the_file_number() -> None:
    assert unknown_patient("FILE-2026-000001") == DisplayNames(
        "Unknown patient FILE-2026-000001", "مريض مجهول FILE-2026-000001"
    )


def test_a_patient_whose_identity_is_known_has_a_part_in_one_script() -> None:
    assert has_name([NameParts(), NameParts(father="ناصر")])
    assert not has_name([NameParts(), NameParts()])


def test_consumers_that_always_had_an_english_part_get_the_arabic_one_else_nothing() -> None:
    assert never_null("Sara", "سارة") == "Sara"
    assert never_null(None, "سارة") == "سارة"
    assert never_null(None, None) == ""
