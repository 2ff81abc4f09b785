"""Sentences in English and Arabic that explain why a session of a package has no placement. No I/O."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from babel import Locale

from scheduling.packages.rules.planning import (
    GAP,
    NO_PROVIDER,
    NO_ROOM,
    OUT_OF_ORDER,
    PAST,
    PERIOD_OVER,
    STAGES,
    TOGETHER,
    Failure,
    PlanningPreferences,
)
from scheduling.timetable.hours import zone_of

#: Who is to hold a session.
ASSIGNED, HOLDS_OTHERS, ANYBODY = "ASSIGNED", "HOLDS_OTHERS", "ANYBODY"
_HOURS, _BUSY, _PATIENT = STAGES
_ENDED = "period-ended"


@dataclass(frozen=True)
class _Language:
    locale: Locale
    said: dict[str, str]  # About a whole period.
    said_of_one: dict[str, str]  # About a period in which only one provider may hold the session.
    said_then: dict[str, str]  # About one time.
    who: dict[str, str]
    alternatives: tuple[str, str]
    on_weekdays: str
    on_day: str
    period: str
    time: str
    day: str
    warnings: dict[str, str]
    # By the plural form of the number according to CLDR.
    days: Mapping[str, str]
    minutes: Mapping[str, str]


_ENGLISH = _Language(
    locale=Locale("en"),
    said={
        _HOURS: "No working time of {minutes} was found for {who} {when}, or the clinic is closed.",
        _BUSY: "No free time of {minutes} was found for {who} {when}.",
        _PATIENT: "The patient has other sessions whenever {who} has {minutes} free {when}.",
        NO_ROOM: "None of the rooms is free when {who} has {minutes} free {when}.",
        NO_PROVIDER: "No active provider of the service type's discipline has working hours in this clinic.",
        PERIOD_OVER: (
            "The period ends on {last}, and no {day} is left in it that is {gap} or more from the other sessions."
        ),
        _ENDED: "The period ended on {last}.",
    },
    said_of_one={NO_PROVIDER: "{Who} is no longer active, or has no working hours in this clinic."},
    said_then={
        NO_PROVIDER: "The provider has no working hours in this clinic.",
        PAST: "{then} is in the past.",
        _HOURS: "The provider does not work here for {minutes} from {then}, or the clinic is closed.",
        _BUSY: "The provider is not free for {minutes} from {then}.",
        _PATIENT: "The patient is not free for {minutes} from {then}.",
        NO_ROOM: "No suitable room is free for {minutes} from {then}.",
        TOGETHER: "Another session of the package is too close to {then}.",
    },
    who={
        ASSIGNED: "the assigned provider",
        HOLDS_OTHERS: "the provider of the other sessions",
        ANYBODY: "any provider of this clinic",
    },
    alternatives=(", ", " or "),
    on_weekdays="on a {days} ",
    on_day="on {day}",
    period="from {first} to {last}",
    time="{time} on {day}",
    day="day",
    days={"one": "1 day", "other": "{count} days"},
    warnings={
        OUT_OF_ORDER: "A session with a higher number takes place before it.",
        GAP: "It takes place less than {gap} after the session before it.",
    },
    minutes={"one": "1 minute", "other": "{count} minutes"},
)
# A counted noun always stands in the genitive, after "مدة" or a preposition, because its dual has another form
# elsewhere.
_ARABIC = _Language(
    locale=Locale("ar"),
    said={
        _HOURS: "لم تبق مدة {minutes} من ساعات عمل {who} {when}، أو أن العيادة مغلقة.",
        _BUSY: "لا توجد مدة {minutes} متاحة لدى {who} {when}.",
        _PATIENT: "لدى المريض جلسات أخرى كلما توفرت مدة {minutes} لدى {who} {when}.",
        NO_ROOM: "لا توجد غرفة متاحة كلما توفرت مدة {minutes} لدى {who} {when}.",
        NO_PROVIDER: "لا يوجد مقدم خدمة نشط من تخصص هذه الخدمة له ساعات عمل في هذه العيادة.",
        PERIOD_OVER: "تنتهي الفترة في {last}، ولم يبق فيها {day} تفصله عن الجلسات الأخرى مدة {gap} أو أكثر.",
        _ENDED: "انتهت الفترة في {last}.",
    },
    said_of_one={NO_PROVIDER: "{who} لم يعد نشطا، أو ليست له ساعات عمل في هذه العيادة."},
    said_then={
        NO_PROVIDER: "ليست لمقدم الخدمة ساعات عمل في هذه العيادة.",
        PAST: "{then} وقت قد مضى.",
        _HOURS: "مقدم الخدمة لا يعمل هنا لمدة {minutes} من {then}، أو أن العيادة مغلقة.",
        _BUSY: "مقدم الخدمة غير متاح لمدة {minutes} من {then}.",
        _PATIENT: "المريض غير متاح لمدة {minutes} من {then}.",
        NO_ROOM: "الغرفة، أو أي غرفة مناسبة، غير متاحة لمدة {minutes} من {then}.",
        TOGETHER: "توجد جلسة أخرى من الباقة قريبة جدا من {then}.",
    },
    who={
        ASSIGNED: "مقدم الخدمة المعيَّن",
        HOLDS_OTHERS: "مقدم خدمة الجلسات الأخرى",
        ANYBODY: "أي من مقدمي الخدمة في هذه العيادة",
    },
    alternatives=(" أو ", " أو "),
    on_weekdays="يوم {days} ",
    on_day="في {day}",
    period="من {first} إلى {last}",
    time="الساعة {time} في {day}",
    day="يوم",
    days={"one": "يوم واحد", "two": "يومين", "few": "{count} أيام", "many": "{count} يوما", "other": "{count} يوم"},
    warnings={
        OUT_OF_ORDER: "تسبقها جلسة ذات رقم أعلى منها.",
        GAP: "تفصلها عن الجلسة السابقة مدة أقل من {gap}.",
    },
    minutes={"one": "دقيقة واحدة", "two": "دقيقتين", "few": "{count} دقائق", "other": "{count} دقيقة"},
)
LANGUAGES = {"en": _ENGLISH, "ar": _ARABIC}


def reason(failure: Failure, preferences: PlanningPreferences, who: str, language: str = "en") -> str:
    """Return a sentence about what was searched for whom and when, or why the requested time is impossible."""
    words = LANGUAGES[language]
    minutes = int(preferences.length.total_seconds() // 60)
    said = {"minutes": _counted(words, words.minutes, minutes)}
    if failure.starts_at:
        then = failure.starts_at.astimezone(zone_of(preferences.zone))
        return words.said_then[failure.code].format(then=_time(words, then), **said)
    name = words.who[who]
    return _sentence(words, failure, preferences, who).format(
        who=name,
        Who=name[0].upper() + name[1:],
        when=_when(words, failure, preferences.weekdays),
        last=_long(words, failure.last),
        day=_either(words, preferences.weekdays) or words.day,
        gap=_counted(words, words.days, preferences.gap_days),
        **said,
    )


def warning(code: str, gap_days: int, language: str = "en") -> str:
    """Return one sentence about what is unusual about the time of a session that a person placed."""
    words = LANGUAGES[language]
    return words.warnings[code].format(gap=_counted(words, words.days, gap_days))


def _counted(words: _Language, forms: Mapping[str, str], count: int) -> str:
    return forms.get(words.locale.plural_form(count), forms["other"]).format(count=count)


def _sentence(words: _Language, failure: Failure, preferences: PlanningPreferences, who: str) -> str:
    if failure.code == PERIOD_OVER and preferences.first > failure.last:
        return words.said[_ENDED]
    if who != ANYBODY and failure.code in words.said_of_one:
        return words.said_of_one[failure.code]
    return words.said[failure.code]


def _when(words: _Language, failure: Failure, weekdays: Collection[int]) -> str:
    if failure.first == failure.last:
        return words.on_day.format(day=_long(words, failure.first))
    period = words.period.format(first=_long(words, failure.first), last=_long(words, failure.last))
    return (words.on_weekdays.format(days=_either(words, weekdays)) if weekdays else "") + period


def _either(words: _Language, weekdays: Collection[int]) -> str:
    comma, last = words.alternatives
    monday_first = words.locale.days["format"]["wide"]
    names = [monday_first[(day - 1) % 7] for day in sorted(weekdays)]
    return last.join(filter(None, [comma.join(names[:-1]), *names[-1:]]))


def _time(words: _Language, instant: datetime) -> str:
    return words.time.format(time=f"{instant:%H:%M}", day=_long(words, instant.date()))


def _long(words: _Language, day: date) -> str:
    return f"{day.day} {words.locale.months['format']['wide'][day.month]} {day.year}"
