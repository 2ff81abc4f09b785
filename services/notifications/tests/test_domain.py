"""The rules, without a database."""

import random
from datetime import UTC, datetime, time, timedelta

import pytest

from notifications import domain
from notifications.domain import QuietHours, Reach

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def reach(**changes: object) -> Reach:
    everything = {"whatsapp_enabled": True, "sms_enabled": True, "email_enabled": True}
    return Reach(**{"active": True, "phone": "+966500000001", "email": "a@example.com", **everything, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("WHATSAPP", "+966500000001")),
        ({"whatsapp_enabled": False}, ("SMS", "+966500000001")),
        ({"whatsapp_enabled": False, "sms_enabled": False}, ("EMAIL", "a@example.com")),
        ({"phone": None}, ("EMAIL", "a@example.com")),
        ({"phone": None, "email_enabled": False}, None),
        ({"phone": None, "email": None}, None),
        ({"email": None, "whatsapp_enabled": False, "sms_enabled": False}, None),
        ({"active": False}, None),
    ],
)
def test_the_channel_is_the_first_that_is_wanted_and_has_a_contact(
    changes: dict[str, object], expected: tuple[str, str] | None
) -> None:
    assert reach(**changes).contact() == expected


@pytest.mark.parametrize(
    ("hours_ahead", "kinds"), [(25, ["24H", "2H"]), (24, ["2H"]), (3, ["2H"]), (2, []), (1, []), (-1, [])]
)
def test_only_reminders_still_to_come_are_scheduled(hours_ahead: int, kinds: list[str]) -> None:
    starts_at = NOW + timedelta(hours=hours_ahead)
    assert [kind for kind, _ in domain.reminders_for(starts_at, NOW)] == kinds


def test_a_reminder_is_due_so_many_hours_before_even_across_a_clock_change() -> None:
    starts_at = datetime(2026, 3, 29, 8, tzinfo=UTC)  # Beirut's clocks go forward in the night before
    due = dict(domain.reminders_for(starts_at, NOW - timedelta(days=365)))
    assert due == {"24H": starts_at - timedelta(hours=24), "2H": starts_at - timedelta(hours=2)}


@pytest.mark.parametrize(
    ("kind", "before", "late"),
    [
        ("REMINDER_24H", timedelta(hours=2, seconds=1), False),
        ("REMINDER_24H", timedelta(hours=2), True),
        ("REMINDER_2H", timedelta(seconds=1), False),
        ("REMINDER_2H", timedelta(0), True),
        ("BOOKING_CONFIRMATION", timedelta(0), True),
        ("CANCELLATION", timedelta(0), False),
        ("RESCHEDULING", timedelta(0), True),
        ("WAITLIST_OFFER", timedelta(seconds=1), False),
        ("WAITLIST_OFFER", timedelta(0), True),
        ("PACKAGE_SCHEDULED", timedelta(0), False),
    ],
)
def test_a_message_is_too_late_once_it_is_of_no_use(kind: str, before: timedelta, late: bool) -> None:
    starts_at = NOW + timedelta(days=1)
    assert domain.is_too_late(kind, starts_at, starts_at - timedelta(hours=24), starts_at - before) is late


@pytest.mark.parametrize("kind", domain.MESSAGE_KINDS)
def test_no_message_goes_out_a_day_after_it_was_queued(kind: str) -> None:
    starts_at = NOW + timedelta(days=9)
    assert not domain.is_too_late(kind, starts_at, NOW, NOW + timedelta(days=1))
    assert domain.is_too_late(kind, starts_at, NOW, NOW + timedelta(days=1, seconds=1))


def test_news_is_a_day_old_at_most() -> None:
    assert domain.is_news(NOW - timedelta(days=1), NOW)
    assert not domain.is_news(NOW - timedelta(days=1, seconds=1), NOW)


# Riyadh is three hours ahead of UTC
@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (("22:00", "07:00"), "2026-11-20T18:59:00", None),
        (("22:00", "07:00"), "2026-11-20T19:00:00", "2026-11-21T04:00:00"),
        (("22:00", "07:00"), "2026-11-20T22:00:00", "2026-11-21T04:00:00"),
        (("22:00", "07:00"), "2026-11-21T03:59:59", "2026-11-21T04:00:00"),
        (("22:00", "07:00"), "2026-11-21T04:00:00", None),
        (("13:00", "15:00"), "2026-11-20T10:00:00", "2026-11-20T12:00:00"),
        (("13:00", "15:00"), "2026-11-20T12:00:00", None),
        (("13:00", "15:00"), "2026-11-20T09:00:00", None),
        (("20:00", "00:00"), "2026-11-20T17:00:00", "2026-11-20T21:00:00"),
    ],
)
def test_quiet_hours_end_by_the_clinics_clock(hours: tuple[str, str], now: str, until: str | None) -> None:
    quiet = QuietHours(*(time.fromisoformat(hour) for hour in hours))
    expected = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert quiet.until(datetime.fromisoformat(now).replace(tzinfo=UTC), "Asia/Riyadh") == expected


def test_pauses_double_up_to_half_an_hour_and_never_fall_together() -> None:
    random.seed(7)
    seconds = [domain.retry_delay(attempts).total_seconds() for attempts in range(1, domain.MAX_ATTEMPTS)]
    for waited, planned in zip(seconds, [5 * 2**n for n in range(9)] + [1800] * 2, strict=True):
        assert 0.75 * planned <= waited <= 1.25 * planned
    assert domain.retry_delay(3) != domain.retry_delay(3)
    assert sum(seconds) < timedelta(hours=3).total_seconds()


def test_states_that_are_ends_stay() -> None:
    ends = {
        m.name: {state for state, targets in m.moves.items() if not targets} for m in (domain.REMINDER, domain.MESSAGE)
    }
    assert ends == {"reminder": {"SENT", "CANCELLED", "FAILED"}, "message": {"SENT", "CANCELLED", "FAILED"}}


@pytest.mark.parametrize(("waited", "delay"), [(0, 1), (5, 1), (60, 6), (300, 30), (86_400, 30)])
def test_a_message_that_is_held_back_is_looked_at_again_within_half_a_minute(waited: int, delay: int) -> None:
    assert domain.withhold_delay(timedelta(seconds=waited)) == timedelta(seconds=delay)
