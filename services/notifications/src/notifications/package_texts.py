"""Texts about a whole package, in Arabic and in English: its dates, in a form that fits the available length."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, get_timezone_name

from notifications.domain import PackageSession
from notifications.texts import COMMA, hour

#: By language and kind of message: subject, body.
MESSAGES = {
    "en": {
        "PACKAGE_SCHEDULED": (
            "Your sessions are booked",
            "Your sessions at {clinic} are booked.\n{to_come}{unscheduled}\nPackage number: {number}",
        ),
        "PACKAGE_RESCHEDULED": (
            "Your sessions have new times",
            "Your sessions at {clinic} have new times.\n{to_come}{unscheduled}\nPackage number: {number}",
        ),
        "PACKAGE_SUBSTITUTED": (
            "Another therapist for your sessions",
            "These sessions at {clinic} are with another therapist.\n{to_come}\nPackage number: {number}",
        ),
        "PACKAGE_PAUSED": (
            "Your sessions are paused",
            "Your sessions at {clinic} are paused: none takes place until further notice.\nPackage number: {number}",
        ),
        "PACKAGE_RESUMED": (
            "Your sessions go on",
            "Your sessions at {clinic} go on.\n{to_come}{unscheduled}\nPackage number: {number}",
        ),
        "PACKAGE_CANCELLED": (
            "Your sessions are cancelled",
            "All your sessions still to come at {clinic} are cancelled.\nPackage number: {number}",
        ),
    },
    "ar": {
        "PACKAGE_SCHEDULED": (
            "تم حجز جلساتك",
            "تم حجز جلساتك في {clinic}.\n{to_come}{unscheduled}\nرقم الباقة: {number}",
        ),
        "PACKAGE_RESCHEDULED": (
            "مواعيد جديدة لجلساتك",
            "لجلساتك في {clinic} مواعيد جديدة.\n{to_come}{unscheduled}\nرقم الباقة: {number}",
        ),
        "PACKAGE_SUBSTITUTED": (
            "معالج آخر لجلساتك",
            "هذه الجلسات في {clinic} مع معالج آخر.\n{to_come}\nرقم الباقة: {number}",
        ),
        "PACKAGE_PAUSED": (
            "تم إيقاف جلساتك مؤقتًا",
            "تم إيقاف جلساتك في {clinic} مؤقتًا، ولن تُعقد أي جلسة حتى إشعار آخر.\nرقم الباقة: {number}",
        ),
        "PACKAGE_RESUMED": (
            "استئناف جلساتك",
            "تُستأنف جلساتك في {clinic}.\n{to_come}{unscheduled}\nرقم الباقة: {number}",
        ),
        "PACKAGE_CANCELLED": (
            "تم إلغاء جلساتك",
            "تم إلغاء جميع جلساتك القادمة في {clinic}.\nرقم الباقة: {number}",
        ),
    },
}
#: By language and kind of notice. The dates are the reader's own.
NOTICES = {
    "en": {
        "PACKAGE_SCHEDULED": "New sessions of package {number}, {clinic}\n{to_come}",
        "PACKAGE_RESCHEDULED": "Sessions of package {number} have new times, {clinic}\n{to_come}",
        "PACKAGE_SUBSTITUTED": "Sessions of package {number} have another therapist, {clinic}\n{to_come}",
        "PACKAGE_PAUSED": "Package {number} is paused, {clinic}: none of its sessions takes place until further notice",
        "PACKAGE_RESUMED": "Package {number} goes on, {clinic}\n{to_come}",
        "PACKAGE_CANCELLED": "Package {number} is cancelled, {clinic}",
    },
    "ar": {
        "PACKAGE_SCHEDULED": "جلسات جديدة من الباقة {number}، {clinic}\n{to_come}",
        "PACKAGE_RESCHEDULED": "مواعيد جديدة لجلسات الباقة {number}، {clinic}\n{to_come}",
        "PACKAGE_SUBSTITUTED": "معالج آخر لجلسات من الباقة {number}، {clinic}\n{to_come}",
        "PACKAGE_PAUSED": "أُوقفت الباقة {number} مؤقتًا، {clinic}: لن تُعقد أي من جلساتها حتى إشعار آخر",
        "PACKAGE_RESUMED": "تُستأنف الباقة {number}، {clinic}\n{to_come}",
        "PACKAGE_CANCELLED": "أُلغيت الباقة {number}، {clinic}",
    },
}
_WORDS = {
    "en": {
        "count": "Sessions to come: {count}",
        "provider": ", with {provider}",
        "unscheduled": "\nSessions without a time yet: {count}",
        "ends": "First: {first}\nLast: {last}\nPlease ask us for the dates in between.",
        "semicolon": "; ",
    },
    "ar": {
        "count": "الجلسات القادمة: {count}",
        "provider": "، مع {provider}",
        "unscheduled": "\nجلسات لم يُحدد موعدها بعد: {count}",
        "ends": "الأولى: {first}\nالأخيرة: {last}\nيرجى سؤالنا عن المواعيد التي بينهما.",
        "semicolon": "؛ ",
    },
}
#: So many dates have a line each. Of more, nobody sees the rhythm.
_A_LINE_EACH = 10
_NOTICE_LIMIT = 10_000


@dataclass(frozen=True, kw_only=True)
class PackageFacts:
    """What a text tells of a package: its number, the clinic's names, the dates, and how many sessions have none.

    Dates are in the clinic's zone, which is named where the tenant's clinics lie in more than one, in their order.
    """

    number: str
    name_en: str
    name_ar: str
    timezone: str
    names_zone: bool
    sessions: tuple[PackageSession, ...]
    unscheduled: int

    def of_provider(self, provider_id: UUID) -> "PackageFacts":
        """The same with one provider's dates alone."""
        return replace(self, sessions=tuple(s for s in self.sessions if s.provider_id == provider_id))


