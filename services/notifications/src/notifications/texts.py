"""The texts of messages, in Arabic and in English. No patient is named, because others may see the screen."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_name

_REMINDER_EN = (
    "Reminder of your appointment",
    "This is a reminder of your appointment at {clinic} on {when}.\nAppointment number: {number}",
)
_REMINDER_AR = ("تذكير بموعدك", "نذكّرك بموعدك في {clinic} يوم {when}.\nرقم الموعد: {number}")
#: By language and kind of message: subject, body.
MESSAGES = {
    "en": {
        "BOOKING_CONFIRMATION": (
            "Your appointment is booked",
            "Your appointment at {clinic} is booked for {when}.\nAppointment number: {number}",
        ),
        "RESCHEDULING": (
            "Your appointment was moved",
            "Your appointment was moved. It is now at {clinic} on {when}.\nAppointment number: {number}",
        ),
        "CANCELLATION": (
            "Your appointment is cancelled",
            "Your appointment at {clinic} on {when} is cancelled.\nAppointment number: {number}",
        ),
        "REMINDER_24H": _REMINDER_EN,
        "REMINDER_2H": _REMINDER_EN,
        "WAITLIST_OFFER": (
            "A place is free for you",
            "A place at {clinic} on {when} is free, and is held for you until {until}.\n"
            "Please tell us by then if you want it.",
        ),
    },
    "ar": {
        "BOOKING_CONFIRMATION": ("تم حجز موعدك", "تم حجز موعدك في {clinic} يوم {when}.\nرقم الموعد: {number}"),
        "RESCHEDULING": (
            "تم تغيير موعدك",
            "تم تغيير موعدك. موعدك الآن في {clinic} يوم {when}.\nرقم الموعد: {number}",
        ),
        "CANCELLATION": (
            "تم إلغاء موعدك",
            "تم إلغاء موعدك في {clinic} الذي كان يوم {when}.\nرقم الموعد: {number}",
        ),
        "REMINDER_24H": _REMINDER_AR,
        "REMINDER_2H": _REMINDER_AR,
        "WAITLIST_OFFER": (
            "يتوفر مكان لك",
            "يتوفر مكان في {clinic} يوم {when}، وهو محجوز لك حتى {until}.\nيرجى إبلاغنا قبل ذلك إن كنت ترغب فيه.",
        ),
    },
}
#: By language and kind of notice.
NOTICES = {
    "en": {
        "APPOINTMENT_BOOKED": "New appointment {number}: {when}, {clinic}",
        "APPOINTMENT_RESCHEDULED": "Appointment {number} was moved, it is now: {when}, {clinic}",
        "APPOINTMENT_REASSIGNED": "Appointment {number} is no longer yours, it was: {when}, {clinic}",
        "APPOINTMENT_CANCELLED": "Appointment {number} is cancelled: {when}, {clinic}",
    },
    "ar": {
        "APPOINTMENT_BOOKED": "موعد جديد {number}: {when}، {clinic}",
        "APPOINTMENT_RESCHEDULED": "تغيّر الموعد {number} وأصبح: {when}، {clinic}",
        "APPOINTMENT_REASSIGNED": "لم يعد الموعد {number} معك، وكان: {when}، {clinic}",
        "APPOINTMENT_CANCELLED": "أُلغي الموعد {number}: {when}، {clinic}",
    },
}
#: By language and kind of notice about a grant of emergency access. They name neither the patient nor who opened it.
GRANT_NOTICES = {
    "en": {
        "EMERGENCY_ACCESS_OPENED": "Emergency access was opened and has to be reviewed. Reason: {reason}. Id: {grant}",
        "EMERGENCY_ACCESS_REVIEW_DUE": (
            "Emergency access was not reviewed in time. Please review it now. Reason: {reason}. Id: {grant}"
        ),
        "EMERGENCY_ACCESS_REVIEWED": "Emergency access was reviewed. Reason for the access: {reason}. Id: {grant}",
    },
    "ar": {
        "EMERGENCY_ACCESS_OPENED": "فُتح وصول طارئ ويجب أن يُراجَع. السبب: {reason}. المعرّف: {grant}",
        "EMERGENCY_ACCESS_REVIEW_DUE": (
            "لم يُراجَع الوصول الطارئ في الوقت المحدد. يرجى مراجعته الآن. السبب: {reason}. المعرّف: {grant}"
        ),
        "EMERGENCY_ACCESS_REVIEWED": "تمت مراجعة الوصول الطارئ. سبب الوصول: {reason}. المعرّف: {grant}",
    },
}
COMMA = {"en": ", ", "ar": "، "}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a text tells: an appointment's number, the clinic's names, the start, an offer's end.

    Instants are in the clinic's zone, which is named where the tenant's clinics lie in more than one.
    """

    number: str | None
    name_en: str
    name_ar: str
    timezone: str
    names_zone: bool
    starts_at: datetime
    expires_at: datetime | None = None

    def in_language(self, language: str) -> dict[str, str]:
        """The values for a template's fields."""
        known = {
            "number": self.number,
            "clinic": self.name_ar if language == "ar" else self.name_en,
            "when": self._when(self.starts_at, language),
            "until": self._when(self.expires_at, language) if self.expires_at else None,
        }
        return {name: value for name, value in known.items() if value is not None}

    def _when(self, instant: datetime, language: str) -> str:
        """`Monday, November 23, 2026, 10:00 AM (Arabian Standard Time)`, or the same in Arabic."""
        local = instant.astimezone(ZoneInfo(self.timezone))
        zone = f" ({get_timezone_name(local, locale=language)})" if self.names_zone else ""
        return f"{format_date(local, 'full', locale=language)}{COMMA[language]}{hour(local, language)}{zone}"


def hour(local: datetime, language: str) -> str:
    """`10:00 AM`, or the same in Arabic."""
    # a narrow space would cost a text message half of its length
    return format_time(local, "short", locale=language).replace("\u202f", " ")


def message(kind: str, language: str, facts: Facts) -> tuple[str, str]:
    """Subject and body of a message."""
    subject, body = MESSAGES[language][kind]
    return subject, body.format(**facts.in_language(language))


def notice(kind: str, language: str, facts: Facts) -> str:
    """The text of an in-app notice."""
    return NOTICES[language][kind].format(**facts.in_language(language))


def grant_notice(kind: str, language: str, grant_id: UUID, reason_code: str) -> str:
    """The text of an in-app notice about a grant of emergency access."""
    return GRANT_NOTICES[language][kind].format(grant=grant_id, reason=reason_code)
