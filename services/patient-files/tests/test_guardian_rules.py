"""Who may consent for a patient, and whom to tell."""

from datetime import date

import pytest

from patient_files.patients.rules.births import Majority
from patient_files.patients.rules.guardians import (
    CONTACTS,
    COURT_ORDER,
    DELEGATION,
    NATURAL_GUARDIAN,
    PATIENT,
    ConsentRight,
    is_minor,
    may_consent,
    patient_may_consent,
    tell,
)

FROM, TO = date(2020, 1, 1), date(2026, 6, 30)
EIGHTEEN = date(2026, 4, 30)
MAJORITY = Majority(EIGHTEEN, EIGHTEEN)
UNCERTAIN = Majority(date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("right", "day", "may"),
    [
        (ConsentRight(NATURAL_GUARDIAN, FROM), date(2019, 12, 31), False),
        (ConsentRight(NATURAL_GUARDIAN, FROM), FROM, True),
        (ConsentRight(NATURAL_GUARDIAN, FROM), date(2026, 4, 29), True),
        (ConsentRight(NATURAL_GUARDIAN, FROM), EIGHTEEN, False),
        (ConsentRight(DELEGATION, FROM, date(2025, 1, 1)), date(2025, 1, 1), True),
        (ConsentRight(DELEGATION, FROM, date(2025, 1, 1)), date(2025, 1, 2), False),
        (ConsentRight(DELEGATION, FROM, TO), EIGHTEEN, False),
        (ConsentRight(COURT_ORDER, FROM, TO), EIGHTEEN, True),
        (ConsentRight(COURT_ORDER, FROM, TO), TO, True),
        (ConsentRight(COURT_ORDER, FROM, TO), date(2026, 7, 1), False),
        (ConsentRight(COURT_ORDER, FROM), EIGHTEEN, False),
    ],
)
def test_a_right_holds_on_its_days_until_majority_unless_a_court_says_later(
    right: ConsentRight, day: date, may: bool
) -> None:
    assert may_consent([right], day, MAJORITY) is may


def test_without_a_right_nobody_consents_for_another() -> None:
    assert not may_consent([], FROM, MAJORITY)


def test_while_the_majority_is_uncertain_both_may_sign() -> None:
    right = ConsentRight(NATURAL_GUARDIAN, FROM)
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 30), date(2026, 12, 31)]
    assert [may_consent([right], day, UNCERTAIN) for day in days] == [True, True, True, False]
    assert [patient_may_consent(day, UNCERTAIN) for day in days] == [False, True, True, True]
    assert [is_minor(day, UNCERTAIN) for day in days] == [True, True, True, False]


def test_where_the_age_is_unknown_both_may_sign_and_nobody_is_taken_for_a_minor() -> None:
    assert may_consent([ConsentRight(COURT_ORDER, FROM)], EIGHTEEN, None)
    assert patient_may_consent(EIGHTEEN, None)
    assert not is_minor(EIGHTEEN, None)


def test_contacts_are_told_for_minors_with_a_guardian_who_receives_messages() -> None:
    assert tell(minor=True, a_guardian_receives_messages=True) == CONTACTS
    assert tell(minor=False, a_guardian_receives_messages=True) == PATIENT
    assert tell(minor=True, a_guardian_receives_messages=False) == PATIENT
