"""How alike two births are."""

from datetime import date

from hijridate import Gregorian

from patient_files.patients.rules.births import DAY, GREGORIAN, HIJRI, Birth, birth
from patient_files.patients.rules.refusals import RefusedValue

#: How many days a Hijri date can be off: the month begins when the moon is seen.
HIJRI_DAYS = 2
#: What registries enter for people of whom only the year is known.
_REGISTRY_DEFAULT = "-07-01"

FULL, NEAR, SAME_YEAR = 0.25, 0.20, 0.10


def likeness(one: Birth | None, other: Birth | None) -> float:
    """What two births count: FULL, NEAR, SAME_YEAR or nothing."""
    if one is None or other is None:
        return 0.0
    if one.date_of_birth is None or other.date_of_birth is None:
        return SAME_YEAR if days_apart(one, other) == 0 else 0.0
    if not (is_registry_default(one) or is_registry_default(other)):
        if one.date_of_birth == other.date_of_birth:
            return FULL
        if swapped(one) == other.date_of_birth or swapped(other) == one.date_of_birth:
            return NEAR
        if HIJRI in (one.calendar, other.calendar) and days_apart(one, other) <= HIJRI_DAYS:
            return NEAR
    return SAME_YEAR if _same_year(one, other) else 0.0


def days_apart(one: Birth, other: Birth) -> int:
    """The least number of days that there can be between two births; 0 where they can be on one day."""
    return max(0, (one.born_from - other.born_to).days, (other.born_from - one.born_to).days)


def swapped(of: Birth) -> date | None:
    """The day that somebody meant who wrote the month where the day belongs; None where there is no such day."""
    if of.precision != DAY:
        return None
    year, month, day = of.value.split("-")
    try:
        return birth(of.calendar, DAY, f"{year}-{day}-{month}").date_of_birth
    except RefusedValue:
        return None


def is_registry_default(of: Birth) -> bool:
    """Whether it is 1 Rajab, which says nothing but the year."""
    return of.calendar == HIJRI and of.precision == DAY and of.value.endswith(_REGISTRY_DEFAULT)


def _same_year(one: Birth, other: Birth) -> bool:
    return one.born_from.year == other.born_from.year or (
        HIJRI in (one.calendar, other.calendar) and _hijri_year(one) == _hijri_year(other) is not None
    )


def _hijri_year(of: Birth) -> int | None:
    if of.calendar == GREGORIAN:
        try:
            return Gregorian.fromdate(of.born_from).to_hijri().year
        except OverflowError:  # the table begins in 1924
            return None
    return int(of.value[:4])
