"""The waitlist: who waits for what, and whom a freed spot is offered to."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jalsa.service import clock
from scheduling.timetable.hours import part_of_day

from .factories import Centre, Desk, at, created, ok, problem
from .waiting import FRIDAY, FRIDAY_9, WaitingDesk, before_start, instant, travel

NOBODY = "01a1f000-0000-7000-8000-00000000dead"  # the same in every process that collects these tests


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def test_an_entry_shows_what_is_waited_for_and_reads_with_the_same_tag(desk: WaitingDesk) -> None:
    body = {
        "patient_id": desk.centre.create_patient(),
        "service_type": desk.service_type["code"],
        "clinic_id": desk.clinic["id"],
        "provider_id": desk.provider["id"],
        "weekdays": [0, 2],
        "part_of_day": "MORNING",
        "from_date": "2030-01-01",
        "until_date": "2030-06-30",
        "priority": 2,
        "notes": "By phone",
    }
    answer = desk.centre.post("/waitlist", body)
    entry = created(answer)
    assert {name: entry[name] for name in body} == body
    assert (entry["status"], entry["session_id"], entry["offer"]) == ("WAITING", None, None)
    read = desk.centre.get(f"/waitlist/{entry['id']}")
    assert (ok(read), read.headers["ETag"]) == (entry, answer.headers["ETag"])


def test_an_entry_for_a_session_takes_its_service_type_and_clinic_and_the_middle_priority(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    entry = desk.wait(session_id=session["id"])
    assert (entry["session_id"], entry["priority"], entry["weekdays"]) == (session["id"], 3, [])
    assert (entry["service_type"], entry["clinic_id"]) == (desk.service_type["code"], desk.clinic["id"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient_id", ...),
        ("patient_id", "x"),
        ("service_type", "NO-SUCH"),
        ("clinic_id", NOBODY),
        ("provider_id", NOBODY),
        ("weekdays", [7]),
        ("weekdays", ["1"]),
        ("weekdays", [1] * 8),
        ("part_of_day", "NIGHT"),
        ("from_date", "tomorrow"),
        ("until_date", "2020-01-01"),
        ("priority", 0),
        ("priority", 6),
        ("priority", "1"),
        ("notes", "x" * 2001),
        ("status", "OFFERED"),
    ],
)
def test_an_entry_names_the_field_that_is_wrong(calm: Desk, field: str, value: Any) -> None:
    body = {"patient_id": calm.centre.create_patient(), "service_type": calm.service_type["code"], field: value}
    before = calm.centre.state()
    answer = calm.centre.post("/waitlist", {name: value for name, value in body.items() if value is not ...})
    errors = problem(answer, 422, "validation-error")["errors"]
    assert list(errors) == [field]
    assert calm.centre.state() == before


def test_an_entry_waits_for_a_session_or_for_a_service_type(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    patient = desk.centre.create_patient()
    both = {"session_id": session["id"], "service_type": desk.service_type["code"]}
    refusals = {
        "session_id": [{}, both, {"session_id": str(uuid4())}],
        "weekdays": [{"session_id": session["id"], "weekdays": [1]}],
        "until_date": [{**both, "session_id": ..., "from_date": "2031-01-02", "until_date": "2031-01-01"}],
    }
    for field, bodies in refusals.items():
        for body in bodies:
            sent = {name: value for name, value in body.items() if value is not ...}
            answer = desk.centre.post("/waitlist", {"patient_id": patient, **sent})
            assert list(problem(answer, 422, "validation-error")["errors"]) == [field], body


def test_a_provider_who_is_waited_for_fits_the_service_type_and_the_clinic(desk: WaitingDesk) -> None:
    elsewhere = desk.centre.create_clinic()
    speech = desk.centre.create_provider(desk.clinic, discipline="SLP")
    for wish in ({"provider_id": speech["id"]}, {"provider_id": desk.provider["id"], "clinic_id": elsewhere["id"]}):
        body = {"patient_id": desk.centre.create_patient(), "service_type": desk.service_type["code"], **wish}
        answer = desk.centre.post("/waitlist", body)
        assert list(problem(answer, 422, "validation-error")["errors"]) == ["provider_id"]


@pytest.mark.parametrize("kind", ["unknown", "inactive"])
def test_only_an_active_patient_waits(desk: WaitingDesk, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.http.edge.KNOWN_WITHIN", 0.1)
    patient = str(uuid4()) if kind == "unknown" else desk.centre.create_patient(active=False)
    body = {"patient_id": patient, "service_type": desk.service_type["code"]}
    problem(desk.centre.post("/waitlist", body), 422, "unknown-patient")


def test_a_patient_waits_once_for_the_same_thing(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    patient = desk.centre.create_patient()
    for wanted in ({"session_id": session["id"]}, {"service_type": desk.service_type["code"]}):
        body = {"patient_id": patient, **wanted}
        first = created(desk.centre.post("/waitlist", body))
        problem(desk.centre.post("/waitlist", body), 409, "already-waiting")
        ok(desk.centre.post(f"/waitlist/{first['id']}/cancel"))
        created(desk.centre.post("/waitlist", body))


def test_nobody_waits_for_a_place_that_is_there_or_can_not_be(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, [inside] = desk.full()
    patient = desk.centre.create_patient()

    def refused(patient_id: str, code: str) -> None:
        body = {"patient_id": patient_id, "session_id": session["id"]}
        problem(desk.centre.post("/waitlist", body), 409, code)

    refused(inside["patient_id"], "already-enrolled")
    with monkeypatch.context() as patched:
        travel(patched, at())
        refused(patient, "invalid-transition")
    desk.give_up(inside)
    refused(patient, "places-available")
    ok(desk.centre.post(f"/sessions/{session['id']}/cancel"))
    refused(patient, "invalid-transition")


def test_priority_notes_and_wishes_can_be_changed_while_the_entry_is_open(desk: WaitingDesk) -> None:
    entry = desk.wait(weekdays=[1])
    path, caller = f"/waitlist/{entry['id']}", desk.centre.client()
    patch = {"priority": 1, "notes": "Urgent", "weekdays": [], "provider_id": desk.provider["id"]}
    changed = caller.patch(path, patch, desk.centre.get(path).headers["ETag"])
    assert ok(changed) == {**entry, **patch}
    wrong = caller.patch(path, {"clinic_id": str(uuid4())}, changed.headers["ETag"])
    assert list(problem(wrong, 422, "validation-error")["errors"]) == ["clinic_id"]
    closed = desk.centre.post(f"{path}/cancel")
    problem(caller.patch(path, {"priority": 2}, closed.headers["ETag"]), 409, "invalid-transition")


def test_an_entry_for_a_session_has_no_wishes_to_change(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    path = f"/waitlist/{desk.wait(session_id=session['id'])['id']}"
    answer = desk.centre.client().patch(path, {"weekdays": [1]}, desk.centre.get(path).headers["ETag"])
    assert list(problem(answer, 422, "validation-error")["errors"]) == ["weekdays"]


def test_a_change_or_an_action_needs_the_tag_of_what_was_read(desk: WaitingDesk) -> None:
    _, entry = desk.offered()
    path = f"/waitlist/{entry['id']}"
    problem(desk.centre.client().patch(path, {"priority": 1}), 428, "precondition-required")
    problem(desk.centre.client().patch(path, {"priority": 1}, '"stale"'), 412, "precondition-failed")
    for verb in ("accept", "decline", "cancel"):
        problem(desk.centre.post(f"{path}/{verb}", If_Match='"stale"'), 412, "precondition-failed")


def test_entries_are_listed_in_the_order_of_offering_and_found_by_what_is_waited_for(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    waiting = [desk.wait(priority=priority) for priority in (3, 5, 1, 3)]
    waiting.append(desk.wait(session_id=session["id"], priority=4))
    order = [waiting[n]["id"] for n in (2, 0, 3, 4, 1)]
    found, cursor = [], None
    while True:
        page = ok(desk.centre.get("/waitlist", limit=2, **({"cursor": cursor} if cursor else {})))
        found += [item["id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == order
    ok(desk.centre.post(f"/waitlist/{order[0]}/cancel"))
    filters: list[tuple[dict[str, Any], list[str]]] = [
        ({"session_id": session["id"]}, [order[3]]),
        ({"clinic_id": desk.clinic["id"]}, [order[3]]),
        ({"patient_id": waiting[1]["patient_id"]}, [order[4]]),
        ({"status": "WAITING"}, order[1:]),
        ({"status": "CANCELLED"}, order[:1]),
        ({"service_type": desk.service_type["code"]}, order),
        ({"service_type": "NO-SUCH"}, []),
    ]
    for query, expected in filters:
        assert [item["id"] for item in ok(desk.centre.get("/waitlist", **query))["items"]] == expected, query
    for cursor in ("bm9uc2Vuc2U", "!"):
        problem(desk.centre.get("/waitlist", cursor=cursor), 422, "validation-error")


def test_freed_places_are_offered_by_priority_and_then_by_age(desk: WaitingDesk) -> None:
    session, inside = desk.full(4)
    waiting = [desk.wait(session_id=session["id"], priority=priority) for priority in (3, 5, 1, 3)]
    for participant in inside:
        desk.give_up(participant)
    assert [told["entry_id"] for told in desk.told("WaitlistOffered")] == [waiting[n]["id"] for n in (2, 0, 3, 1)]


def test_those_who_wait_for_the_session_and_for_its_service_type_stand_in_one_line(desk: WaitingDesk) -> None:
    session, inside = desk.full(2)
    for_type, for_session = desk.wait(), desk.wait(session_id=session["id"])
    desk.give_up(inside[0])
    assert desk.statuses(for_type, for_session) == ["OFFERED", "WAITING"]
    desk.give_up(inside[1])
    assert desk.statuses(for_type, for_session) == ["OFFERED", "OFFERED"]


@pytest.mark.parametrize(
    ("wish", "fits"),
    [
        ({"weekdays": [5]}, True),
        ({"weekdays": [0, 1, 2, 3, 4, 6]}, False),
        ({"part_of_day": "MORNING"}, True),
        ({"part_of_day": "AFTERNOON"}, False),
        ({"part_of_day": "EVENING"}, False),
        ({"from_date": FRIDAY.isoformat(), "until_date": FRIDAY.isoformat()}, True),
        ({"from_date": (FRIDAY + timedelta(days=1)).isoformat()}, False),
        ({"until_date": (FRIDAY - timedelta(days=1)).isoformat()}, False),
        ({"provider_id": "{own}"}, True),
        ({"provider_id": "{other}"}, False),
        ({"clinic_id": "{own clinic}", "weekdays": [5, 6], "part_of_day": "MORNING"}, True),
        ({"clinic_id": "{other clinic}"}, False),
        ({"service_type": "{other type}"}, False),
    ],
)
def test_a_place_is_offered_to_those_whose_wishes_it_fits(desk: WaitingDesk, wish: dict[str, Any], fits: bool) -> None:
    names = {
        "{own}": desk.provider["id"],
        "{other}": desk.centre.create_provider(desk.clinic)["id"],
        "{own clinic}": desk.clinic["id"],
        "{other clinic}": desk.centre.create_clinic()["id"],
        "{other type}": desk.centre.create_service_type()["code"],
    }
    wanted = {field: names.get(value, value) if isinstance(value, str) else value for field, value in wish.items()}
    _, [inside] = desk.full(starts_at=FRIDAY_9)
    entry = desk.wait(**wanted)
    desk.give_up(inside)
    assert desk.statuses(entry) == ["OFFERED" if fits else "WAITING"]


@pytest.mark.parametrize(
    ("wall", "part"),
    [("00:00", "MORNING"), ("11:59", "MORNING"), ("12:00", "AFTERNOON"), ("16:59", "AFTERNOON"), ("17:00", "EVENING")],
)
def test_a_part_of_the_day_is_that_of_the_clinics_clock(wall: str, part: str) -> None:
    assert part_of_day(instant(f"2031-01-03T{wall}+03:00"), "Asia/Riyadh") == part


def test_who_can_not_come_is_passed_over_and_keeps_waiting(desk: WaitingDesk) -> None:
    session, inside = desk.full(2)
    elsewhere = desk.create_session(
        provider_id=desk.centre.create_provider(desk.clinic)["id"],
        starts_at=at() + timedelta(minutes=59),
        service_type=desk.centre.create_service_type()["code"],
    )
    busy, enrolled, offered, gone, free = (desk.wait() for _ in range(5))
    desk.create_participant(elsewhere, busy["patient_id"])
    desk.give_up(inside[0])  # offered to the first who can come, the enrolled one, who takes it
    taken = created(desk.centre.post(f"/waitlist/{enrolled['id']}/accept"))
    again = desk.wait(patient_id=taken["patient_id"])
    other, [held] = desk.full(starts_at=at(2))
    desk.give_up(held)
    assert desk.entry(offered)["offer"] is None
    assert desk.entry(busy)["offer"]["session_id"] == other["id"]
    desk.centre.save_patient(UUID(offered["patient_id"]), active=False)
    desk.centre.save_patient(UUID(gone["patient_id"]), active=False)
    desk.give_up(inside[1])
    assert desk.statuses(busy, again, offered, gone) == ["OFFERED", "WAITING", "WAITING", "WAITING"]
    assert desk.entry(free)["offer"]["session_id"] == session["id"]


def test_who_has_an_offer_is_not_offered_another_place(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    second = desk.wait(patient_id=entry["patient_id"])
    _, [inside] = desk.full(starts_at=at(2))
    desk.give_up(inside)
    assert desk.statuses(entry, second) == ["OFFERED", "WAITING"]
    assert desk.count("WaitlistOffered") == 1
    assert desk.entry(entry)["offer"]["session_id"] == session["id"]


def test_who_gives_a_place_up_while_waiting_is_not_offered_the_same(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    own = desk.wait(patient_id=inside["patient_id"], priority=1)
    desk.give_up(inside)
    assert desk.statuses(own) == ["WAITING"]
    assert desk.session(session["id"])["available_spots"] == 1


def test_who_declined_and_waits_again_is_offered_a_place_again(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    ok(desk.centre.post(f"/waitlist/{entry['id']}/decline"))
    inside = desk.create_participant(session)
    again = desk.wait(session_id=session["id"], patient_id=entry["patient_id"])
    desk.give_up(inside)
    assert desk.statuses(entry, again) == ["DECLINED", "OFFERED"]


def test_nothing_is_offered_when_the_session_starts_too_soon(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, inside = desk.full(2)
    first, second = (desk.wait(session_id=session["id"]) for _ in range(2))
    travel(monkeypatch, before_start(minutes=5))
    desk.give_up(inside[0])
    assert instant(desk.entry(first)["offer"]["expires_at"]) == at()  # not two hours later
    travel(monkeypatch, before_start(minutes=4, seconds=59))
    desk.give_up(inside[1])
    assert desk.statuses(first, second) == ["OFFERED", "WAITING"]
    assert desk.session(session["id"])["available_spots"] == 1


def test_entries_whose_days_are_past_are_closed_by_the_job_and_no_others(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = clock.now().date()
    ends, stays = desk.wait(until_date=str(today)), desk.wait(until_date=str(today + timedelta(days=2)))
    forever = desk.wait()
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    travel(monkeypatch, midnight + timedelta(hours=11, minutes=59))  # somewhere it is still that day
    desk.run("waitlist")
    assert desk.statuses(ends) == ["WAITING"]
    travel(monkeypatch, midnight + timedelta(hours=12))
    for _ in range(2):
        desk.run("waitlist")
    assert desk.statuses(ends, stays, forever) == ["LAPSED", "WAITING", "WAITING"]
    assert desk.entry(ends)["closed_by"] == "system:scheduler"


def test_an_entry_of_another_tenant_is_not_found(desk: WaitingDesk) -> None:
    entry = desk.wait()
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x").client()
    path = f"/waitlist/{entry['id']}"
    problem(stranger.get(path), 404, "not-found")
    problem(stranger.patch(path, {}, "*"), 404, "not-found")
    for verb in ("accept", "decline", "cancel"):
        problem(stranger.post(f"{path}/{verb}"), 404, "not-found")
    assert ok(stranger.get("/waitlist"))["items"] == []
