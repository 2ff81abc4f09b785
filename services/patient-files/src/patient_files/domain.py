"""What all subjects of patient files share. No I/O."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

#: The only state of a sub-file so far.
ACTIVE = "ACTIVE"


def local_date(now: datetime, zone: str) -> date:
    """The date at that instant in an IANA zone."""
    return now.astimezone(ZoneInfo(zone)).date()
