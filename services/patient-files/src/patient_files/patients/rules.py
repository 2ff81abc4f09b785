"""The rules of patients in the field's own words. No I/O."""

from datetime import date

SEXES = ("M", "F")
LANGUAGES = ("ar", "en")
EARLIEST_BIRTH = date(1900, 1, 1)


def file_number(year: int, running: int) -> str:
    """`FILE-2026-000001`; the running number is the tenant's in that year."""
    return f"FILE-{year}-{running:06d}"
