"""The rules of patient files in the field's own words: numbers and dates. No I/O."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

SEXES = ("M", "F")
LANGUAGES = ("ar", "en")
EARLIEST_BIRTH = date(1900, 1, 1)
#: The only state of a sub-file so far.
ACTIVE = "ACTIVE"


def local_date(now: datetime, zone: str) -> date:
    """The date at that instant in an IANA zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def file_number(year: int, running: int) -> str:
    """`FILE-2026-000001`; the running number is the tenant's in that year."""
    return f"FILE-{year}-{running:06d}"


def sub_file_number(main_file: str, clinic_code: str, running: int) -> str:
    """`FILE-2026-000001-OT-01`; the running number is the main file's, over all its clinics."""
    return f"{main_file}-{clinic_code}-{running:02d}"
