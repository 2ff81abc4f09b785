"""The rules of the timetable stand once. Whoever changes one sees every user of it follow."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, func, make_url, select, text

import scheduling
from jalsa.dev.kit import ServiceKit
from jalsa.dev.servers import Servers
from scheduling import domain, errors
from scheduling.timetable.conflicts import clashes, series_clash
from scheduling.timetable.intervals import overlaps, widened
from scheduling.timetable.occupancy import Occupancy

from .absences import away, office, proposed, set_hours
from .factories import Centre, Desk, at, created, ok, problem

HALF_AN_HOUR, HOUR = timedelta(minutes=30), timedelta(hours=1)

Change = Callable[[str, str, str], None]


@pytest.fixture
def desk(scratch_kit: ServiceKit, tenant: str) -> Desk:
    """A desk with a database of its own, of which the test may change the rules."""
    return Desk(Centre(scratch_kit, tenant))


@pytest.fixture
def change(servers: Servers, scratch_kit: ServiceKit) -> Change:
    """Change the text of one function of the database."""
    database = make_url(scratch_kit.config.database_url).database
    url = make_url(servers.postgres.url).set(drivername="postgresql+psycopg", database=database)

    def make(function: str, old: str, new: str) -> None:
        engine = create_engine(url)
        with engine.begin() as conn:
            definition = conn.execute(
                text("SELECT pg_get_functiondef(CAST(:name AS regproc))"), {"name": function}
            ).scalar_one()
            assert old in definition
            conn.exec_driver_sql(definition.replace(old, new))
        engine.dispose()

    return make


def test_how_long_a_session_takes_up_its_provider_is_said_in_one_place(desk: Desk, change: Change) -> None:
    set_hours(desk, office(desk, "08:00", "18:00"))
    desk.create_session(starts_at=at(1, 9))
    moved = desk.create_session(starts_at=at(1, 6))
    absence = away(desk, at(1, 6), at(1, 9))

    def answers() -> dict[str, Any]:
        """What each user of the timetable says of the hour after the session, which is over at ten."""
        bounds = {"from": at(1, 10).isoformat(), "to": at(1, 11).isoformat()}
        slots = ok(desk.centre.get("/availability", service_type=desk.service_type["code"], **bounds))["items"]
        body = desk.package_body(total_sessions=2, start_date=at(1).date(), preferred_time="13:00")
        series = desk.series_body(starts_on=at(1).date(), start_time="13:00", rrule="FREQ=WEEKLY;COUNT=2")
        booked = desk.centre.post("/sessions", desk.session_body(starts_at=at(1, 10).isoformat()))
        if booked.status_code == 201:
            ok(desk.move(created(booked), "cancel", reason="Only tried"))
        [hit] = proposed({"affected_sessions": ok(desk.centre.get(f"{absence['path']}/proposals"))["items"]})
        return {
            "availability": slots[0]["starts_at"],
            "planning": ok(desk.centre.post("/packages/plan", body))["sessions"][0]["starts_at"],
            "series": [c["code"] for c in ok(desk.centre.post("/series/plan", series))["occurrences"][0]["conflicts"]],
            "booking": booked.status_code,
            "proposals": hit["new_slot"]["starts_at"],
        }

    ten, half_past = (at(1, 10, minute).isoformat().replace("+00:00", "Z") for minute in (0, 30))
    assert moved["starts_at"] != ten
    assert answers() == {"availability": ten, "planning": ten, "series": [], "booking": 201, "proposals": ten}
    change("occupancy", "s.ends_at + make_interval(", "s.ends_at + interval '30 minutes' + make_interval(")
    assert answers() == {
        "availability": half_past,
        "planning": half_past,
        "series": ["provider-busy"],
        "booking": 409,
        "proposals": half_past,
    }


def test_which_sessions_are_live_is_said_in_one_place(desk: Desk, change: Change) -> None:
    cancelled = desk.create_session()
    ok(desk.move(cancelled, "cancel", reason="Nobody can come"))
    bounds = {"from": at().isoformat(), "to": (at() + HALF_AN_HOUR).isoformat()}
    asked = {"service_type": desk.service_type["code"], **bounds}
    assert ok(desk.centre.get("/availability", **asked))["items"][0]["starts_at"] == cancelled["starts_at"]
    change("live_session", "status <> 'CANCELLED'", "true")
    assert ok(desk.centre.get("/availability", **asked))["items"] == []
    met = problem(desk.centre.post("/sessions", desk.session_body()), 409, "provider-busy")
    assert cancelled["session_number"] in str(met)
    period = {"from": at(0).date().isoformat(), "to": at(2).date().isoformat()}
    rows = ok(desk.centre.get("/reports/utilisation", by="provider", **period))["items"]
    assert [row["sessions"] for row in rows] == [1]


def test_the_database_and_the_domain_agree_on_which_sessions_are_live(kit: ServiceKit) -> None:
    with kit.transaction("anybody") as db:
        live = {s for s in domain.SESSION.states if db.scalar(select(func.live_session(s)))}
    assert live == set(domain.LIVE_SESSION)


def test_how_spots_are_counted_is_said_in_one_place(desk: Desk, change: Change) -> None:
    session = desk.create_session(max_capacity=2)
    participant = desk.create_participant(session)
    day = at().date().isoformat()

    def answers() -> dict[str, Any]:
        [shown] = ok(desk.centre.get("/calendar", **{"clinic_id": desk.clinic["id"], "from": day, "to": day}))[
            "sessions"
        ]
        return {
            "session": desk.session(session["id"])["available_spots"],
            "participant": desk.participant(participant["id"])["session"]["available_spots"],
            "calendar": (shown["available_spots"], shown["is_full"]),
            "open": len(ok(desk.centre.get("/sessions/available"))["items"]),
        }

    assert answers() == {"session": 1, "participant": 1, "calendar": (1, False), "open": 1}
    change("spots_of", "count(*) FROM participants", "count(*) + 1 FROM participants")
    assert answers() == {"session": 0, "participant": 0, "calendar": (0, True), "open": 0}
    problem(desk.book(session), 409, "session-full")
    report = ok(desk.centre.get("/reports/capacity", **{"by": "provider", "from": day, "to": day}))["items"]
    assert [row["places_used"] for row in report] == [2]


def test_the_database_counts_spots_for_its_own_guard_in_the_same_way(desk: Desk, change: Change) -> None:
    session = desk.create_session(max_capacity=2)
    desk.create_participant(session)
    change("spots_of", "count(*) FROM participants", "count(*) + 1 FROM participants")
    change("hold_place", "SELECT s.taken, s.held INTO taken, held", "SELECT 0, 0 INTO taken, held")
    problem(desk.book(session), 409, "session-full")


def test_an_absence_is_over_a_session_by_the_same_rule_as_over_a_placement(desk: Desk, change: Change) -> None:
    session = desk.create_session(starts_at=at(1, 9))
    away(desk, at(1, 10), at(1, 11))
    assert desk.session(session["id"])["blocked_by"] == []
    later = desk.session_body(starts_at=at(1, 11).isoformat())
    ok(desk.move(created(desk.centre.post("/sessions", later)), "cancel", reason="Only tried"))
    change(
        "times_overlap", "starts < other_ends AND ends > other_starts", "starts <= other_ends AND ends >= other_starts"
    )
    assert desk.session(session["id"])["blocked_by"] == ["time-off"]
    problem(desk.centre.post("/sessions", later), 409, "outside-working-hours")


def occupancy(start: int, *, provider: UUID | None = None, room: UUID | None = None, buffer: int = 0) -> Occupancy:
    """An hour from that hour on."""
    return Occupancy(
        clinic_id=uuid4(),
        timezone="Asia/Riyadh",
        provider_id=provider or uuid4(),
        room_id=room,
        starts_at=at(1, start),
        ends_at=at(1, start + 1),
        buffer_after_minutes=buffer,
    )


def kinds(found: Any) -> list[type]:
    return [type(one) for one in found]


def test_two_placements_clash_by_one_rule_in_a_list_of_proposals_and_in_a_series() -> None:
    provider, room = uuid4(), uuid4()
    one = occupancy(9, provider=provider, room=room)
    assert kinds(clashes(one, occupancy(9, provider=provider))) == [errors.ProviderBusy]
    assert kinds(clashes(one, occupancy(9, room=room))) == [errors.RoomBusy]
    assert clashes(one, occupancy(9)) == []
    assert clashes(one, occupancy(10, provider=provider, room=room)) == []
    near = occupancy(8, provider=provider, room=room, buffer=15)
    assert kinds(clashes(one, near)) == [errors.ProviderBuffered, errors.RoomBuffered]
    assert isinstance(series_clash(one, occupancy(9)), errors.SeriesOverlap)  # whoever holds it
    assert isinstance(series_clash(one, near), errors.SeriesBuffered)
    assert series_clash(one, occupancy(8, buffer=15)) is None


def test_an_end_is_not_part_of_its_time() -> None:
    hour = at(1, 9), at(1, 10)
    assert overlaps(hour, (at(1, 9, 59), at(1, 12)))
    assert not overlaps(hour, (at(1, 10), at(1, 12)))
    assert not overlaps((at(1, 10), at(1, 12)), hour)
    assert overlaps(widened(hour, HOUR, HALF_AN_HOUR), (at(1, 10), at(1, 12)))


#: How each rule was once written by hand. A statement may stand on several lines.
_BY_HAND = {
    "the overlap of two times": (
        r"starts_at < \S+\s+AND \S*ends_at > ",
        r"ends_at > \S+\s+AND \S*starts_at < ",
        r"starts_at < [\w.]*ends_at",
        r"ends_at > [\w.]*starts_at",
        r"starts_on <= \S+\s+AND \S*ends_on >= ",
    ),
    "the states in which a session is live": (
        r"FROM sessions( s)?\s+WHERE (s\.)?status <> 'CANCELLED'",
        r"\bs\.status <> 'CANCELLED'",
        r"ClinicalSession\.status [!=]=.*CANCELLED",
    ),
    "the states in which a spot is taken": (
        r"in_\(\S*LIVE_PARTICIPANT\)",
        r"'BOOKED', 'CONFIRMED', 'ARRIVED', 'ATTENDED'",
    ),
    "the spots of a session": (
        r"live\) AS taken",
        r"'OPEN'\) AS held",
        r"max_capacity - ",
        r"taken \+ \S*(held|offered_spots)",
    ),
}


@pytest.mark.parametrize("rule", _BY_HAND)
def test_no_rule_of_the_timetable_is_written_by_hand(rule: str) -> None:
    """Who needs one asks the database's function, or the module of the package `timetable`, that has it."""
    folder = Path(scheduling.__file__).parent
    found = [
        f"{path.relative_to(folder)}: {match[0]}"
        for path in sorted(folder.rglob("*.py"))
        if path.parent.name != "timetable"
        for pattern in _BY_HAND[rule]
        for match in re.finditer(pattern, path.read_text())
    ]
    assert found == []
