"""The rules of scheduling, without I/O."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from jalsa.service.errors import NoSuchMove, NoSuchUndo
from jalsa.service.states import StateMachine
from scheduling import domain
from scheduling.app import SERVICE

RIYADH, BERLIN = "Asia/Riyadh", "Europe/Berlin"

# written out a second time on purpose, because a slip in the table must not correct its own test
SESSION_MOVES = {
    ("SCHEDULED", "IN_PROGRESS"),
    ("SCHEDULED", "CANCELLED"),
    ("IN_PROGRESS", "COMPLETED"),
    ("IN_PROGRESS", "CANCELLED"),
}
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
    ("WAITING", "FULFILLED"),
    ("OFFERED", "FULFILLED"),
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

PACKAGE_MOVES = {
    ("DRAFT", "SCHEDULED"),
    ("DRAFT", "CANCELLED"),
    ("SCHEDULED", "IN_PROGRESS"),
    ("SCHEDULED", "CANCELLED"),
    ("IN_PROGRESS", "COMPLETED"),
    ("IN_PROGRESS", "CANCELLED"),
    ("COMPLETED", "IN_PROGRESS"),
}
PACKAGE_SESSION_MOVES = {
    ("PENDING", "SCHEDULED"),
    ("PENDING", "FAILED"),
    ("PENDING", "CANCELLED"),
    ("SCHEDULED", "COMPLETED"),
    ("SCHEDULED", "CANCELLED"),
    ("SCHEDULED", "PENDING"),
    ("FAILED", "SCHEDULED"),
    ("FAILED", "CANCELLED"),
    ("CANCELLED", "SCHEDULED"),
    ("CANCELLED", "FAILED"),
}


@pytest.mark.parametrize(
    ("machine", "allowed"),
    [
        (domain.SESSION, SESSION_MOVES),
        (domain.PARTICIPANT, PARTICIPANT_MOVES),
        (domain.ENTRY, ENTRY_MOVES),
        (domain.OFFER, OFFER_MOVES),
        (domain.PACKAGE, PACKAGE_MOVES),
        (domain.PACKAGE_SESSION, PACKAGE_SESSION_MOVES),
    ],
    ids=["session", "participant", "entry", "offer", "package", "package session"],
)
def test_only_the_moves_of_the_table_are_allowed(machine: StateMachine, allowed: set[tuple[str, str]]) -> None:
    for move in product(machine.states, repeat=2):
        if move in allowed:
            machine.check(*move)
        else:
            with pytest.raises(NoSuchMove):
                machine.check(*move)


UNDO_MOVES = {
    "session": {("IN_PROGRESS", "SCHEDULED"), ("COMPLETED", "IN_PROGRESS")},
    "participant": {
        ("ARRIVED", "BOOKED"),
        ("ARRIVED", "CONFIRMED"),
        ("ARRIVED", "NO_SHOW"),
        ("ATTENDED", "ARRIVED"),
        ("NO_SHOW", "BOOKED"),
        ("NO_SHOW", "CONFIRMED"),
    },
    "package": {("IN_PROGRESS", "SCHEDULED")},
    "package session": {("COMPLETED", "SCHEDULED")},
}


@pytest.mark.parametrize("machine", SERVICE.machines, ids=lambda machine: machine.name)
def test_only_an_undo_makes_the_moves_back_and_it_makes_no_others(machine: StateMachine) -> None:
    back = UNDO_MOVES.get(machine.name, set())
    assert not back & {(state, target) for state, targets in machine.moves.items() for target in targets}
    for move in product(machine.states, repeat=2):
        if move in back:
            machine.check_undo(*move)
        else:
            with pytest.raises(NoSuchUndo):
                machine.check_undo(*move)


@pytest.mark.parametrize("machine", SERVICE.machines, ids=lambda machine: machine.name)
def test_the_readme_shows_the_state_machines_as_they_are(machine: StateMachine) -> None:
    readme = Path(__file__).parents[1] / "README.md"
    assert f"```mermaid\n{machine.mermaid()}\n```" in readme.read_text()


def test_a_place_is_live_until_it_is_given_up_or_missed() -> None:
    assert set(domain.PARTICIPANT.states) - set(domain.LIVE_PARTICIPANT) == {"CANCELLED", "NO_SHOW"}
    assert set(domain.SESSION.states) - set(domain.LIVE_SESSION) == {"CANCELLED"}


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
