"""The rules of notifying in the field's own words, which are states, channels, and when a reminder is due.

There is no I/O.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from jalsa.service.backoff import backoff
from jalsa.service.states import state_machine

#: What a slip at the desk has cancelled before it went out is taken up again where the slip is taken back.
REMINDER = state_machine(
    "reminder",
    "SCHEDULED",
    undo={"CANCELLED": "SCHEDULED"},
    SCHEDULED="SENT CANCELLED FAILED",
    SENT="",
    CANCELLED="",
    FAILED="",
)
MESSAGE = state_machine(
    "message",
    "QUEUED",
    undo={"CANCELLED": "QUEUED"},
    QUEUED="SENDING CANCELLED FAILED",
    SENDING="SENT FAILED QUEUED",
    SENT="",
    CANCELLED="",
    FAILED="",
)

WHATSAPP, SMS, EMAIL = "WHATSAPP", "SMS", "EMAIL"
#: In the order of preference.
CHANNELS = (WHATSAPP, SMS, EMAIL)
LANGUAGES = ("ar", "en")
#: How many characters a message may have, which is what WhatsApp takes in a template, ten parts of an Arabic text
#: message, and what is still read in an email.
BODY_LIMITS = {WHATSAPP: 1024, SMS: 670, EMAIL: 10_000}

BOOKING_CONFIRMATION, RESCHEDULING, CANCELLATION = "BOOKING_CONFIRMATION", "RESCHEDULING", "CANCELLATION"
WAITLIST_OFFER = "WAITLIST_OFFER"
#: An appointment in one of these states is still to come. In any other its patient is reminded of nothing.
UPCOMING_STATUSES = ("BOOKED", "CONFIRMED")
#: How long before the session each reminder is due.
REMINDERS = {"24H": timedelta(hours=24), "2H": timedelta(hours=2)}
APPOINTMENT_KINDS = (
    BOOKING_CONFIRMATION,
    RESCHEDULING,
    CANCELLATION,
    *(f"REMINDER_{kind}" for kind in REMINDERS),
)
#: What tells a patient where and when an appointment is.
ANNOUNCEMENT_KINDS = (BOOKING_CONFIRMATION, RESCHEDULING)
#: What sets, moves or takes away several dates of a package at once.
PACKAGE_CAUSES = ("SCHEDULED", "RESCHEDULED", "SUBSTITUTED", "PAUSED", "RESUMED")
PACKAGE_KINDS = (*(f"PACKAGE_{cause}" for cause in PACKAGE_CAUSES), "PACKAGE_CANCELLED")
#: A message about some dates only. Other waiting messages about the package are still sent.
PACKAGE_SUBSTITUTED = "PACKAGE_SUBSTITUTED"
MESSAGE_KINDS = (*APPOINTMENT_KINDS, WAITLIST_OFFER, *PACKAGE_KINDS)
EMERGENCY_ACCESS_OPENED, EMERGENCY_ACCESS_REVIEW_DUE, EMERGENCY_ACCESS_REVIEWED = GRANT_KINDS = (
    "EMERGENCY_ACCESS_OPENED",
    "EMERGENCY_ACCESS_REVIEW_DUE",
    "EMERGENCY_ACCESS_REVIEWED",
)
#: The roles that are told of emergency access, because patient-files lets them review it. They never review their own.
REVIEWERS = frozenset({"manager", "records"})
#: From when on each message about something to come is useless: before the session's start, or the offer's end. A
#: reminder gives way to the next one, so that two never arrive together.
_USELESS_FROM = {
    BOOKING_CONFIRMATION: timedelta(0),
    RESCHEDULING: timedelta(0),
    "REMINDER_24H": REMINDERS["2H"],
    "REMINDER_2H": timedelta(0),
    WAITLIST_OFFER: timedelta(0),
}

#: Nothing is announced for an event that is older, because a replay must not wake patients.
MAX_ANNOUNCEMENT_AGE = timedelta(days=1)
#: How long a message waits for a patient whose registration may still be on its way.
PATIENT_LOOKUP_TIMEOUT = timedelta(minutes=10)
#: From how long after its claim on another worker looks whether a message's sender is still there.
SENDER_LOOKED_AFTER = timedelta(seconds=5)
#: Longer than any attempt can take. A sender of whom nothing is heard for so long counts as lost.
LONGEST_ATTEMPT = timedelta(minutes=5)
#: How long a message waits for a source that does not say whether there is news of what the message is about.
WAIT_FOR_SOURCE = timedelta(minutes=1)
MAX_ATTEMPTS = 12

# Why a message was not sent.
NO_CONTACT, TOO_LATE, OUTCOME_UNKNOWN = "no-contact", "too-late", "outcome-unknown"
REJECTED, UNREACHABLE, INTERNAL_ERROR = "rejected", "unreachable", "internal-error"
NOT_CONFIGURED = "not-configured"


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How a patient may be reached, by what contacts there are, and what the patient wants."""

    active: bool
    phone: str | None
    email: str | None
    whatsapp_enabled: bool
    sms_enabled: bool
    email_enabled: bool

    def contact(self) -> tuple[str, str] | None:
        """The channel to take, WhatsApp before SMS before email, and its recipient, or None where there is none."""
        wanted = {WHATSAPP: self.whatsapp_enabled, SMS: self.sms_enabled, EMAIL: self.email_enabled}
        recipients = {WHATSAPP: self.phone, SMS: self.phone, EMAIL: self.email}
        for channel in CHANNELS:
            recipient = recipients[channel]
            if self.active and wanted[channel] and recipient:
                return channel, recipient
        return None


