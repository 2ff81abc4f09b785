"""The rules of consents in the field's own words. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from jalsa.service.states import state_machine

TREATMENT = "TREATMENT"
#: What a patient may consent to. Treatment is the one that check-in needs.
CONSENT_TYPES = (TREATMENT, "DATA_SHARING", "PHOTOGRAPHY", "RESEARCH")
VALID, EXPIRED, REVOKED = "VALID", "EXPIRED", "REVOKED"
#: A consent that has expired can still be revoked, for example so that pictures taken under it are no longer used.
CONSENT = state_machine("consent", VALID, VALID="EXPIRED REVOKED", EXPIRED=REVOKED, REVOKED="")
#: As for instants: nothing is arranged for later.
LATEST_EXPIRY = date(2200, 12, 31)


@dataclass(frozen=True)
class Standing:
    """Where a patient's treatment is consented to: in every clinic, or in some of them."""

    consented: bool
    clinic_ids: tuple[UUID, ...]


def end_of_day(day: date, zone: str) -> datetime:
    """The instant (UTC) at which a day is over in an IANA zone."""
    return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)


def consent_state(revoked_at: datetime | None, ends_at: datetime | None, now: datetime) -> str:
    """The state of a consent; `ends_at` is when its last day is over."""
    if revoked_at is not None:
        return REVOKED
    return VALID if ends_at is None or now < ends_at else EXPIRED


def standing_of(clinics: Iterable[UUID | None]) -> Standing:
    """The standing that valid consents to treatment give, by their clinics; None stands for every clinic."""
    clinics = set(clinics)
    return Standing(None in clinics, tuple(sorted(clinic for clinic in clinics if clinic is not None)))
