"""The rules of scheduling, without I/O."""

from datetime import UTC, datetime, time, timedelta
from itertools import product
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jalsa.errors import Problem
from jalsa.states import StateMachine
from scheduling import domain
from scheduling.domain.hours import WorkingHours, within_working_hours

CLINIC = UUID(int=1)
RIYADH, BERLIN = "Asia/Riyadh", "Europe/Berlin"
MINUTE = timedelta(minutes=1)

# written out a second time on purpose: a slip in the table must not correct its own test
SESSION_MOVES = {("SCHEDULED", "IN_PROGRESS"), ("SCHEDULED", "CANCELLED"), ("IN_PROGRESS", "COMPLETED")}
PARTICIPANT_MOVES = {
    ("BOOKED", "CONFIRMED"),
    ("BOOKED", "ARRIVED"),
    ("BOOKED", "CANCELLED"),
    ("BOOKED", "NO_SHOW"),
    ("CONFIRMED", "ARRIVED"),
    ("CONFIRMED", "CANCELLED"),
    ("CONFIRMED", "NO_SHOW"),
    ("ARRIVED", "ATTENDED"),
    ("NO_SHOW", "ARRIVED"),
}
ENTRY_MOVES = {
    ("WAITING", "OFFERED"),
    ("WAITING", "LAPSED"),
    ("WAITING", "CANCELLED"),
    ("OFFERED", "WAITING"),
    ("OFFERED", "ACCEPTED"),
    ("OFFERED", "DECLINED"),
    ("OFFERED", "LAPSED"),
    ("OFFERED", "CANCELLED"),
}
OFFER_MOVES = {("OPEN", end) for end in ("ACCEPTED", "DECLINED", "LAPSED", "WITHDRAWN")}


def week(start: str, end: str, *, weekdays: range = range(7), clinic: UUID = CLINIC) -> list[WorkingHours]:
    return [WorkingHours(day, time.fromisoformat(start), time.fromisoformat(end), clinic) for day in weekdays]


