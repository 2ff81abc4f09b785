"""Session and appointment numbers: per tenant, per local year of the clinic."""

from datetime import UTC, datetime, timedelta

import pytest

from jalsa.dev.kit import ServiceKit
from jalsa.service import clock

from .factories import Centre, Desk, at, problem

EVE = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)  # half past one in 2027 in Riyadh, half past eleven in 2026 in Berlin


def numbers(desk: Desk, days: int) -> tuple[str, str]:
    """The session's and the appointment's number of a booking so many days ahead."""
    midnight = clock.now().replace(hour=0, minute=0)
    participant = desk.create_appointment(starts_at=midnight + timedelta(days=days, hours=9))
    return participant["session"]["session_number"], participant["appointment_number"]


@pytest.fixture
def eve(monkeypatch: pytest.MonkeyPatch) -> None:
    """New Year's Eve, between midnight in Riyadh and midnight in Berlin."""
    monkeypatch.setattr(clock, "now", lambda: EVE)


def test_numbers_run_from_one_and_name_prefix_tenant_and_year(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, 9, tzinfo=UTC))
    name = desk.centre.tenant.upper()
    assert numbers(desk, 1) == (f"SES-{name}-2026-00001", f"APT-{name}-2026-00001")
    assert numbers(desk, 2) == (f"SES-{name}-2026-00002", f"APT-{name}-2026-00002")
    session = desk.create_session(starts_at=clock.now() + timedelta(days=3))
    assert session["session_number"] == f"SES-{name}-2026-00003"
    assert desk.create_participant(session)["appointment_number"] == f"APT-{name}-2026-00003"


def test_each_tenant_counts_for_itself(kit: ServiceKit, tenant: str) -> None:
    first, second = Desk(Centre(kit, tenant)), Desk(Centre(kit, f"{tenant}b"))
    assert [number[-5:] for desk in (first, second) for number in numbers(desk, 8)] == ["00001"] * 4


@pytest.mark.usefixtures("eve")
def test_the_year_is_the_clinics_at_the_time_of_booking(centre: Centre) -> None:
    riyadh = Desk(centre, timezone="Asia/Riyadh")
    berlin = Desk(centre, timezone="Europe/Berlin")
    assert [number.split("-")[2] for number in numbers(riyadh, 1)] == ["2027", "2027"]
    assert [number.split("-")[2] for number in numbers(berlin, 1)] == ["2026", "2026"]
    assert [number.split("-", 2)[2] for number in numbers(riyadh, 2)] == ["2027-00002", "2027-00002"]
    assert [number.split("-", 2)[2] for number in numbers(berlin, 2)] == ["2026-00002", "2026-00002"]


@pytest.mark.usefixtures("eve")
def test_a_session_of_next_year_has_the_number_of_the_year_in_which_it_was_booked(centre: Centre) -> None:
    berlin = Desk(centre, timezone="Europe/Berlin")
    assert numbers(berlin, 30)[0].split("-")[2] == "2026"


def test_no_number_is_given_twice_after_a_refusal(desk: Desk) -> None:
    session = desk.create_individual()
    first = desk.create_participant(session)
    problem(desk.book(session), 409, "session-full")
    later = desk.create_appointment(starts_at=at(20))
    assert later["appointment_number"] > first["appointment_number"]
