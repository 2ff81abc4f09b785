"""Telephone numbers as they are dialled, pasted and stored."""

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from jalsa.service.characters import clean_value
from jalsa.service.errors import Message
from patient_files.patients.rules.refusals import RefusedValue

#: How many telephone numbers a patient has at most.
MOST = 5
#: Where a number without a country code is dialled.
_REGION = "SA"
#: Nothing that the library would drop in silence: letters, extensions. Groups are often parted by a slash.
_DIALLED = re.compile(r"[+\d(][\d ()./-]{3,31}", re.ASCII)
#: Whoever calls or writes to such a number pays for it. A personal number's rates are those of premium numbers.
_DEAR = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER})
#: The library's region of numbers that belong to no country.
_NO_COUNTRY = "001"

#: What libphonenumber tells of a number, such as MOBILE or FIXED_LINE.
NUMBER_TYPES = tuple(PhoneNumberType.to_string(each) for each in PhoneNumberType.values())


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164, with what libphonenumber says that it is. Made by `phone`."""

    number: str
    number_type: str


def phone(dialled: str) -> Phone:
    """A number as it is dialled in Saudi Arabia, or international.

    Raises RefusedValue for what is no number, and for one that costs its callers extra.
    """
    number = _parsed(dialled)
    if _costs_extra(number):
        raise RefusedValue(Message("Must not be a premium-rate number."))
    return _as_stored(number)


def any_phone(dialled: str) -> Phone:
    """As `phone`, also for a number that costs its callers extra, which nobody is to be given as a contact."""
    return _as_stored(_parsed(dialled))


def _as_stored(number: PhoneNumber) -> Phone:
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Phone(written, PhoneNumberType.to_string(phonenumbers.number_type(number)))


def _parsed(dialled: str) -> PhoneNumber:
    try:
        text = clean_value(dialled)
    except ValueError:
        raise RefusedValue(Message("Must not contain control characters.")) from None
    try:
        number = phonenumbers.parse(text.replace("/", " "), _REGION) if _DIALLED.fullmatch(text) else None
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise RefusedValue(Message("Must be a telephone number, for example +966500000001."))
    return number


def _costs_extra(number: PhoneNumber) -> bool:
    """So do numbers of no country, such as those of satellites: their rates are those of whoever operates them."""
    kind = phonenumbers.number_type(number)
    of_no_country = phonenumbers.region_code_for_country_code(number.country_code or 0) == _NO_COUNTRY
    return kind in _DEAR or (of_no_country and kind != PhoneNumberType.TOLL_FREE)
