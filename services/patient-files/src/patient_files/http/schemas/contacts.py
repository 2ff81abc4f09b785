"""Which contacts may be a patient's. A caller does not choose what this site pays for, nor where in it mail goes."""

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers
from marshmallow import ValidationError, fields
from phonenumbers import PhoneNumber, PhoneNumberType

from jalsa.http.fields import Pattern, Value

#: Where a number without a country code is dialled.
_REGION = "SA"
# nothing that the library would drop in silence: letters, extensions
_DIALLED = re.compile(r"[+\d(][\d ().-]{3,31}")

#: Whoever calls or writes to such a number pays for it. A personal number's rates are those of premium numbers.
_DEAR = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER})
#: The library's region of numbers that belong to no country.
_NO_COUNTRY = "001"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: Top-level names that lead nowhere in the public network, or to machines of our own (RFC 2606, 6761, 6762 appendix G,
#: 7686, 9476, and ICANN's lists of names that are not delegated).
_PRIVATE = frozenset(
    {
        *("alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"),
        *("localhost", "onion", "private", "test"),
    }
)
_LONGEST_LOCAL_PART = 64


def check_price(number: PhoneNumber) -> None:
    """Raises marshmallow's ValidationError for a number that costs its callers extra.

    So do numbers of no country, such as those of satellites: their rates are those of whoever operates them.
    """
    kind = phonenumbers.number_type(number)
    of_no_country = phonenumbers.region_code_for_country_code(number.country_code or 0) == _NO_COUNTRY
    if kind in _DEAR or (of_no_country and kind != PhoneNumberType.TOLL_FREE):
        raise ValidationError("Must not be a premium-rate number.")


def check_mailbox(address: str) -> None:
    """Raises marshmallow's ValidationError unless an address is one in the public network.

    An address of an IP literal, a single label or a private domain would let a caller have mail sent to machines of
    this site. The address is one that marshmallow takes for an e-mail address.
    """
    local_part, _, domain = address.lower().rpartition("@")
    labels = domain.split(".")
    named = len(labels) > 1 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    if not named or labels[-1] in _PRIVATE or len(local_part) > _LONGEST_LOCAL_PART:
        raise ValidationError("Must be an email address that can be reached from anywhere.")


class Phone(Value):
    """A telephone number as it is dialled in Saudi Arabia, or international; loaded as E.164."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        dialled = super()._deserialize(value, attr, data, **kwargs)
        try:
            number = phonenumbers.parse(dialled, _REGION) if _DIALLED.fullmatch(dialled) else None
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_valid_number(number):
            raise ValidationError("Must be a telephone number, for example +966500000001.")
        check_price(number)
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Email(fields.Email, Value):
    """An address of visible ASCII: what every mail server takes, and nothing that could end a header."""

    def __init__(self, **kwargs: Any) -> None:
        visible = Pattern(r"^[!#-~]{3,254}$", error="Not a valid email address.")
        super().__init__(validate=[visible, check_mailbox], **kwargs)
