"""How the dates of a package are told in both languages, by the clinic's clock, within what a channel takes."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from notifications import domain, package_texts
from notifications.domain import BODY_LIMITS, EMAIL, SMS, WHATSAPP, PackageSession
from notifications.package_texts import PackageFacts

LAYLA, OMAR = ("Layla Haddad", "ليلى حداد"), ("Omar Aziz", "عمر عزيز")
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
#: 10:00 in Riyadh on a Sunday.
SUNDAY = datetime(2027, 1, 3, 7, tzinfo=UTC)


def session(number: int, starts_at: datetime, provider: tuple[str, str] = LAYLA) -> PackageSession:
    return PackageSession(
        number=number,
        appointment_id=UUID(int=number),
        starts_at=starts_at,
        provider_id=UUID(int=len(provider[0])),
        provider_en=provider[0],
        provider_ar=provider[1],
    )


def facts(sessions: Iterable[PackageSession], unscheduled: int = 0, timezone: str = "Asia/Riyadh") -> PackageFacts:
    return PackageFacts(
        number="PKG-20261120-0001",
        name_en="Occupational {therapy}",
        name_ar="العلاج الوظيفي",
        timezone=timezone,
        names_zone=True,
        sessions=tuple(sessions),
        unscheduled=unscheduled,
    )


def weekly(count: int, days: Iterable[int] = (0, 2, 4)) -> list[PackageSession]:
    """So many sessions, on these days of each week after Sunday."""
    starts = [SUNDAY + week * WEEK + day * DAY for week in range(count) for day in days]
    return [session(number, start) for number, start in enumerate(starts[:count], 1)]


def irregular(count: int) -> list[PackageSession]:
    """No two at the same time of the same weekday."""
    return [session(n, SUNDAY + n * DAY + timedelta(minutes=5 * n)) for n in range(1, count + 1)]


def body(kind: str, language: str, told: PackageFacts, channel: str = WHATSAPP) -> str:
    return package_texts.message(kind, language, told, BODY_LIMITS[channel])[1]


def test_a_few_dates_have_a_line_each_in_english() -> None:
    told = facts([session(1, SUNDAY), session(2, SUNDAY + 2 * DAY)], unscheduled=1)
    assert package_texts.message("PACKAGE_SCHEDULED", "en", told, 1024) == (
        "Your sessions are booked",
        "Your sessions at Occupational {therapy} are booked.\n"
        "Sessions to come: 2, with Layla Haddad (Arabian Time)\n"
        "Sunday, January 3, 2027, 10:00 AM\n"
        "Tuesday, January 5, 2027, 10:00 AM\n"
        "Sessions without a time yet: 1\n"
        "Package number: PKG-20261120-0001",
    )


def test_a_few_dates_have_a_line_each_in_arabic() -> None:
    told = facts([session(1, SUNDAY), session(2, SUNDAY + 2 * DAY)], unscheduled=1)
    assert package_texts.message("PACKAGE_SCHEDULED", "ar", told, 1024) == (
        "تم حجز جلساتك",
        "تم حجز جلساتك في العلاج الوظيفي.\n"
        "الجلسات القادمة: 2، مع ليلى حداد (التوقيت العربي)\n"
        "الأحد، 3 يناير 2027، 10:00 ص\n"
        "الثلاثاء، 5 يناير 2027، 10:00 ص\n"
        "جلسات لم يُحدد موعدها بعد: 1\n"
        "رقم الباقة: PKG-20261120-0001",
    )


def test_nothing_is_said_of_sessions_without_a_time_where_there_are_none() -> None:
    assert "without a time" not in body("PACKAGE_SCHEDULED", "en", facts(weekly(2)))


def test_the_therapist_is_named_with_each_date_only_where_they_differ() -> None:
    told = body("PACKAGE_SCHEDULED", "en", facts([session(1, SUNDAY), session(2, SUNDAY + DAY, OMAR)]))
    assert "Sessions to come: 2 (Arabian Time)\n" in told
    assert "Sunday, January 3, 2027, 10:00 AM, Layla Haddad\n" in told
    assert "Monday, January 4, 2027, 10:00 AM, Omar Aziz\n" in told


def test_many_dates_are_told_by_weekday_and_time() -> None:
    assert body("PACKAGE_RESCHEDULED", "en", facts(weekly(12, days=(0, 2)))) == (
        "Your sessions at Occupational {therapy} have new times.\n"
        "Sessions to come: 12, with Layla Haddad (Arabian Time)\n"
        "Sunday, 10:00 AM: 3, 10, 17, 24, 31 Jan 2027; 7 Feb 2027\n"
        "Tuesday, 10:00 AM: 5, 12, 19, 26 Jan 2027; 2, 9 Feb 2027\n"
        "Package number: PKG-20261120-0001"
    )
    assert "الأحد، 10:00 ص: 3، 10، 17، 24، 31 يناير 2027؛ 7 فبراير 2027\n" in body(
        "PACKAGE_RESCHEDULED", "ar", facts(weekly(12, days=(0, 2)))
    )


def test_many_dates_of_two_therapists_are_told_apart() -> None:
    dates = [session(n, SUNDAY + n * WEEK, OMAR if n % 2 else LAYLA) for n in range(12)]
    told = body("PACKAGE_SCHEDULED", "en", facts(dates))
    assert "Sunday, 10:00 AM, Layla Haddad: 3, 17, 31 Jan 2027; 14, 28 Feb 2027; 14 Mar 2027\n" in told
    assert "Sunday, 10:00 AM, Omar Aziz: 10, 24 Jan 2027; 7, 21 Feb 2027; 7, 21 Mar 2027\n" in told


@pytest.mark.parametrize("language", domain.LANGUAGES)
@pytest.mark.parametrize("channel", [WHATSAPP, EMAIL])
def test_a_hundred_dates_of_a_rhythm_are_all_told_in_a_line_for_each_weekday(language: str, channel: str) -> None:
    told = body("PACKAGE_SCHEDULED", language, facts(weekly(100)), channel)
    assert len(told) <= BODY_LIMITS[channel]
    lines = told.splitlines()[2:-1]
    assert len(lines) == 3
    assert sum(len(re.findall(r"\b\d{1,2}\b", line.split(": ")[1])) for line in lines) == 100


@pytest.mark.parametrize("language", domain.LANGUAGES)
@pytest.mark.parametrize(
    ("dates", "channel"), [(weekly(100), SMS), (irregular(100), SMS), (irregular(100), WHATSAPP)], ids=str
)
def test_a_hundred_dates_that_a_channel_does_not_take_are_told_by_the_first_and_the_last(
    language: str, dates: list[PackageSession], channel: str
) -> None:
    told = body("PACKAGE_SCHEDULED", language, facts(dates, unscheduled=3), channel)
    assert len(told) <= BODY_LIMITS[channel]
    first, last = ("First: ", "Last: ") if language == "en" else ("الأولى: ", "الأخيرة: ")
    assert [line.startswith(start) for line, start in zip(told.splitlines()[2:4], (first, last), strict=True)] == [
        True,
        True,
    ]
    assert ": 100" in told
    assert ": 3\n" in told


def test_the_first_and_the_last_are_told_in_full() -> None:
    told = body("PACKAGE_SCHEDULED", "en", facts(irregular(100)), SMS)
    assert "First: Monday, January 4, 2027, 10:05 AM\nLast: Tuesday, April 13, 2027, 6:20 PM\n" in told


def test_all_irregular_dates_are_told_by_email() -> None:
    told = body("PACKAGE_SCHEDULED", "en", facts(irregular(100)), EMAIL)
    assert len(told.splitlines()) == 103
    assert len(told) <= BODY_LIMITS[EMAIL]


@pytest.mark.parametrize("language", domain.LANGUAGES)
@pytest.mark.parametrize("kind", domain.PACKAGE_KINDS)
@pytest.mark.parametrize("count", [0, 1, 10, 11, 100])
def test_no_text_is_longer_than_its_channel_takes_whatever_the_names(kind: str, language: str, count: int) -> None:
    long_names = (("L" * 120, "ل" * 120), ("O" * 120, "ع" * 120))
    dates = [session(n, start.starts_at, long_names[n % 2]) for n, start in enumerate(irregular(count))]
    told = PackageFacts(
        number="PKG-20261120-0001",
        name_en="C" * 120,
        name_ar="ع" * 120,
        timezone="Asia/Dubai",
        names_zone=True,
        sessions=tuple(dates),
        unscheduled=99,
    )
    for channel in (WHATSAPP, SMS):
        assert len(body(kind, language, told, channel)) <= BODY_LIMITS[channel]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_zone_is_not_named_where_no_other_could_be_meant(language: str) -> None:
    named = facts(weekly(2))
    told = body("PACKAGE_SCHEDULED", language, replace(named, names_zone=False))
    assert "(" not in told
    assert "(" in body("PACKAGE_SCHEDULED", language, named)


def test_dates_are_told_by_the_clinics_clock_across_midnight_and_a_change_of_clocks() -> None:
    late = datetime(2027, 3, 20, 22, 30, tzinfo=UTC)  # Sunday in Beirut, whose clocks go forward a week later
    dates = [session(1, late), session(2, late + WEEK - timedelta(hours=1))]
    told = body("PACKAGE_SCHEDULED", "en", facts(dates, timezone="Asia/Beirut"))
    assert "(Eastern European Time)" in told
    assert "Sunday, March 21, 2027, 12:30 AM\n" in told
    assert "Saturday, March 27, 2027, 11:30 PM\n" in told
    assert "Sunday, March 21, 2027, 2:30 AM\n" in body("PACKAGE_SCHEDULED", "en", facts(dates, timezone="Asia/Dubai"))


def test_a_rhythm_keeps_its_hour_across_a_change_of_clocks() -> None:
    before = [session(n, datetime(2027, 3, 7, 8, tzinfo=UTC) + n * WEEK) for n in range(3)]
    after = [session(n, datetime(2027, 3, 7, 7, tzinfo=UTC) + n * WEEK) for n in range(3, 12)]
    told = body("PACKAGE_SCHEDULED", "en", facts(before + after, timezone="Asia/Beirut"))
    assert len([line for line in told.splitlines() if line.startswith("Sunday, 10:00 AM: ")]) == 1


@pytest.mark.parametrize("kind", domain.PACKAGE_KINDS)
def test_every_text_names_clinic_and_package_in_its_own_language(kind: str) -> None:
    english, arabic = (body(kind, language, facts(weekly(3))) for language in ("en", "ar"))
    assert "Occupational {therapy}" in english
    assert "العلاج الوظيفي" in arabic
    assert not any("a" <= letter <= "z" for letter in arabic)
    for said in (
        english,
        arabic,
        *(package_texts.notice(kind, language, facts(weekly(3))) for language in ("en", "ar")),
    ):
        assert "PKG-20261120-0001" in said


@pytest.mark.parametrize("kind", ["PACKAGE_PAUSED", "PACKAGE_CANCELLED"])
def test_no_date_is_told_where_none_takes_place(kind: str) -> None:
    assert "2027" not in body(kind, "en", facts(weekly(3)))


def test_that_no_date_is_left_is_told_without_a_date() -> None:
    assert "Sessions to come: 0\nSessions without a time yet: 2\n" in body("PACKAGE_RESCHEDULED", "en", facts([], 2))


def test_a_provider_is_told_the_own_dates_alone() -> None:
    told = facts([session(1, SUNDAY), session(2, SUNDAY + DAY, OMAR)]).of_provider(UUID(int=len(OMAR[0])))
    assert package_texts.notice("PACKAGE_SUBSTITUTED", "en", told) == (
        "Sessions of package PKG-20261120-0001 have another therapist, Occupational {therapy}\n"
        "Sessions to come: 1, with Omar Aziz (Arabian Time)\n"
        "Monday, January 4, 2027, 10:00 AM"
    )


@pytest.mark.parametrize(
    ("kind", "dates", "unscheduled", "told"),
    [
        ("PACKAGE_SCHEDULED", 1, 0, True),
        ("PACKAGE_SCHEDULED", 0, 5, False),
        ("PACKAGE_RESUMED", 0, 5, False),
        ("PACKAGE_SUBSTITUTED", 0, 5, False),
        ("PACKAGE_RESCHEDULED", 0, 5, True),
        ("PACKAGE_RESCHEDULED", 0, 0, False),
        ("PACKAGE_PAUSED", 0, 0, True),
        ("PACKAGE_CANCELLED", 0, 0, True),
    ],
)
def test_a_package_is_told_of_where_there_is_something_to_tell(
    kind: str, dates: int, unscheduled: int, told: bool
) -> None:
    assert domain.has_something_to_tell(kind, dates, unscheduled) is told
