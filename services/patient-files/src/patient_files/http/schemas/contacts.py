"""Which contacts may be a patient's. A caller does not choose what this site pays for, nor where in it mail goes."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from jalsa.http.fields import Pattern, Value
from patient_files.patients.rules.phones import phone
from patient_files.patients.rules.refusals import RefusedValue

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


class PhoneNumber(fields.String):
    """A telephone number as it is dialled in Saudi Arabia, or international; loaded with what libphonenumber says."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return phone(super()._deserialize(value, attr, data, **kwargs) or "")
        except RefusedValue as refusal:
            raise ValidationError(refusal.message) from None


class Email(fields.Email, Value):
    """An address of visible ASCII: what every mail server takes, and nothing that could end a header."""

    def __init__(self, **kwargs: Any) -> None:
        visible = Pattern(r"^[!#-~]{3,254}$", error="Not a valid email address.")
        super().__init__(validate=[visible, check_mailbox], **kwargs)
