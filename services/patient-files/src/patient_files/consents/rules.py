"""The rules of consents in the field's own words. No I/O."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from jalsa.service.states import state_machine

TREATMENT = "TREATMENT"
VALID, EXPIRED, REVOKED = "VALID", "EXPIRED", "REVOKED"
#: A consent that has expired can still be revoked, for example so that pictures taken under it are no longer used.
CONSENT = state_machine("consent", VALID, VALID="EXPIRED REVOKED", EXPIRED=REVOKED, REVOKED="")
DRAFT, PUBLISHED = "DRAFT", "PUBLISHED"
WORDING = state_machine("wording", DRAFT, DRAFT=PUBLISHED, PUBLISHED="")
#: As for instants: nothing is arranged for later.
LATEST_EXPIRY = date(2200, 12, 31)

#: Why a consent stops counting: its last day is over, it was revoked, a newer wording has to be signed, or the patient
#: has come of age since a guardian signed.
EXPIRY, REVOCATION, NEW_WORDING, MAJORITY = "EXPIRY", "REVOCATION", "NEW_WORDING", "MAJORITY"
ENDS = (EXPIRY, REVOCATION, NEW_WORDING, MAJORITY)
#: The right of the guardian who signed has ended. The consent still counts, and somebody should ask for a new one.
GUARDIAN_RIGHT = "GUARDIAN_RIGHT"
#: Why a new consent should be asked for.
DUE = (EXPIRY, NEW_WORDING, MAJORITY, GUARDIAN_RIGHT)

PATIENT, GUARDIAN, UNVERIFIED = "PATIENT", "GUARDIAN", "UNVERIFIED"
#: Who has signed; of an unverified signer only a name is known.
SIGNERS = (PATIENT, GUARDIAN, UNVERIFIED)
METHODS = ("PAPER", "TABLET", "VERBAL_WITNESSED", "REMOTE_LINK", "NAFATH")
LANGUAGES = ("ar", "en")
#: How far a device's clock may be ahead. Such a signature is stored as one of the present instant.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TypeOfConsent:
    """What a patient may consent to.

    Consents last `validity_days` after the day of signing; None where they need not end.
    """

    code: str
    name_en: str
    name_ar: str
    validity_days: int | None = None
    active: bool = True


#: The types that exist without set-up. Treatment is the one that check-in needs, so it stays active.
BUILT_IN = {
    each.code: each
    for each in (
        TypeOfConsent(TREATMENT, "Treatment", "العلاج"),
        TypeOfConsent("TELEHEALTH", "Telehealth", "الرعاية عن بعد"),
        TypeOfConsent("PHOTOGRAPHY", "Photography", "التصوير"),
        TypeOfConsent("DATA_SHARING", "Sharing of data", "مشاركة البيانات"),
        TypeOfConsent("RESEARCH", "Research", "البحث العلمي"),
    )
}


@dataclass(frozen=True, slots=True)
class NewSignature:
    """A published wording that has to be signed by whoever has signed an earlier one.

    What was signed earlier counts until `grace_days` after the day from which the wording holds.
    """

    version: int
    effective_on: date
    grace_days: int

    @property
    def through(self) -> date:
        """The last day of grace."""
        return self.effective_on + timedelta(days=self.grace_days - 1)


@dataclass(frozen=True, slots=True)
class LastDays:
    """The last local days on which a consent counts, each for a reason of its own; None where it does not end it."""

    expires_on: date | None
    resign_through: date | None
    outgrown_through: date | None

    @property
    def last(self) -> date | None:
        """The first of them, which ends the consent."""
        return min((day for day, _ in self._ends()), default=None)

    @property
    def reason(self) -> str | None:
        """Which of them is the first."""
        return next((reason for day, reason in self._ends() if day == self.last), None)

    def _ends(self) -> list[tuple[date, str]]:
        days = ((self.expires_on, EXPIRY), (self.resign_through, NEW_WORDING), (self.outgrown_through, MAJORITY))
        return [(day, reason) for day, reason in days if day is not None]


@dataclass(frozen=True)
class Standing:
    """Where something is consented to: in every clinic, or in some of them."""

    consented: bool
    clinic_ids: tuple[UUID, ...]


def end_of_day(day: date, zone: str) -> datetime:
    """The instant (UTC) at which a day is over in an IANA zone."""
    return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)


def end_of_consent(last_day: date | None, zone: str, signed_at: datetime) -> datetime | None:
    """The instant (UTC) at which a consent's last day is over; None without a last day.

    What was signed after its last day, by a zone or a wording that was corrected since, has ended with its signature.
    """
    if last_day is None:
        return None
    return max(end_of_day(last_day, zone), signed_at + timedelta(microseconds=1))


def consent_state(revoked_at: datetime | None, ends_at: datetime | None, now: datetime) -> str:
    """The state of a consent; `ends_at` is when its last day is over."""
    if revoked_at is not None:
        return REVOKED
    return VALID if ends_at is None or now < ends_at else EXPIRED


def counts_until(revoked_at: datetime | None, ends_at: datetime | None) -> datetime | None:
    """Until when a consent counts, or counted; None where it has no end."""
    return min((at for at in (revoked_at, ends_at) if at is not None), default=None)


def counts_reason(revoked_at: datetime | None, ends_at: datetime | None, days: LastDays) -> str | None:
    """Why a consent stops counting then; None where it has no end."""
    if revoked_at is not None and revoked_at == counts_until(revoked_at, ends_at):
        return REVOCATION
    return days.reason


def resign_through(version: int | None, signed_on: date, demands: Iterable[NewSignature]) -> date | None:
    """The last day on which what was signed counts before a newer wording has to be signed; None without such a one.

    Of a consent without a known wording it is taken that what held on the day of signing was signed.
    """
    newer = (each for each in demands if (signed_on < each.effective_on if version is None else version < each.version))
    return min((each.through for each in newer), default=None)


def outgrown_through(of_age_on: date | None, days: int) -> date | None:
    """The last day on which a guardian's signature counts for somebody who is of age from `of_age_on` on.

    It counts for so many `days` from that one on.
    """
    return of_age_on and of_age_on + timedelta(days=days - 1)


def fingerprint(text_en: str | None, text_ar: str | None) -> str:
    """The SHA-256 of a wording's texts, in hexadecimal digits. U+001F stands between the two."""
    return hashlib.sha256(f"{text_en or ''}\x1f{text_ar or ''}".encode()).hexdigest()


def standing_of(clinics: Iterable[UUID | None]) -> Standing:
    """The standing that valid consents of one type give, by their clinics; None stands for every clinic."""
    clinics = set(clinics)
    return Standing(None in clinics, tuple(sorted(clinic for clinic in clinics if clinic is not None)))
