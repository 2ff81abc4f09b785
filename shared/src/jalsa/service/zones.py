"""Names of IANA time zones."""

import re
from functools import cache
from zoneinfo import available_timezones

#: Names that some machines know, and that say the rules of no place. They are the machine's own zone, none at all,
#: other countings of the same zones, and POSIX rules, which are written out instead of named.
_NO_PLACE = re.compile(r"localtime|Factory|posixrules|(posix|right)/.*|[A-Z]{3,}[0-9+-].*")


@cache
def _known() -> frozenset[str]:
    """They are read from the disk once, because finding them takes milliseconds."""
    return frozenset(available_timezones())


def is_known(name: str) -> bool:
    """Whether this machine can reckon in the zone."""
    return name in _known()


def is_place(name: str) -> bool:
    """Whether it is the zone of a place, such as `Asia/Riyadh`, or UTC, which is a name that a clock may be set by."""
    return is_known(name) and not _NO_PLACE.fullmatch(name)
