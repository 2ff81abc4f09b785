"""What identifies a person: which numbers are taken, and what makes two of them one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patient_files.patients.rules.identifiers import (
    BORDER,
    GCC,
    IQAMA,
    NAT,
    OTHER,
    PASSPORT,
    TYPES,
    Identifier,
    first,
    fits_nationality,
    has_luhn_digit,
    identifier,
    national_id,
    repeated_single,
)
from patient_files.patients.rules.refusals import RefusedValue

digits = st.text("0123456789", min_size=9, max_size=9)
#: What people and registries put between and around the digits of a number.
noise = st.sampled_from(["", " ", "-", "\u00a0", "–", "\u200e", "\u200f", "\u202a", "\u202c", "\ufeff", "\u200d"])
scripts = st.sampled_from(["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"])


def with_check_digit(stem: str) -> str:
    return next(stem + last for last in "0123456789" if has_luhn_digit(stem + last))


@pytest.mark.parametrize("number", ["1122334459", "1065432195", "1010101010", "2000000006", "2345678904"])
def test_a_number_of_the_national_register_has_a_check_digit(number: str) -> None:
    type_ = NAT if number[0] == "1" else IQAMA
    assert national_id(number) == identifier(type_, number) == Identifier(type_, "SA", number)


@pytest.mark.parametrize(
    "number", ["1098765432", "1012345678", "2123456785", "1000000000", "2222222220", "3000000000", "0000000000"]
)
def test_a_number_with_another_check_digit_or_first_digit_is_refused(number: str) -> None:
    for type_ in (NAT, IQAMA):
        with pytest.raises(RefusedValue) as refusal:
            identifier(type_, number)
        assert number not in str(refusal.value)


@pytest.mark.parametrize(
    "written", ["10-65432195", "1065 432195", "١٠٦٥٤٣٢١٩٥", "\u202a1065432195\u202c", "۱۰۶۵۴۳۲۱۹۵"]
)
def test_one_number_is_one_value_however_it_is_written(written: str) -> None:
    assert identifier(NAT, written) == national_id(written) == Identifier(NAT, "SA", "1065432195")


@given(digits, st.lists(noise, min_size=11, max_size=11), scripts)
def test_whatever_stands_between_the_digits_is_no_part_of_a_number(stem: str, between: list[str], script: str) -> None:
    number = with_check_digit("1" + stem[1:])
    written = "".join(mark + script[int(digit)] for mark, digit in zip(between, number, strict=False)) + between[-1]
    assert identifier(NAT, written).value == number


@given(digits, st.integers(0, 9), st.integers(1, 9))
def test_a_single_wrong_digit_is_always_noticed(stem: str, position: int, change: int) -> None:
    number = with_check_digit("1" + stem[1:])
    wrong = str((int(number[position]) + change) % 10)
    assert not has_luhn_digit(number[:position] + wrong + number[position + 1 :])


@given(st.text(max_size=30), st.sampled_from(TYPES))
def test_what_is_stored_folds_to_itself(text: str, type_: str) -> None:
    try:
        stored = identifier(type_, text, "QA" if type_ == GCC else None if type_ != PASSPORT else "EG")
    except RefusedValue:
        return
    assert stored.value.isascii()
    assert stored.value.isalnum()
    assert identifier(type_, stored.value.lower(), stored.issuing_country) == stored


@pytest.mark.parametrize(
    ("type_", "value", "country", "stored"),
    [
        (BORDER, "3012345678", None, ("3012345678", "SA")),
        (GCC, "784-1990-1234567", "AE", ("78419901234567", "AE")),
        (GCC, "123456", "bh", ("123456", "BH")),
        (PASSPORT, "a 1234567", "EG", ("A1234567", "EG")),
        (OTHER, "unhcr-001", None, ("UNHCR001", "ZZ")),
        (OTHER, "12345", "SD", ("12345", "SD")),
    ],
)
def test_each_type_has_its_shape(type_: str, value: str, country: str | None, stored: tuple[str, str]) -> None:
    made = identifier(type_, value, country)
    assert (made.value, made.issuing_country) == stored


@pytest.mark.parametrize(
    ("type_", "value", "country"),
    [
        (NAT, "1065432195", "AE"),
        (BORDER, "301234567", None),
        (BORDER, "301234567A", None),
        (GCC, "123456", None),
        (GCC, "123456", "SA"),
        (GCC, "12345", "QA"),
        (GCC, "1" * 16, "QA"),
        (PASSPORT, "A1234567", None),
        (PASSPORT, "A1234567", "ZZ"),
        (PASSPORT, "A1234567", "XX"),
        (PASSPORT, "A123", "EG"),
        (PASSPORT, "A" * 16, "EG"),
        (OTHER, "123", None),
        (OTHER, "1" * 21, None),
        (OTHER, "12345", "QQ"),
        (OTHER, "123/45", None),
        (OTHER, "ſ12345", None),
        (OTHER, "ß12345", None),
        (OTHER, "123\n45", None),
        (OTHER, "", None),
        ("LIBRARY_CARD", "12345", None),
    ],
)
def test_what_a_type_does_not_have_is_refused(type_: str, value: str, country: str | None) -> None:
    with pytest.raises(RefusedValue):
        identifier(type_, value, country)


@pytest.mark.parametrize("value", ["AB-1098765432", "3098765432", "109876543", "10987654321", "12345"])
def test_a_national_id_of_no_national_register_is_of_another_kind(value: str) -> None:
    assert national_id(value) == Identifier(OTHER, "ZZ", value.replace("-", ""))


def test_a_national_id_that_looks_like_one_of_the_register_must_be_one() -> None:
    with pytest.raises(RefusedValue):
        national_id("1098765432")


@pytest.mark.parametrize(
    ("type_", "nationality", "fits"),
    [
        (NAT, "SA", True), (NAT, None, True), (NAT, "EG", False),
        (IQAMA, "SA", False), (IQAMA, None, True), (IQAMA, "EG", True),
        (BORDER, "SA", False), (BORDER, "EG", True),
        (GCC, "SA", True), (PASSPORT, "SA", True), (OTHER, "EG", True),
    ],
)  # fmt: skip
def test_only_citizens_have_an_identity_card_and_only_others_a_permit(
    type_: str, nationality: str | None, fits: bool
) -> None:
    assert fits_nationality(type_, nationality) is fits


def test_the_first_by_type_stands_for_the_national_id_and_of_one_type_the_first_given() -> None:
    passports = [identifier(PASSPORT, f"A123456{n}", "EG") for n in range(2)]
    given_ = [identifier(OTHER, "12345"), *passports, identifier(BORDER, "3012345678"), identifier(GCC, "123456", "QA")]

    assert first(given_) == given_[-1]
    assert first([given_[0], *passports]) == passports[0]
    assert first([*given_, national_id("2000000006"), national_id("1010101010")]) == national_id("1010101010")
    assert first([]) is None


def test_a_person_has_one_card_and_one_permit_but_may_have_two_passports() -> None:
    passports = [identifier(PASSPORT, f"A123456{n}", "EG") for n in range(2)]
    assert repeated_single(passports) is None
    assert repeated_single([national_id("1010101010"), national_id("2000000006")]) is None
    assert repeated_single([*passports, national_id("1010101010"), national_id("1065432195")]) == NAT