def local(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def fits(hours: list[WorkingHours], zone: str, start: str, end: str) -> bool:
    return within_working_hours(hours, CLINIC, zone, local(start, zone), local(end, zone))


@pytest.mark.parametrize(
    ("machine", "allowed"),
    [
        (domain.SESSION, SESSION_MOVES),
        (domain.PARTICIPANT, PARTICIPANT_MOVES),
        (domain.ENTRY, ENTRY_MOVES),
        (domain.OFFER, OFFER_MOVES),
    ],
    ids=["session", "participant", "entry", "offer"],
)
def test_only_the_moves_of_the_table_are_allowed(machine: StateMachine, allowed: set[tuple[str, str]]) -> None:
    for move in product(machine.states, repeat=2):
        if move in allowed:
            machine.check(*move)
        else:
            with pytest.raises(Problem) as refused:
                machine.check(*move)
            assert (refused.value.status, refused.value.code) == (409, "invalid-transition")


@pytest.mark.parametrize("machine", [domain.SESSION, domain.PARTICIPANT], ids=["session", "participant"])
def test_the_readme_shows_the_state_machines_as_they_are(machine: StateMachine) -> None:
    readme = Path(__file__).parents[1] / "README.md"
    assert f"```mermaid\n{machine.mermaid()}\n```" in readme.read_text()


def test_a_place_is_live_until_it_is_given_up_or_missed() -> None:
    assert set(domain.PARTICIPANT.states) - set(domain.LIVE_PARTICIPANT) == {"CANCELLED", "NO_SHOW"}
    assert set(domain.SESSION.states) - set(domain.LIVE_SESSION) == {"CANCELLED"}


@pytest.mark.parametrize(
    ("start", "end", "fit"),
    [
        ("2026-11-23T09:00", "2026-11-23T17:00", True),
        ("2026-11-23T08:59", "2026-11-23T10:00", False),
        ("2026-11-23T16:01", "2026-11-23T17:01", False),
        ("2026-11-23T12:00", "2026-11-23T12:01", True),
        ("2026-11-23T22:00", "2026-11-24T10:00", False),
    ],
)
def test_a_session_lies_within_the_hours_to_the_minute(start: str, end: str, fit: bool) -> None:
    assert fits(week("09:00", "17:00"), RIYADH, start, end) is fit


def test_hours_count_on_their_weekday_in_the_clinics_zone() -> None:
    sunday = week("00:00", "06:00", weekdays=range(1))
    # half past midnight on Sunday in Riyadh is still Saturday in UTC
    start = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
    assert within_working_hours(sunday, CLINIC, RIYADH, start, start + MINUTE)
    assert not within_working_hours(sunday, CLINIC, "UTC", start, start + MINUTE)


def test_weekdays_are_counted_from_sunday() -> None:
    assert [domain.weekday_of(datetime(2026, 11, 22 + n, tzinfo=UTC).date()) for n in range(7)] == list(range(7))


def test_hours_in_another_clinic_do_not_count() -> None:
    assert not fits(week("09:00", "17:00", clinic=uuid4()), RIYADH, "2026-11-23T10:00", "2026-11-23T11:00")


def test_a_break_between_two_stretches_is_kept_free() -> None:
    hours = week("09:00", "12:00") + week("13:00", "17:00")
    assert fits(hours, RIYADH, "2026-11-23T11:00", "2026-11-23T12:00")
    assert not fits(hours, RIYADH, "2026-11-23T11:30", "2026-11-23T13:30")


def test_an_end_at_midnight_is_the_end_of_the_day() -> None:
    hours = week("20:00", "00:00")
    assert fits(hours, RIYADH, "2026-11-23T23:00", "2026-11-24T00:00")
    assert not fits(hours, RIYADH, "2026-11-23T23:30", "2026-11-24T00:30")


def test_in_spring_the_hours_are_an_hour_shorter() -> None:
    # 2026-03-29: 02:00 becomes 03:00, so from midnight to six are five hours
    hours = week("00:00", "06:00")
    assert fits(hours, BERLIN, "2026-03-29T05:00", "2026-03-29T06:00")
    start = local("2026-03-29T00:00", BERLIN)
    assert within_working_hours(hours, CLINIC, BERLIN, start, start + timedelta(hours=5))
    assert not within_working_hours(hours, CLINIC, BERLIN, start, start + timedelta(hours=5, minutes=1))


def test_in_autumn_the_hours_are_an_hour_longer() -> None:
    # 2026-10-25: 03:00 becomes 02:00, so from midnight to six are seven hours
    hours = week("00:00", "06:00")
    start = local("2026-10-25T00:00", BERLIN)
    assert within_working_hours(hours, CLINIC, BERLIN, start, start + timedelta(hours=7))
    assert not within_working_hours(hours, CLINIC, BERLIN, start, start + timedelta(hours=7, minutes=1))


def test_nine_in_the_morning_is_nine_before_and_after_the_clock_change() -> None:
    hours = week("09:00", "10:00")
    for day, utc_hour in (("2026-10-24", 7), ("2026-10-26", 8)):
        start = datetime.fromisoformat(f"{day}T{utc_hour:02}:00").replace(tzinfo=UTC)
        assert within_working_hours(hours, CLINIC, BERLIN, start, start + timedelta(hours=1))


@given(
    start=st.integers(0, 2 * 366 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * MINUTE),
    minutes=st.integers(1, 480),
    zone=st.sampled_from([RIYADH, BERLIN, "UTC", "America/New_York", "Asia/Kathmandu"]),
)
def test_round_the_clock_hours_refuse_only_what_passes_midnight(start: datetime, minutes: int, zone: str) -> None:
    end = start + minutes * MINUTE
    tz = ZoneInfo(zone)
    last = (end - timedelta(microseconds=1)).astimezone(tz).date()
    expected = start.astimezone(tz).date() == last
    assert within_working_hours(week("00:00", "00:00"), CLINIC, zone, start, end) is expected


def test_the_year_of_a_number_is_the_clinics() -> None:
    eve = datetime(2026, 12, 31, 21, 0, tzinfo=UTC)
    assert domain.local_year(eve, RIYADH) == 2027
    assert domain.local_year(eve, BERLIN) == 2026
    assert domain.local_year(eve - timedelta(microseconds=1), RIYADH) == 2026


START = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)  # 00:30 on the 24th in Riyadh


@pytest.mark.parametrize("cleared", [True, False])
@pytest.mark.parametrize("consented", [True, False])
@pytest.mark.parametrize("early", [True, False])
def test_each_condition_of_check_in_blocks_by_itself(cleared: bool, consented: bool, early: bool) -> None:
    now = START - (timedelta(minutes=31) if early else timedelta(minutes=30))
    blockers = domain.check_in_blockers(cleared=cleared, consented=consented, starts_at=START, zone=RIYADH, now=now)
    expected = {"finance": not cleared, "consent": not consented, "too-early": early}
    assert blockers == [name for name, blocks in expected.items() if blocks]


def test_it_is_never_too_early_on_the_sessions_local_day_or_after() -> None:
    for later in (timedelta(0), timedelta(hours=3), timedelta(days=3)):
        now = START + later
        assert not domain.check_in_blockers(cleared=True, consented=True, starts_at=START, zone=RIYADH, now=now)
