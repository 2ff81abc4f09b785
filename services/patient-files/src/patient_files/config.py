"""The settings of patient files."""

from dataclasses import dataclass
from typing import Self

from jalsa.service import zones
from jalsa.service.config import Config, setting

#: The IANA zone of what belongs to no clinic, unless a deployment says otherwise.
ZONE_OF_NO_CLINIC = "Asia/Riyadh"


class TimeZone(str):
    """The name of the IANA time zone of a place. Raises ValueError for any other text."""

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        if not zones.is_place(name):
            raise ValueError(name)
        return super().__new__(cls, name)


@dataclass(frozen=True, kw_only=True)
class PatientFilesConfig(Config):
    """A main file belongs to no clinic, and so to no clinic's clock: its year is that of `default_timezone`.

    So are the days of a consent that is for every clinic.
    """

    default_timezone: TimeZone = setting(  # noqa: RUF009 it makes a field
        "IANA time zone of file numbers' year, of today's date, and of consents for every clinic",
        default=TimeZone(ZONE_OF_NO_CLINIC),
    )
