"""What is said, in both languages."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from notifications import domain, package_texts, texts
from notifications.texts import Facts

FACTS = Facts(
    number="APT-AGDAR-2026-00001",
    name_en="Occupational {therapy}",
    name_ar="العلاج الوظيفي",
    timezone="Asia/Riyadh",
    names_zone=True,
    starts_at=datetime(2026, 11, 23, 21, 30, tzinfo=UTC),
)


@pytest.mark.parametrize("kind", domain.APPOINTMENT_KINDS)
def test_a_message_in_english_names_clinic_local_time_and_number(kind: str) -> None:
    subject, body = texts.message(kind, "en", FACTS)
    assert "appointment" in subject
    assert "Occupational {therapy}" in body
    assert "Tuesday, November 24, 2026, 12:30 AM (Arabian Standard Time)" in body
    assert "APT-AGDAR-2026-00001" in body


@pytest.mark.parametrize("kind", domain.APPOINTMENT_KINDS)
def test_a_message_in_arabic_names_clinic_local_time_and_number(kind: str) -> None:
    subject, body = texts.message(kind, "ar", FACTS)
    assert "موعدك" in subject
    assert "العلاج الوظيفي" in body
    assert "الثلاثاء، 24 نوفمبر 2026، 12:30 ص (التوقيت العربي الرسمي)" in body
    assert "APT-AGDAR-2026-00001" in body
    assert not any("a" <= letter <= "z" for letter in body)


def test_the_kinds_of_messages_are_told_apart() -> None:
    for language in domain.LANGUAGES:
        said = {texts.message(kind, language, FACTS) for kind in domain.APPOINTMENT_KINDS}
        assert len(said) == 4  # the two reminders say the same


def test_an_offer_names_clinic_time_and_until_when_it_is_held_by_the_clinics_clock() -> None:
    offered = replace(FACTS, number=None, expires_at=datetime(2026, 11, 20, 21, 15, tzinfo=UTC))
    subject, body = texts.message("WAITLIST_OFFER", "en", offered)
    assert subject == "A place is free for you"
    assert "Occupational {therapy} on Tuesday, November 24, 2026, 12:30 AM (Arabian Standard Time) is free" in body
    assert "until Saturday, November 21, 2026, 12:15 AM (Arabian Standard Time)" in body
    subject, body = texts.message("WAITLIST_OFFER", "ar", offered)
    assert subject == "يتوفر مكان لك"
    assert "العلاج الوظيفي يوم الثلاثاء، 24 نوفمبر 2026، 12:30 ص (التوقيت العربي الرسمي)" in body
    assert "حتى السبت، 21 نوفمبر 2026، 12:15 ص (التوقيت العربي الرسمي)" in body
    assert not any("a" <= letter <= "z" for letter in body)


def test_the_time_is_the_one_that_the_clinics_clock_will_show() -> None:
    winter, summer = (
        replace(FACTS, timezone="Asia/Beirut", starts_at=datetime(2026, month, 15, 9, tzinfo=UTC)).in_language("en")
        for month in (1, 7)
    )
    assert winter["when"] == "Thursday, January 15, 2026, 11:00 AM (Eastern European Standard Time)"
    assert summer["when"] == "Wednesday, July 15, 2026, 12:00 PM (Eastern European Summer Time)"


def test_the_zone_is_not_named_where_no_other_could_be_meant() -> None:
    plain = replace(FACTS, names_zone=False)
    assert plain.in_language("en")["when"] == "Tuesday, November 24, 2026, 12:30 AM"
    assert plain.in_language("ar")["when"] == "الثلاثاء، 24 نوفمبر 2026، 12:30 ص"


def test_there_is_a_text_for_every_kind_of_message_and_notice_in_every_language() -> None:
    for language in domain.LANGUAGES:
        assert {*texts.MESSAGES[language], *package_texts.MESSAGES[language]} == set(domain.MESSAGE_KINDS)
        assert set(package_texts.NOTICES[language]) == set(domain.PACKAGE_KINDS)
        assert set(texts.GRANT_NOTICES[language]) == set(domain.GRANT_KINDS)
    assert set(texts.NOTICES["ar"]) == set(texts.NOTICES["en"])


@pytest.mark.parametrize("kind", domain.GRANT_KINDS)
def test_a_notice_of_emergency_access_tells_the_grant_and_its_reason_in_both_languages(kind: str) -> None:
    grant_id = UUID("01a1f000-0000-7000-8000-000000000601")
    english, arabic = (texts.grant_notice(kind, language, grant_id, "COVERAGE") for language in ("en", "ar"))
    assert english.startswith("Emergency access was")
    assert "وصول" in arabic
    for told in (english, arabic):
        assert "COVERAGE" in told
        assert told.endswith(str(grant_id))
    left = arabic.replace("COVERAGE", "").replace(str(grant_id), "")
    assert not any("a" <= letter.lower() <= "z" for letter in left)


def test_the_notices_of_emergency_access_are_told_apart() -> None:
    for language in domain.LANGUAGES:
        assert len(set(texts.GRANT_NOTICES[language].values())) == len(domain.GRANT_KINDS)


@pytest.mark.parametrize("kind", texts.NOTICES["en"])
def test_a_notice_names_clinic_local_time_and_number_in_both_languages(kind: str) -> None:
    english, arabic = (texts.notice(kind, language, FACTS) for language in ("en", "ar"))
    assert "12:30 AM (Arabian Standard Time), Occupational {therapy}" in english
    assert "العلاج الوظيفي" in arabic
    assert "APT-AGDAR-2026-00001" in english
    assert "APT-AGDAR-2026-00001" in arabic