@dataclass(frozen=True)
class QuietHours:
    """When a patient does not want to be disturbed, in the clinic's wall time. It may pass midnight."""

    start: time
    end: time

    def until(self, now: datetime, zone: str) -> datetime | None:
        """The instant at which the present quiet hours end, or None outside of them."""
        tz = ZoneInfo(zone)
        local = now.astimezone(tz)
        passes_midnight = self.end <= self.start
        if passes_midnight:
            quiet = local.time() >= self.start or local.time() < self.end
        else:
            quiet = self.start <= local.time() < self.end
        if not quiet:
            return None
        day = local.date()
        if passes_midnight and local.time() >= self.start:
            day += timedelta(days=1)
        return datetime.combine(day, self.end, tz).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class PackageSession:
    """One date of a package, as scheduling told it last."""

    number: int
    appointment_id: UUID
    starts_at: datetime
    provider_id: UUID
    provider_en: str
    provider_ar: str


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A message on its way out, at its attempt of this number. Its id is the key under which it is delivered once."""

    id: UUID
    attempt: int
    channel: str
    recipient: str
    language: str
    subject: str
    body: str


def is_news(announced_at: datetime, now: datetime) -> bool:
    """Whether an event is recent enough to be announced to anybody."""
    return now - announced_at <= MAX_ANNOUNCEMENT_AGE


def reminders_for(starts_at: datetime, now: datetime) -> Iterator[tuple[str, datetime]]:
    """The reminders (kind, due) of a session that are still in the future."""
    for kind, before in REMINDERS.items():
        if starts_at - before > now:
            yield kind, starts_at - before


def is_too_late(kind: str, deadline: datetime | None, queued_at: datetime, now: datetime) -> bool:
    """Whether a message of this kind, queued at that instant, has become useless.

    `deadline` is the session's start or the offer's end.
    """
    of_no_use = deadline is not None and kind in _USELESS_FROM and now >= deadline - _USELESS_FROM[kind]
    return of_no_use or now - queued_at > MAX_ANNOUNCEMENT_AGE


def has_something_to_tell(kind: str, dates: int, unscheduled: int) -> bool:
    """Whether there is anything to tell of a package that has so many dates to come, and sessions without a time.

    Removed dates are also announced where none is left.
    """
    if kind == "PACKAGE_RESCHEDULED":
        return dates + unscheduled > 0
    return dates > 0 or kind in ("PACKAGE_PAUSED", "PACKAGE_CANCELLED")


def withhold_delay(waited: timedelta) -> timedelta:
    """How long until a message that was held back for so long is looked at again, from a second to half a minute.

    Its news is usually a moment away. Where a source was restored, or an event is dead, it may be hours.
    """
    return min(max(waited / 10, timedelta(seconds=1)), timedelta(seconds=30))


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: doubling from 5 seconds to half an hour, with jitter."""
    return timedelta(seconds=backoff(attempts, first=5.0, longest=1800.0, spread=0.25))
