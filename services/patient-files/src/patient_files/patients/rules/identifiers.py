"""What identifies a person to the authorities: which numbers there are, and how each is written."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from jalsa.service.characters import clean_value
from jalsa.service.errors import Message
from patient_files.patients.rules.countries import COUNTRIES, GULF, SAUDI_ARABIA, UNKNOWN_COUNTRY
from patient_files.patients.rules.refusals import RefusedValue

#: The national identity card, the residence permit, and the number that is given at the border.
NAT, IQAMA, BORDER = "NAT", "IQAMA", "BORDER"
GCC, PASSPORT, OTHER = "GCC", "PASSPORT", "OTHER"
#: In the order in which one of them stands for a patient's `national_id`.
TYPES = (NAT, IQAMA, GCC, BORDER, PASSPORT, OTHER)
#: A person has one of them at a time.
SINGLE = (NAT, IQAMA)
#: What `national_id` alone can mean.
NAMED_BY_NATIONAL_ID = (NAT, IQAMA, OTHER)

#: Dashes of any width, which people put between groups of digits, and blanks.
_DROPPED = re.compile(r"[ \-‐‑‒–—―−]+")
_GIVEN = re.compile(r"[A-Za-z0-9]*")
_NATIONAL = re.compile(r"[12][0-9]{9}")


class Identifying(Protocol):
    """What has a type, such as a row of the table."""

    @property
    def type(self) -> str:
        """One of TYPES."""


I = TypeVar("I", bound=Identifying)  # noqa: E741 as in "identifier"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number as it is stored and compared: capitals and digits of ASCII. Made by `identifier` and `national_id`."""

    type: str
    issuing_country: str
    value: str


def identifier(type: str, value: str, issuing_country: str | None = None) -> Identifier:
    """An identifier as it is stored. `issuing_country` (ISO 3166-1 alpha-2) may be absent where the type says it.

    Raises RefusedValue for a value or a country that the type does not have; the message of a bad check digit does not
    say which digit would be right.
    """
    rule = _RULES.get(type)
    if rule is None:
        raise RefusedValue(Message("There is no such type of identifier."))
    folded = fold_identifier(value)
    if not rule.pattern.fullmatch(folded):
        raise RefusedValue(rule.shape)
    if rule.checked and not has_luhn_digit(folded):
        raise RefusedValue(Message("The check digit is wrong."))
    return Identifier(type, _country(rule, issuing_country), folded)


def national_id(value: str) -> Identifier:
    """What `national_id` means where no type is given. Raises RefusedValue.

    A number of 10 digits that begins with 1 or 2 is one of the national register; anything else is of type OTHER.
    """
    folded = fold_identifier(value)
    if _NATIONAL.fullmatch(folded):
        return identifier(NAT if folded[0] == "1" else IQAMA, folded)
    return identifier(OTHER, folded)


def fold_identifier(value: str) -> str:
    """A number without blanks, hyphens and invisible marks, in capitals and digits of ASCII.

    Raises RefusedValue for any other character.
    """
    try:
        folded = _DROPPED.sub("", clean_value(value))
    except ValueError:
        raise RefusedValue(Message("Must not contain control characters.")) from None
    if not _GIVEN.fullmatch(folded):
        raise RefusedValue(Message("Must be letters, digits or hyphens."))
    return folded.upper()


def has_luhn_digit(digits: str) -> bool:
    """Whether the last of some digits is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + position % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def fits_nationality(type: str, nationality: str | None) -> bool:
    """Whether a person of a nationality (ISO 3166-1 alpha-2, None where it is unknown) can have such an identifier.

    Only citizens have a national identity card, and only others a residence permit or a border number.
    """
    if nationality is None or type not in (NAT, IQAMA, BORDER):
        return True
    return (type == NAT) == (nationality == SAUDI_ARABIA)


def first(identifiers: Iterable[I]) -> I | None:
    """The identifier that `national_id` answers: the first by type, and of one type the one that was given first."""
    return min(identifiers, key=lambda each: TYPES.index(each.type), default=None)


def repeated_single(identifiers: Sequence[Identifying]) -> str | None:
    """A type of which a person has one, and which is there twice."""
    types = [each.type for each in identifiers]
    return next((single for single in SINGLE if types.count(single) > 1), None)


@dataclass(frozen=True, slots=True)
class _Rule:
    """How numbers of a type are written, and who issues them. `country` is what an absent one stands for."""

    pattern: re.Pattern[str]
    shape: Message
    countries: frozenset[str]
    country: str | None = None
    checked: bool = False


_SAUDI = frozenset({SAUDI_ARABIA})
_RULES = {
    NAT: _Rule(
        re.compile(r"1[0-9]{9}"), Message("Must be 10 digits, the first of them 1."), _SAUDI, SAUDI_ARABIA, checked=True
    ),
    IQAMA: _Rule(
        re.compile(r"2[0-9]{9}"), Message("Must be 10 digits, the first of them 2."), _SAUDI, SAUDI_ARABIA, checked=True
    ),
    BORDER: _Rule(re.compile(r"[0-9]{10}"), Message("Must be 10 digits."), _SAUDI, SAUDI_ARABIA),
    GCC: _Rule(re.compile(r"[0-9]{6,15}"), Message("Must be 6 to 15 digits."), GULF),
    PASSPORT: _Rule(re.compile(r"[A-Z0-9]{5,15}"), Message("Must be 5 to 15 letters or digits."), COUNTRIES),
    OTHER: _Rule(
        re.compile(r"[A-Z0-9]{4,20}"),
        Message("Must be 4 to 20 letters, digits or -."),
        COUNTRIES | {UNKNOWN_COUNTRY},
        UNKNOWN_COUNTRY,
    ),
}


def _country(rule: _Rule, given: str | None) -> str:
    country = rule.country if given is None else given.upper()
    if country is None:
        raise RefusedValue(Message("The issuing country is needed."))
    if country not in rule.countries:
        raise RefusedValue(Message("This country does not issue such an identifier."))
    return country
