"""Why a session of a package has no place, said in English and Arabic so that a person can act on it. No I/O."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from scheduling.domain.planning import (
    GAP,
    NO_PROVIDER,
    NO_ROOM,
    OUT_OF_ORDER,
    PAST,
    PERIOD_OVER,
    STAGES,
    TOGETHER,
    Failure,
    Wish,
)

#: Whom a session is to be held by.
ASSIGNED, CHOSEN, ANYBODY = "ASSIGNED", "CHOSEN", "ANYBODY"
_HOURS, _BUSY, _PATIENT = STAGES


@dataclass(frozen=True)
class _Language:
    said: dict[str, str]
    who: dict[str, str]
    weekdays: Sequence[str]
    months: Sequence[str]
    alternatives: tuple[str, str]
    on_weekdays: str
    on_day: str
    period: str
    days: tuple[str, str]
    warnings: dict[str, str]


_ENGLISH = _Language(
    said={
        _HOURS: "{Who} does not work here for {minutes} minutes {when}, or the clinic is closed.",
        _BUSY: "No free {minutes} minutes of {who} {when}.",
        _PATIENT: "The patient has other sessions whenever {who} has {minutes} minutes free {when}.",
        NO_ROOM: "None of the rooms is free when {who} has {minutes} minutes free {when}.",
        NO_PROVIDER: "No active provider of the service type's discipline has working hours in this clinic.",
        PERIOD_OVER: "The period ends on {last}; no day of it is left that is {gap} or more from the other sessions.",
        PAST: "That time is past.",
        TOGETHER: "Another session of the package is at that time.",
    },
    who={
        ASSIGNED: "the assigned provider",
        CHOSEN: "the provider of the other sessions",
        ANYBODY: "any provider of this clinic",
    },
    weekdays=("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    months=(
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
    ),
    alternatives=(", ", " or "),
    on_weekdays="on a {days} ",
    on_day="on {day}",
    period="from {first} to {last}",
    days=("1 day", "{count} days"),
    warnings={
        OUT_OF_ORDER: "A session of a higher number is before it.",
        GAP: "It is less than {gap} after the session before it.",
    },
)
_ARABIC = _Language(
    said={
        _HOURS: "{who} لا يعمل هنا لمدة {minutes} دقيقة {when}، أو أن العيادة مغلقة.",
        _BUSY: "لا توجد {minutes} دقيقة متاحة لدى {who} {when}.",
        _PATIENT: "لدى المريض جلسات أخرى كلما توفرت {minutes} دقيقة لدى {who} {when}.",
        NO_ROOM: "لا توجد غرفة متاحة كلما توفرت {minutes} دقيقة لدى {who} {when}.",
        NO_PROVIDER: "لا يوجد مقدم خدمة نشط من تخصص هذه الخدمة له ساعات عمل في هذه العيادة.",
        PERIOD_OVER: "تنتهي الفترة في {last}، ولم يبق فيها يوم تفصله عن الجلسات الأخرى المدة المطلوبة: {gap} أو أكثر.",
        PAST: "هذا الوقت قد مضى.",
        TOGETHER: "توجد جلسة أخرى من الباقة في ذلك الوقت.",
    },
    who={
        ASSIGNED: "مقدم الخدمة المعيَّن",
        CHOSEN: "مقدم خدمة الجلسات الأخرى",
        ANYBODY: "أي من مقدمي الخدمة في هذه العيادة",
    },
    weekdays=("الأحد", "الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت"),
    months=[
        "يناير",
        "فبراير",
        "مارس",
        "أبريل",
        "مايو",
        "يونيو",
        "يوليو",
        "أغسطس",
        "سبتمبر",
        "أكتوبر",
        "نوفمبر",
        "ديسمبر",
    ],
    alternatives=(" أو ", " أو "),
    on_weekdays="يوم {days} ",
    on_day="في {day}",
    period="من {first} إلى {last}",
    days=("يوم واحد", "عدد الأيام {count}"),
    warnings={
        OUT_OF_ORDER: "تسبقها جلسة ذات رقم أعلى منها.",
        GAP: "تفصلها عن الجلسة السابقة مدة أقل من المطلوبة: {gap}.",
    },
)
LANGUAGES = {"en": _ENGLISH, "ar": _ARABIC}


def reason(failure: Failure, wish: Wish, who: str, language: str = "en") -> str:
    """One sentence: what was looked for, of whom, on which days."""
    words = LANGUAGES[language]
    name = words.who[who]
    return words.said[failure.code].format(
        who=name,
        Who=name[0].upper() + name[1:],
        minutes=int(wish.length.total_seconds() // 60),
        when=_when(words, failure, wish.weekdays),
        last=_long(words, failure.last),
        gap=words.days[wish.gap_days > 1].format(count=wish.gap_days),
    )


def warning(code: str, gap_days: int, language: str = "en") -> str:
    """One sentence: what is unusual about the time of a session that a person placed."""
    words = LANGUAGES[language]
    return words.warnings[code].format(gap=words.days[gap_days > 1].format(count=gap_days))


def _when(words: _Language, failure: Failure, weekdays: Collection[int]) -> str:
    if failure.first == failure.last:
        return words.on_day.format(day=_long(words, failure.first))
    comma, last = words.alternatives
    names = [words.weekdays[day] for day in sorted(weekdays)]
    asked = last.join(filter(None, [comma.join(names[:-1]), *names[-1:]]))
    period = words.period.format(first=_long(words, failure.first), last=_long(words, failure.last))
    return (words.on_weekdays.format(days=asked) if asked else "") + period


def _long(words: _Language, day: date) -> str:
    return f"{day.day} {words.months[day.month - 1]} {day.year}"
