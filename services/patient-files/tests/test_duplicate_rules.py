"""Whether two records are one person's: what counts, how much, and what never does."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patient_files.duplicates.rules import births as compared
from patient_files.duplicates.rules.grades import (
    CERTAIN,
    DISMISSED,
    GUARDIANS_PHONE,
    OTHER_IDENTIFIER,
    POSSIBLE,
    POSSIBLE_TWIN,
    PROBABLE,
    REASONS,
    SAME_BIRTH,
    SAME_BIRTH_YEAR,
    SAME_EMAIL,
    SAME_IDENTIFIER,
    SAME_NAME,
    SAME_PHONE,
    SIMILAR_BIRTH,
    SIMILAR_NAME,
    Person,
    Verdict,
    verdict,
)
from patient_files.duplicates.rules.names import is_alike, likeness, name_of, word_likeness
from patient_files.patients.rules.births import DAY, GREGORIAN, HIJRI, MONTH, YEAR, birth
from patient_files.patients.rules.identifiers import NAT, PASSPORT, Identifier, identifier
from patient_files.patients.rules.names import KNOWN, NEWBORN, NameParts

DAY_OF_BIRTH = "2015-04-30"
PHONE, OTHER_PHONE = "+966501234567", "+966551112223"
SARA = NameParts("Sara", "Nasser", "Fahd", "Al-Otaibi")
SARA_AR = NameParts("سارة", "ناصر", "فهد", "العتيبي")
NOBODY = NameParts()


def person(
    english: NameParts = SARA, arabic: NameParts = NOBODY, born: str | None = DAY_OF_BIRTH, **more: Any
) -> Person:
    return Person(
        names=(english, arabic),
        **{
            "identity_status": KNOWN,
            "birth": None if born is None else birth(GREGORIAN, DAY, born),
            "sex": "F",
            "phones": frozenset({PHONE}),
            **more,
        },
    )


def found(one: Person, other: Person, **how: bool) -> Verdict:
    seen = verdict(one, other, **how)
    assert seen is not None
    assert seen == verdict(other, one, **how), "the order does not matter"
    return seen


def national(number: str) -> frozenset[Identifier]:
    return frozenset({identifier(NAT, number)})


def test_an_equal_identifier_is_certain_whatever_else_differs() -> None:
    other = person(NameParts("Layla", last="Haddad"), born="1980-01-01", sex="M", identifiers=national("1065432195"))
    seen = found(person(identifiers=national("1065432195")), other)
    assert (seen.grade, seen.reasons[0]) == (CERTAIN, SAME_IDENTIFIER)


def test_equal_names_birth_sex_and_phone_are_certain() -> None:
    seen = found(person(), person(NameParts("SARA", "nasser", "Fahd", "Al-Otaibi")))
    assert seen == Verdict(CERTAIN, 0.90, (SAME_NAME, SAME_BIRTH, SAME_PHONE))


def test_parts_that_one_side_does_not_have_do_not_matter_but_the_first_name_does() -> None:
    known = person(SARA, SARA_AR)
    assert found(known, person(NameParts("Sara", last="Al-Otaibi"))).grade == CERTAIN
    assert found(known, person(NOBODY, NameParts("ساره", "ناصر"))).grade == CERTAIN
    assert found(known, person(NameParts(None, "Nasser", "Fahd", "Al-Otaibi"))).grade == PROBABLE


def test_an_equal_email_instead_of_a_phone_is_certain_too() -> None:
    one = person(phones=frozenset(), email="sara@example.com")
    assert found(one, person(phones=frozenset({OTHER_PHONE}), email="Sara@example.com")).grade == CERTAIN
    assert found(one, person(phones=frozenset(), email="sara@example.org")).grade == PROBABLE


@pytest.mark.parametrize(
    "change",
    [
        {"english": NameParts("Sarah", "Nasser", "Fahd", "Al-Otaibi")},
        {"english": NameParts("Sara", "Naser", "Fahd", "Al-Otaibi")},
        {"born": "2015-05-30"},
        {"sex": "M"},
        {"phones": frozenset({OTHER_PHONE})},
        {"birth": birth(GREGORIAN, MONTH, "2015-04")},
        {"birth_order": 2},
    ],
)
def test_whatever_is_not_equal_makes_it_less_than_certain(change: dict[str, Any]) -> None:
    assert found(person(birth_order=1), person(**{"birth_order": 1, **change})).grade in {PROBABLE, POSSIBLE}


def test_another_identifier_of_one_type_and_country_is_never_certain() -> None:
    one, other = (person(identifiers=national(number)) for number in ("1065432195", "1010101010"))
    seen = found(one, other)
    assert (seen.grade, seen.reasons[0]) == (PROBABLE, OTHER_IDENTIFIER)
    passports = [frozenset({identifier(PASSPORT, "A1234567", country)}) for country in ("EG", "JO")]
    assert found(*(person(identifiers=each) for each in passports)).grade == CERTAIN
    both = person(identifiers=national("1010101010") | passports[0])
    assert found(person(identifiers=national("1065432195") | passports[0]), both).grade == PROBABLE


def test_a_dismissed_pair_is_never_certain_again() -> None:
    seen = found(person(), person(), dismissed=True)
    assert (seen.grade, seen.reasons[-1]) == (PROBABLE, DISMISSED)
    one = person(identifiers=national("1065432195"))
    assert found(one, one, dismissed=True).grade == PROBABLE


def test_a_phone_alone_is_nothing_and_name_with_birth_are_probable_at_most() -> None:
    assert verdict(person(), person(NameParts("Layla", last="Haddad"), born="1990-01-01")) is None
    seen = found(person(), person(phones=frozenset({OTHER_PHONE})))
    assert seen == Verdict(PROBABLE, 0.75, (SAME_NAME, SAME_BIRTH))
    assert found(person(), person(phones=frozenset(), sex="U")) == Verdict(POSSIBLE, 0.70, (SAME_NAME, SAME_BIRTH))


def test_what_each_part_counts() -> None:
    assert found(person(email="a@b.example"), person(email="A@b.example")).score == 1.0
    assert found(person(), person(born="2015-01-01")) == Verdict(
        PROBABLE, 0.75, (SAME_NAME, SAME_BIRTH_YEAR, SAME_PHONE)
    )
    assert found(person(), person(born="2016-01-01")) == Verdict(POSSIBLE, 0.65, (SAME_NAME, SAME_PHONE))
    assert verdict(person(), person(born="2016-01-01", sex="M")) is None
    assert found(person(sex="U"), person(sex="U")).score == 0.85


def test_a_parents_phone_counts_less_than_ones_own() -> None:
    child = person(phones=frozenset({OTHER_PHONE}), guardian_phones=frozenset({PHONE}))
    for again in (person(), person(phones=frozenset(), guardian_phones=frozenset({PHONE}))):
        assert found(child, again) == Verdict(PROBABLE, 0.85, (SAME_NAME, SAME_BIRTH, GUARDIANS_PHONE))
    both = person(phones=frozenset(), guardian_phones=frozenset({PHONE}), email="a@b.example")
    assert found(both, both).reasons == (SAME_NAME, SAME_BIRTH, SAME_EMAIL, GUARDIANS_PHONE)
    assert found(both, both).score == 0.85


@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        ((GREGORIAN, DAY, "2015-04-30"), (GREGORIAN, DAY, "2015-04-30"), compared.FULL),
        ((GREGORIAN, DAY, "2024-03-11"), (HIJRI, DAY, "1445-09-01"), compared.FULL),
        ((GREGORIAN, DAY, "2024-03-13"), (HIJRI, DAY, "1445-09-01"), compared.NEAR),
        ((GREGORIAN, DAY, "2024-03-09"), (HIJRI, DAY, "1445-09-01"), compared.NEAR),
        ((GREGORIAN, DAY, "2024-03-14"), (HIJRI, DAY, "1445-09-01"), compared.SAME_YEAR),
        ((GREGORIAN, DAY, "2015-04-29"), (GREGORIAN, DAY, "2015-04-30"), compared.SAME_YEAR),
        ((GREGORIAN, DAY, "2015-04-05"), (GREGORIAN, DAY, "2015-05-04"), compared.NEAR),
        ((HIJRI, DAY, "1436-04-05"), (HIJRI, DAY, "1436-05-04"), compared.NEAR),
        ((GREGORIAN, DAY, "2015-12-31"), (GREGORIAN, DAY, "2016-01-01"), 0.0),
        ((HIJRI, DAY, "1380-07-01"), (HIJRI, DAY, "1380-07-01"), compared.SAME_YEAR),
        ((HIJRI, DAY, "1380-07-01"), (GREGORIAN, DAY, "1960-12-20"), compared.SAME_YEAR),
        ((HIJRI, DAY, "1380-07-01"), (HIJRI, DAY, "1380-11-20"), compared.SAME_YEAR),
        ((HIJRI, DAY, "1380-07-01"), (HIJRI, DAY, "1381-07-01"), 0.0),
        ((GREGORIAN, DAY, "1960-12-20"), (HIJRI, YEAR, "1380"), compared.SAME_YEAR),
        ((HIJRI, MONTH, "1405-03"), (HIJRI, MONTH, "1405-03"), compared.SAME_YEAR),
        ((HIJRI, MONTH, "1405-03"), (GREGORIAN, YEAR, "1985"), 0.0),
        ((GREGORIAN, DAY, "1901-02-03"), (HIJRI, DAY, "1380-07-01"), 0.0),
    ],
)
def test_births_in_two_calendars(one: tuple[str, str, str], other: tuple[str, str, str], counts: float) -> None:
    assert compared.likeness(birth(*one), birth(*other)) == compared.likeness(birth(*other), birth(*one)) == counts


def test_a_birth_that_nobody_knows_is_like_no_other() -> None:
    assert compared.likeness(None, birth(GREGORIAN, DAY, DAY_OF_BIRTH)) == compared.likeness(None, None) == 0


def test_a_day_is_near_another_in_the_grade_as_well() -> None:
    seen = found(person(), person(birth=birth(HIJRI, DAY, "1436-07-12")))
    assert (seen.grade, seen.score, seen.reasons[1]) == (PROBABLE, 0.85, SIMILAR_BIRTH)


@pytest.mark.parametrize(
    ("english", "arabic"),
    [
        (NameParts("Sarah", "Nasser", "Fahd", "Al-Otaibi"), NOBODY),
        (NameParts("Sara", "Nasr", "Fahad", "Otaibi"), NOBODY),
        (NameParts("Al-Otaibi", "Nasser", "Fahd", "Sara"), NOBODY),
        (NameParts("Nasser", "Sara", "Fahd", "Al-Otaibi"), NOBODY),
        (NameParts("Sara Nasser Fahd Al-Otaibi"), NOBODY),
        (NameParts("Sara", last="Al-Otaibi"), NOBODY),
        (NameParts("Sara", None, "Fahd", "Al-Otaibi"), NOBODY),
        (NOBODY, SARA_AR),
        (NOBODY, NameParts("سارة", last="العتيبي")),
    ],
)
def test_typing_errors_swapped_and_missing_parts_and_another_alphabet_are_probable(
    english: NameParts, arabic: NameParts
) -> None:
    seen = found(person(), person(english, arabic))
    assert seen.grade in {CERTAIN, PROBABLE}
    assert seen.reasons[0] in {SAME_NAME, SIMILAR_NAME}


def test_another_first_name_of_one_family_and_birth_is_possible_at_most() -> None:
    seen = found(person(), person(NameParts("Lama", "Nasser", "Fahd", "Al-Otaibi")))
    assert seen.grade == POSSIBLE
    assert seen.reasons[-1] == POSSIBLE_TWIN
    boy = person(NameParts("Fahd", "Nasser", "Fahd", "Al-Otaibi"), born="2015-05-01", sex="M")
    assert (midnight := verdict(person(), boy)) is None or midnight.grade == POSSIBLE


@pytest.mark.parametrize(("one", "other"), [("Hassan", "Hussein"), ("حسن", "حسين"), ("سعد", "سعيد"), ("Lama", "Lina")])
def test_names_of_twins_that_sound_alike_are_two_names(one: str, other: str) -> None:
    assert not is_alike(one.lower(), other.lower())
    seen = found(*(person(NameParts(first, "Nasser", "Fahd", "Al-Otaibi")) for first in (one, other)))
    assert (seen.grade, seen.reasons[-1]) == (POSSIBLE, POSSIBLE_TWIN)


def test_twins_who_have_no_name_yet_differ_in_their_order_only() -> None:
    baby: dict[str, Any] = {"identity_status": NEWBORN, "mother": (NameParts("Huda Nasser"), NOBODY)}
    first, second = (person(NOBODY, birth_order=order, **baby) for order in (1, 2))
    assert (found(first, second).grade, found(first, second).reasons[-1]) == (POSSIBLE, POSSIBLE_TWIN)
    assert found(first, first).grade == PROBABLE, "without a first name nothing is certain"
    named = [person(NameParts("Baby", last="Nasser"), birth_order=order) for order in (1, 2)]
    assert found(*named).grade == POSSIBLE
    assert found(named[0], named[0]).grade == CERTAIN


def test_who_may_be_a_twin_without_an_order_is_not_certainly_the_one_with_an_order() -> None:
    assert found(person(), person(birth_order=2)).grade == PROBABLE


def test_siblings_are_not_shown() -> None:
    sister = person(
        NameParts("Lama", "Nasser", "Fahd", "Al-Otaibi"), born="2016-01-06", guardian_phones=frozenset({PHONE})
    )
    assert verdict(person(), sister) is None
    father = person(NameParts("Nasser", "Sara", "Fahd", "Al-Otaibi"), born="1985-01-06")
    assert verdict(person(), father) is None, "nor a parent, of whose name the child's is made"


def test_a_name_that_is_one_word_says_little_of_one_of_several() -> None:
    assert verdict(person(phones=frozenset()), person(NameParts("Sara"), phones=frozenset())) is None


def alike(one: str, other: str) -> float:
    names = [name_of(NameParts(each)) for each in (one, other)]
    return likeness([name for name in names[:1] if name], [name for name in names[1:] if name])


def test_how_alike_names_are() -> None:
    assert alike("Mohammed Saad Al-Ghamdi", "محمد سعد الغامدي") == pytest.approx(0.95)
    assert alike("Mohammed Al-Ghamdi", "Muhammad Ghamdi") == pytest.approx(0.975)
    assert alike("Sara Nasser Fahd Otaibi", "Sara Otaibi") == pytest.approx(0.9)
    assert alike("Sara Otaibi", "Otaibi Sara") == 1
    assert alike("Sara Otaibi", "Layla Haddad") == 0
    assert alike("李小龙", "李小龙") == 1
    assert word_likeness("محمد", "محمود") == pytest.approx(0.8)
    assert name_of(NameParts(".")) is None


names = st.builds(NameParts, *[st.none() | st.text("ab سن'-", max_size=6)] * 4)
days = st.dates(date(1930, 1, 1), date(2026, 1, 1))
people = st.builds(
    lambda english, arabic, born, sex, phones: person(english, arabic, born.isoformat(), sex=sex, phones=phones),
    names, names, days, st.sampled_from("MFU"), st.frozensets(st.sampled_from([PHONE, OTHER_PHONE])),
)  # fmt: skip


@given(people, people)
def test_a_verdict_does_not_depend_on_the_order_and_stays_within_its_bounds(one: Person, other: Person) -> None:
    seen = verdict(one, other)
    assert seen == verdict(other, one)
    if seen is not None:
        assert 0.65 <= seen.score <= 1
        assert set(seen.reasons) <= set(REASONS)
