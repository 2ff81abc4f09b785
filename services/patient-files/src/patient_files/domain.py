"""What all subjects of patient files share. No I/O."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

#: The states of a sub-file.
ACTIVE, CLOSED = "ACTIVE", "CLOSED"


def local_date(now: datetime, zone: str) -> date:
    """The date at that instant in an IANA zone."""
    return now.astimezone(ZoneInfo(zone)).date()
