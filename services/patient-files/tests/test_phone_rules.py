"""Telephone numbers as they are pasted and dialled."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patient_files.patients.rules.phones import NUMBER_TYPES, Phone, any_phone, phone
from patient_files.patients.rules.refusals import RefusedValue

MOBILE = Phone("+966501234567", "MOBILE")


@pytest.mark.parametrize(
    "dialled",
    [
        "٠٥٠١٢٣٤٥٦٧",
        "۰۵۰۱۲۳۴۵۶۷",
        "050/1234567",
        "\u202a+966 50 123 4567\u202c",
        "+966\u00a050\u00a0123\u00a04567",
        "+966 (0) 50 123 4567",
        "+966(0)501234567",
        "00966501234567",
        "00966 50 123 4567",
        "966501234567",
        "0501234567",
        "050-123-4567",
        "+9660501234567",
    ],
    ids=ascii,
)
def test_one_number_is_understood_as_it_is_dialled_and_as_it_is_pasted(dialled: str) -> None:
    assert phone(dialled) == MOBILE


@pytest.mark.parametrize(
    ("dialled", "number", "number_type"),
    [
        ("0112345678", "+966112345678", "FIXED_LINE"),
        ("8001234567", "+9668001234567", "TOLL_FREE"),
        ("920001234", "+966920001234", "SHARED_COST"),
        ("+971 50 123 4567", "+971501234567", "MOBILE"),
        ("+1 202 555 0123", "+12025550123", "FIXED_LINE_OR_MOBILE"),
    ],
)
def test_the_type_of_a_number_is_the_librarys(dialled: str, number: str, number_type: str) -> None:
    assert any_phone(dialled) == Phone(number, number_type)
    assert number_type in NUMBER_TYPES


@pytest.mark.parametrize(
    "dialled",
    [
        *("", "123", "call 0501234567", "0501234567 ext 5", "0501234567x5", "0501234567;ext=5", "0501234567#5"),
        *(
            "050123456",
            "+999501234567",
            "0501234567\x00",
            "050\n1234567",
            "\u202e\u200e",
            "0" * 500,
            "+",
            "050\\1234567",
        ),
    ],
    ids=ascii,
)
def test_letters_extensions_and_what_is_no_number_are_refused(dialled: str) -> None:
    with pytest.raises(RefusedValue):
        any_phone(dialled)


@pytest.mark.parametrize("dialled", ["920001234", "+979123456789", "+19005551234", "+447012345678", "+8816234567890"])
def test_a_number_that_costs_its_callers_extra_is_no_contact(dialled: str) -> None:
    with pytest.raises(RefusedValue, match="premium"):
        phone(dialled)


@given(
    st.integers(500_000_000, 599_999_999),
    st.lists(st.sampled_from(["", " ", "-", "/", "\u00a0", "\u200e"]), min_size=9, max_size=9),
)
def test_every_way_to_write_a_mobile_number_gives_one_value(number: int, between: list[str]) -> None:
    dialled = f"+966{number}"
    try:
        stored = phone(dialled)
    except RefusedValue:
        assume(False)  # not every prefix belongs to an operator
        raise
    written = "".join(digit + mark for digit, mark in zip(str(number), between, strict=True))
    for beginning in ("0", "+966 ", "00966", "+966 (0)"):
        assert phone(beginning + written.rstrip("-/ \u00a0")) == stored
    assert stored.number == dialled