@dataclass(frozen=True)
class _Date:
    """A date by the clinic's clock, and whose it is, where that differs between the dates."""

    local: datetime
    provider: str

    def in_full(self, language: str) -> str:
        """`Sunday, January 3, 2027, 10:00 AM`."""
        return self._joined(format_date(self.local, "full", locale=language), language)

    def in_week(self, language: str) -> str:
        """`Sunday, 10:00 AM`."""
        return self._joined(format_date(self.local, "EEEE", locale=language), language)

    def _joined(self, day: str, language: str) -> str:
        return COMMA[language].join(filter(None, (day, hour(self.local, language), self.provider)))


def message(kind: str, language: str, facts: PackageFacts, limit: int) -> tuple[str, str]:
    """Subject and body of a message, which is the fullest that has at most `limit` characters, else the briefest."""
    subject, body = MESSAGES[language][kind]
    return subject, _fullest(body, language, facts, limit)


def notice(kind: str, language: str, facts: PackageFacts) -> str:
    """The text of an in-app notice to the provider of these dates."""
    return _fullest(NOTICES[language][kind], language, facts, _NOTICE_LIMIT)


def _fullest(template: str, language: str, facts: PackageFacts, limit: int) -> str:
    values = {
        "number": facts.number,
        "clinic": facts.name_ar if language == "ar" else facts.name_en,
        "unscheduled": _WORDS[language]["unscheduled"].format(count=facts.unscheduled) if facts.unscheduled else "",
    }
    text = ""
    for to_come in _to_come(facts, language):
        text = template.format(**values, to_come=to_come)
        if len(text) <= limit:
            break
    return text


def _to_come(facts: PackageFacts, language: str) -> Iterator[str]:
    """How many dates there are, and all of them, from the fullest way to tell them to the briefest."""
    zone, words = ZoneInfo(facts.timezone), _WORDS[language]
    count = words["count"].format(count=len(facts.sessions))
    if not facts.sessions:
        yield count
        return
    names = [session.provider_ar if language == "ar" else session.provider_en for session in facts.sessions]
    differ = len(set(names)) > 1
    provider = "" if differ else words["provider"].format(provider=names[0])
    named = f" ({get_timezone_name(zone, zone_variant='generic', locale=language)})" if facts.names_zone else ""
    heading = f"{count}{provider}{named}"
    starts = [session.starts_at.astimezone(zone) for session in facts.sessions]
    dates = [_Date(local, name if differ else "") for local, name in zip(starts, names, strict=True)]
    for told in _ways_to_tell(dates, language):
        yield f"{heading}\n{told}"


def _ways_to_tell(dates: list[_Date], language: str) -> Iterator[str]:
    if len(dates) <= _A_LINE_EACH:
        yield "\n".join(date.in_full(language) for date in dates)
    yield "\n".join(_weekly(dates, language))
    first, last = dates[0].in_full(language), dates[-1].in_full(language)
    yield _WORDS[language]["ends"].format(first=first, last=last)


def _weekly(dates: Iterable[_Date], language: str) -> Iterator[str]:
    """A line for each weekday and time: `Sunday, 10:00 AM: 3, 10, 17 Jan 2027; 7 Feb 2027`."""
    alike: dict[str, list[datetime]] = {}
    for date in dates:
        alike.setdefault(date.in_week(language), []).append(date.local)
    for rhythm, days in alike.items():
        months = groupby(days, lambda day: format_skeleton("yMMM", day, locale=language))
        told = (f"{COMMA[language].join(str(day.day) for day in of_month)} {month}" for month, of_month in months)
        yield f"{rhythm}: {_WORDS[language]['semicolon'].join(told)}"
