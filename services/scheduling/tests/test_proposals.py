"""What is proposed for the sessions that an absence hits: a substitute at the same time, and a later slot."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduling.absences.queries import proposals

from .absences import apply, away, item, office, proposed, provider, refused, set_hours, start_of
from .factories import EARLY, Centre, Desk, as_json, at, created, hours_on, ok
from .test_series import clock_change

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OVERRIDE = {"override": {"reason": "Agreed with the family"}}


def test_time_off_over_a_session_proposes_a_substitute_and_a_new_slot(desk: Desk) -> None:
    set_hours(desk, office(desk))
    other = provider(desk)
    session = desk.create_session(room_id=desk.room["id"])
    absence = away(desk, at(1, 6), at(1, 14))
    [hit] = absence["affected_sessions"]
    room = {"id": desk.room["id"], "name": desk.room["name"]}
    assert hit == {
        **{name: session[name] for name in ("id", "session_number", "starts_at", "ends_at")},
        "proposal": {
            "substitute": {
                "starts_at": session["starts_at"],
                "ends_at": session["ends_at"],
                "provider_id": other["id"],
                "provider": {name: other[name] for name in ("id", "name_en", "name_ar")},
                "room_id": room["id"],
                "room": room,
            },
            "new_slot": {
                "starts_at": at(2, 9).isoformat().replace("+00:00", "Z"),
                "ends_at": at(2, 10).isoformat().replace("+00:00", "Z"),
                "provider_id": desk.provider["id"],
                "provider": {name: desk.provider[name] for name in ("id", "name_en", "name_ar")},
                "room_id": room["id"],
                "room": room,
            },
            "reason": None,
        },
    }


def test_the_tag_of_a_new_absence_is_that_of_reading_it(desk: Desk) -> None:
    desk.create_session()
    path = f"/providers/{desk.provider['id']}/time-off"
    answer = desk.centre.post(path, as_json({"starts_at": at(1, 8), "ends_at": at(1, 12)}))
    read = desk.centre.get(f"{path}/{created(answer)['id']}")
    assert answer.headers["ETag"] == read.headers["ETag"]
    [hit] = ok(read)["affected_sessions"]
    assert "proposal" not in hit


def test_proposals_are_made_again_from_the_current_state(desk: Desk) -> None:
    first, second = provider(desk, "Amal"), provider(desk, "Basma")
    desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    told = ok(desk.centre.get(f"{absence['path']}/proposals"))
    assert told == {"items": absence["affected_sessions"], "remaining": 0}
    assert told["items"][0]["proposal"]["substitute"]["provider_id"] == first["id"]
    desk.create_session(provider_id=first["id"])
    [again] = ok(desk.centre.get(f"{absence['path']}/proposals"))["items"]
    assert again["proposal"]["substitute"]["provider_id"] == second["id"]


def test_an_absence_that_hits_nothing_proposes_nothing(desk: Desk) -> None:
    desk.create_session(starts_at=at(1, 12))
    cancelled = desk.create_session(starts_at=at(1, 10))
    ok(desk.move(cancelled, "cancel"))
    absence = away(desk, at(1, 8), at(1, 12))
    assert absence["affected_sessions"] == []
    assert ok(desk.centre.get(f"{absence['path']}/proposals")) == {"items": [], "remaining": 0}


def test_nothing_is_proposed_for_a_session_that_has_begun(desk: Desk) -> None:
    provider(desk)
    begun = desk.create_session()
    ok(desk.move(begun, "start", **EARLY))
    absence = away(desk, at(1, 8), at(1, 12))
    assert proposed(absence) == [None]
    assert ok(desk.centre.get(f"{absence['path']}/proposals"))["items"] == []
    assert refused(apply(desk, absence, item(begun, "CANCEL"))) == [(begun["id"], "invalid-transition")]


def test_more_than_can_be_proposed_for_at_once_is_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "MAX_PROPOSALS", 2)
    provider(desk)
    sessions = [desk.create_session(starts_at=at(1, 9 + n)) for n in range(3)]
    absence = away(desk, at(1, 8), at(1, 14))
    assert [bool(p) for p in proposed(absence)] == [True, True, False]
    told = ok(desk.centre.get(f"{absence['path']}/proposals"))
    assert ([s["id"] for s in told["items"]], told["remaining"]) == ([s["id"] for s in sessions[:2]], 1)
    assert refused(apply(desk, absence, item(sessions[2], "MOVE"))) == [(sessions[2]["id"], "no-proposal")]
    ok(apply(desk, absence, item(sessions[0], "CANCEL")))
    told = ok(desk.centre.get(f"{absence['path']}/proposals"))
    assert ([s["id"] for s in told["items"]], told["remaining"]) == ([s["id"] for s in sessions[1:]], 0)


def unfit(desk: Desk, why: str) -> None:
    """Another provider who cannot be the substitute of a session at `at()`."""
    if why == "discipline":
        provider(desk, discipline="SLP")
    elif why == "clinic":
        desk.centre.create_provider(desk.centre.create_clinic())
    elif why == "hours":
        provider(desk, hours=office(desk, "13:00", "17:00"))
    elif why == "hours-elsewhere":
        elsewhere = desk.centre.create_clinic()
        hours = [hours_on(day, elsewhere) for day in range(7)]
        desk.centre.create_provider(desk.clinic, elsewhere, hours=hours)
    elif why == "inactive":
        path = f"/providers/{provider(desk)['id']}"
        ok(desk.centre.client().patch(path, {"active": False}, desk.centre.get(path).headers["ETag"]))
    else:
        other = provider(desk)
        if why == "away":
            body = as_json({"starts_at": at(1, 9, 30), "ends_at": at(1, 9, 45)})
            created(desk.centre.post(f"/providers/{other['id']}/time-off", body))
        elif why == "busy":
            desk.create_session(provider_id=other["id"], starts_at=at(1, 9, 55))
        elif why == "buffer":
            kind = desk.centre.create_service_type(buffer_before_minutes=10)
            desk.create_session(provider_id=other["id"], starts_at=at(1, 10, 5), service_type=kind["code"])


WHYS = ["discipline", "clinic", "hours", "hours-elsewhere", "inactive", "away", "busy", "buffer"]


@pytest.mark.parametrize("why", WHYS)
def test_whoever_is_not_fit_or_not_free_is_no_substitute(desk: Desk, why: str) -> None:
    unfit(desk, why)
    desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    assert proposed(absence)[0]["substitute"] is None
    other = provider(desk, "Zahra")
    [again] = ok(desk.centre.get(f"{absence['path']}/proposals"))["items"]
    assert again["proposal"]["substitute"]["provider_id"] == other["id"]


def test_the_own_buffers_of_the_session_keep_a_substitute_away_too(desk: Desk) -> None:
    near, free = provider(desk, "Amal"), provider(desk, "Basma")
    kind = desk.centre.create_service_type(buffer_after_minutes=10)
    desk.create_session(service_type=kind["code"])
    desk.create_session(provider_id=near["id"], starts_at=at(1, 10, 5))
    absence = away(desk, at(1, 8), at(1, 12))
    assert proposed(absence)[0]["substitute"]["provider_id"] == free["id"]


def test_nobody_substitutes_in_a_closed_clinic_or_in_a_room_that_is_none_any_more(desk: Desk) -> None:
    provider(desk)
    desk.create_session(room_id=desk.room["id"])
    path = f"/rooms/{desk.room['id']}"
    ok(desk.centre.client().patch(path, {"active": False}, desk.centre.get(path).headers["ETag"]))
    spare = desk.centre.create_room(desk.clinic)
    absence = away(desk, at(1, 8), at(1, 12))
    assert proposed(absence)[0]["substitute"] is None
    assert proposed(absence)[0]["new_slot"]["room_id"] == spare["id"]
    desk.create_session(starts_at=at(3))
    local = at(3).date().isoformat()
    created(desk.centre.post("/closures", {"name_en": "Eid", "name_ar": "عيد", "starts_on": local, "ends_on": local}))
    [closed] = proposed(away(desk, at(3, 8), at(3, 12)))
    assert closed["substitute"] is None
    assert start_of(closed["new_slot"]) >= at(3, 21)  # the clinic's midnight


def test_a_substitute_is_who_knows_the_patient_else_the_least_loaded_that_day_else_the_first_by_name(
    desk: Desk,
) -> None:
    known, idle, busy = provider(desk, "Zahra"), provider(desk, "Basma"), provider(desk, "Amal")
    patient = desk.centre.create_patient()
    desk.create_participant(desk.create_session(provider_id=known["id"], starts_at=at(9)), patient)
    for hour in (6, 14):
        desk.create_session(provider_id=known["id"], starts_at=at(1, hour))
        desk.create_session(provider_id=busy["id"], starts_at=at(1, hour))
    desk.create_session(provider_id=idle["id"], starts_at=at(1, 14))
    first, second = desk.create_session(starts_at=at(1, 9)), desk.create_session(starts_at=at(1, 10))
    third, fourth = desk.create_session(starts_at=at(1, 11)), desk.create_session(starts_at=at(2, 9))
    desk.create_participant(first, patient)
    absence = away(desk, at(1, 8), at(2, 12))
    by_id = {hit["id"]: hit["proposal"]["substitute"]["provider"]["name_en"] for hit in absence["affected_sessions"]}
    # The third, because the second gave Basma a second session, and Amal is before her by name
    assert [by_id[s["id"]] for s in (first, second, third, fourth)] == ["Zahra", "Basma", "Amal", "Amal"]


def test_a_patients_sessions_go_to_the_same_substitute(desk: Desk) -> None:
    for name in ("Amal", "Basma", "Celine"):
        provider(desk, name)
    patient, other = desk.centre.create_patients(2)
    for n in range(3):
        desk.create_participant(desk.create_session(starts_at=at(1, 9 + 2 * n)), patient)
        desk.create_participant(desk.create_session(starts_at=at(1, 10 + 2 * n)), other)
    absence = away(desk, at(1, 8), at(1, 16))
    assert [p["substitute"]["provider"]["name_en"] for p in proposed(absence)] == ["Amal", "Basma"] * 3


def test_a_group_goes_to_whoever_knows_most_of_it(desk: Desk) -> None:
    few, most = provider(desk, "Amal"), provider(desk, "Zahra")
    patients = desk.centre.create_patients(3)
    for knowing, known in ((few, patients[:1]), (most, patients[1:])):
        there = desk.create_session(provider_id=knowing["id"], starts_at=at(9))
        for patient in known:
            desk.create_participant(there, patient)
    group = desk.create_session()
    for patient in patients:
        desk.create_participant(group, patient)
    assert proposed(away(desk, at(1, 8), at(1, 12)))[0]["substitute"]["provider_id"] == most["id"]


def test_a_new_slot_is_on_the_first_day_that_has_one_at_the_usual_time_if_that_is_free(desk: Desk) -> None:
    set_hours(desk, office(desk, "09:00", "13:00"))  # six to ten by `at`
    for starts_at in (at(2, 6), at(2, 7), at(2, 8), at(2, 9)):
        desk.create_session(starts_at=starts_at)  # the next day is full
    desk.create_session(starts_at=at(3, 7, 30))
    usual, taken = desk.create_session(starts_at=at(1, 8, 40)), desk.create_session(starts_at=at(1, 7, 40))
    absence = away(desk, at(1, 6), at(1, 12))
    by_id = {hit["id"]: start_of(hit["proposal"]["new_slot"]) for hit in absence["affected_sessions"]}
    assert by_id == {taken["id"]: at(3, 6), usual["id"]: at(3, 8, 40)}


def test_a_new_slot_is_after_the_absence_and_in_no_other_and_not_in_a_closure(desk: Desk) -> None:
    set_hours(desk, office(desk, "09:00", "11:00"))
    away(desk, at(2, 0), at(2, 12))
    local = at(3).date().isoformat()
    created(desk.centre.post("/closures", {"name_en": "Eid", "name_ar": "عيد", "starts_on": local, "ends_on": local}))
    session = desk.create_session(starts_at=at(1, 6))
    absence = away(desk, at(1, 5), at(1, 7, 10))
    assert start_of(proposed(absence)[0]["new_slot"]) == at(4, 6)
    ok(apply(desk, absence, item(session, "CANCEL")))
    desk.create_session(starts_at=at(5, 6))
    assert start_of(proposed(away(desk, at(5, 5), at(5, 6, 40)))[0]["new_slot"]) == at(5, 6, 45)


def test_a_session_is_not_in_its_own_way(desk: Desk) -> None:
    session = desk.create_session(starts_at=at(1, 9), room_id=desk.room["id"])
    desk.create_participant(session)
    absence = away(desk, at(1, 8), at(1, 9, 30))
    assert start_of(proposed(absence)[0]["new_slot"]) == at(1, 9, 30)
    assert proposed(absence)[0]["new_slot"]["room_id"] == desk.room["id"]
    ok(apply(desk, absence, item(session, "MOVE")))
    assert start_of(desk.session(session["id"])) == at(1, 9, 30)


def test_a_new_slot_has_the_same_room_or_else_another_that_is_free(desk: Desk) -> None:
    set_hours(desk, office(desk, "12:00", "13:00"))  # one session a day
    other, far = provider(desk), desk.centre.create_room(desk.centre.create_clinic())
    spare = desk.centre.create_room(desk.clinic, name="Aloe")  # before the session's own by name
    desk.create_session(room_id=desk.room["id"])
    desk.create_session(starts_at=at(2), provider_id=other["id"], room_id=desk.room["id"])
    absence = away(desk, at(1, 8), at(1, 12))
    slot = proposed(absence)[0]["new_slot"]
    assert (start_of(slot), slot["room"]["name"]) == (at(2), "Aloe")
    third = provider(desk)
    desk.create_session(starts_at=at(2), provider_id=third["id"], room_id=spare["id"])
    [again] = ok(desk.centre.get(f"{absence['path']}/proposals"))["items"]
    slot = again["proposal"]["new_slot"]
    assert (start_of(slot), slot["room_id"]) == (at(3), desk.room["id"])
    assert far["id"] not in str(again)


def test_what_one_session_has_is_not_proposed_to_another_that_may_move_alone(desk: Desk) -> None:
    set_hours(desk, office(desk, "12:00", "15:00"))
    first = desk.create_session(starts_at=at(1, 9), duration_minutes=20)
    beyond = desk.create_session(starts_at=at(1, 9, 20), duration_minutes=40)
    absence = away(desk, at(1, 8), at(1, 9, 30))
    assert [start_of(p["new_slot"]) for p in proposed(absence)] == [at(1, 10), at(1, 10, 30)]
    ok(apply(desk, absence, item(first, "MOVE"), item(beyond, "KEEP")))


def test_a_new_slot_finds_every_patient_of_the_session_free(desk: Desk) -> None:
    set_hours(desk, office(desk, "12:00", "13:00"))
    other = provider(desk, hours=[])
    patients = desk.centre.create_patients(3)
    group = desk.create_session()
    for day, patient in enumerate(patients, 2):
        desk.create_participant(group, patient)
        away_with = {"provider_id": other["id"], "starts_at": at(day, 9, 50), **OVERRIDE}
        desk.create_participant(desk.create_session(**away_with), patient)
    assert start_of(proposed(away(desk, at(1, 8), at(1, 12)))[0]["new_slot"]) == at(5)


@pytest.mark.parametrize("gap", [1, 2])
def test_new_slots_of_a_package_keep_its_distance_from_the_others_and_from_each_other(desk: Desk, gap: int) -> None:
    package = desk.create_package(gap_days=gap, total_sessions=3, preferred_time="10:00")
    starts = [datetime.fromisoformat(session["starts_at"]) for session in package["sessions"]]
    absence = away(desk, starts[0] - HOUR, starts[1] + 15 * HOUR)
    slots = [start_of(proposal["new_slot"]) for proposal in proposed(absence)]
    assert slots == [starts[2] + gap * DAY, starts[2] + 2 * gap * DAY]


def test_the_buffers_count_for_new_slots_as_for_any_booking(desk: Desk) -> None:
    set_hours(desk, office(desk, "12:00", "15:00"))
    kind = desk.centre.create_service_type(buffer_before_minutes=10, buffer_after_minutes=20)
    first = desk.create_session(service_type=kind["code"])
    second = desk.create_session(service_type=kind["code"], starts_at=at(1, 10, 30))
    desk.create_session(starts_at=at(2, 10, 15))  # leaves 75 minutes before, and 45 behind
    absence = away(desk, at(1, 8), at(1, 12))
    starts = [start_of(p["new_slot"]) for p in proposed(absence)]
    assert starts == [at(3, 9), at(3, 10, 30)]
    ok(apply(desk, absence, item(first, "MOVE"), item(second, "MOVE")))


def test_buffers_that_have_grown_since_count_in_the_room_that_stays(desk: Desk) -> None:
    other, neighbour = provider(desk), provider(desk, hours=[])
    session = desk.create_session(room_id=desk.room["id"])
    next_one = {"provider_id": neighbour["id"], "room_id": desk.room["id"], "starts_at": at(1, 10)}
    desk.create_session(**next_one, **OVERRIDE)
    path = f"/service-types/{desk.service_type['id']}"
    tag = desk.centre.get(path).headers["ETag"]
    ok(desk.centre.client().patch(path, {"buffer_after_minutes": 15}, tag))
    absence = away(desk, at(1, 8), at(1, 12))
    assert proposed(absence)[0]["substitute"] is None
    told = refused(apply(desk, absence, item(session, "SUBSTITUTE", provider_id=other["id"])))
    assert told == [(session["id"], "room-busy")]


def test_the_usual_time_is_that_of_the_clinics_clock(centre: Centre) -> None:
    sunday = clock_change(10)
    desk = Desk(centre, timezone="Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")

    def local(day: date, hour: int) -> datetime:
        return datetime(day.year, day.month, day.day, hour, tzinfo=berlin).astimezone(UTC)

    desk.create_session(starts_at=local(sunday - DAY, 10))
    absence = away(desk, local(sunday - DAY, 0), local(sunday, 0))
    assert start_of(proposed(absence)[0]["new_slot"]) == local(sunday, 10)
    assert local(sunday, 10) - local(sunday - DAY, 10) == 25 * HOUR


def test_a_slot_is_looked_for_in_thirty_days_and_the_reason_says_so(desk: Desk) -> None:
    set_hours(desk, office(desk, "12:00", "13:00"))
    session = desk.create_session(room_id=desk.room["id"])
    away(desk, at(2, 0), at(31, 8))
    absence = away(desk, at(1, 8), at(1, 12))
    assert start_of(proposed(absence)[0]["new_slot"]) == at(31)
    away(desk, at(31, 8), at(31, 12))
    [told] = ok(desk.centre.get(f"{absence['path']}/proposals"))["items"]
    reason = (
        "No other OT provider of the clinic is free at that time, and this one has no 60 free minutes with a room for "
        "all participants in the 30 days after the absence."
    )
    assert told["proposal"] == {"substitute": None, "new_slot": None, "reason": reason}
    for action in ("SUBSTITUTE", "MOVE"):
        assert refused(apply(desk, absence, item(session, action))) == [(session["id"], "no-proposal")]


def test_nothing_is_proposed_where_service_type_or_clinic_are_closed(desk: Desk) -> None:
    provider(desk)
    desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    for path in (f"/service-types/{desk.service_type['id']}", f"/clinics/{desk.clinic['id']}"):
        ok(desk.centre.client().patch(path, {"active": False}, desk.centre.get(path).headers["ETag"]))
        [told] = ok(desk.centre.get(f"{absence['path']}/proposals"))["items"]
        assert (told["proposal"]["substitute"], told["proposal"]["new_slot"]) == (None, None)
        assert told["proposal"]["reason"]
        ok(desk.centre.client().patch(path, {"active": True}, desk.centre.get(path).headers["ETag"]))
