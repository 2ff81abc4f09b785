"""What is said, in Arabic and in English. No patient is named: who receives it knows, and others may see the screen."""

from dataclasses import dataclass
from datetime import datetime
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
        "CANCELLATION": (
            "Your appointment is cancelled",
            "Your appointment at {clinic} on {when} is cancelled.\nAppointment number: {number}",
        ),
        "REMINDER_24H": _REMINDER_EN,
        "REMINDER_2H": _REMINDER_EN,
    },
    "ar": {
        "BOOKING_CONFIRMATION": ("تم حجز موعدك", "تم حجز موعدك في {clinic} يوم {when}.\nرقم الموعد: {number}"),
        "CANCELLATION": (
            "تم إلغاء موعدك",
            "تم إلغاء موعدك في {clinic} الذي كان يوم {when}.\nرقم الموعد: {number}",
        ),
        "REMINDER_24H": _REMINDER_AR,
        "REMINDER_2H": _REMINDER_AR,
    },
}
#: By language and kind of notice.
NOTICES = {
    "en": {
        "APPOINTMENT_BOOKED": "New appointment {number}: {when}, {clinic}",
        "APPOINTMENT_CANCELLED": "Appointment {number} is cancelled: {when}, {clinic}",
    },
    "ar": {
        "APPOINTMENT_BOOKED": "موعد جديد {number}: {when}، {clinic}",
        "APPOINTMENT_CANCELLED": "أُلغي الموعد {number}: {when}، {clinic}",
    },
}
_COMMA = {"en": ", ", "ar": "، "}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a text tells of an appointment: its number, the clinic's names, its start in the clinic's zone."""

    number: str
    name_en: str
    name_ar: str
    timezone: str
    starts_at: datetime

    def in_language(self, language: str) -> dict[str, str]:
        """The values of a template's places."""
        return {
            "number": self.number,
            "clinic": self.name_ar if language == "ar" else self.name_en,
            "when": when(self.starts_at, self.timezone, language),
        }


def when(starts_at: datetime, zone: str, language: str) -> str:
    """`Monday, November 23, 2026, 10:00 AM (Arabian Standard Time)`, or the same in Arabic."""
    local = starts_at.astimezone(ZoneInfo(zone))
    day = format_date(local, "full", locale=language)
    # a narrow space would cost a text message half of its length
    hour = format_time(local, "short", locale=language).replace("\u202f", " ")
    return f"{day}{_COMMA[language]}{hour} ({get_timezone_name(local, locale=language)})"


def message(kind: str, language: str, facts: Facts) -> tuple[str, str]:
    """Subject and body of a message."""
    subject, body = MESSAGES[language][kind]
    return subject, body.format(**facts.in_language(language))


def notice(kind: str, language: str, facts: Facts) -> str:
    """The text of an in-app notice."""
    return NOTICES[language][kind].format(**facts.in_language(language))
