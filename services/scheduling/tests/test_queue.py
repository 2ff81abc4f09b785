"""Appointments across sessions as a list, and those who have arrived as a queue."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jalsa.service import clock

from .factories import EARLY, Centre, Desk, at, ok, problem
from .test_lists import ids, pages

SINCE = {"override": {"reason": "known at the desk"}}


def arrive(desk: Desk, participant: dict[str, Any], moment: datetime, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: moment)
        ok(desk.centre.post(f"/participants/{participant['id']}/check-in", SINCE))
    return str(participant["id"])


def test_the_queue_is_in_the_order_of_arrival_with_how_long_each_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = desk.create_session(starts_at=at(1, 9)), desk.create_session(starts_at=at(1, 11))
    third, first, second, coming = (desk.create_participant(s) for s in (early, late, early, early))
    arrive(desk, first, at(1, 8, 50), monkeypatch)
    arrive(desk, second, at(1, 9, 0), monkeypatch)
    arrive(desk, third, at(1, 9, 7), monkeypatch)
    moment = at(1, 9, 30) + timedelta(seconds=59)
    monkeypatch.setattr(clock, "now", lambda: moment)
    queue = ok(desk.centre.get("/queue", clinic_id=desk.clinic["id"]))["items"]
    assert [(e["id"], e["position"], e["waiting_minutes"], e["late_minutes"]) for e in queue] == [
        (first["id"], 1, 40, 0),
        (second["id"], 2, 30, 0),
        (third["id"], 3, 23, 7),
    ]
    assert queue[0].items() >= desk.participant(first["id"]).items()
    assert coming["id"] not in {e["id"] for e in queue}
    assert pages(desk.centre, "/queue", 2, clinic_id=desk.clinic["id"]) == [[first["id"], second["id"]], [third["id"]]]
    rest = ok(desk.centre.get("/queue", clinic_id=desk.clinic["id"], limit=2))
    [last] = ok(desk.centre.get("/queue", clinic_id=desk.clinic["id"], cursor=rest["next_cursor"]))["items"]
    assert last["position"] == 3


def test_nobody_waits_for_a_session_of_yesterday(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    participant = desk.create_participant(desk.create_session(starts_at=at(1, 9)))
    arrive(desk, participant, at(1, 8, 50), monkeypatch)
    for moment, waiting in ((at(1, 21, 59), [participant["id"]]), (at(1, 22), [])):
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        assert ids(desk.centre, "/queue", clinic_id=desk.clinic["id"]) == waiting


def test_who_is_done_or_in_another_clinic_does_not_wait_here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = desk.centre.create_clinic()
    provider = desk.centre.create_provider(elsewhere)
    there = desk.create_session(clinic_id=elsewhere["id"], provider_id=provider["id"])
    session, over = desk.create_session(), desk.create_session(starts_at=at(1, 12))
    waiting, attended, elsewhere_, done = (desk.create_participant(s) for s in (session, session, there, over))
    for participant in (waiting, attended, elsewhere_, done):
        arrive(desk, participant, at(1, 8), monkeypatch)
    ok(desk.centre.post(f"/participants/{attended['id']}/attend"))
    for verb in ("start", "complete"):
        ok(desk.centre.post(f"/sessions/{over['id']}/{verb}", EARLY))
    assert ids(desk.centre, "/queue", clinic_id=desk.clinic["id"]) == [waiting["id"]]
    ok(desk.centre.post(f"/sessions/{session['id']}/start", EARLY))
    assert ids(desk.centre, "/queue", clinic_id=desk.clinic["id"]) == [waiting["id"]]
    assert ids(desk.centre, "/queue", clinic_id=elsewhere["id"]) == [elsewhere_["id"]]
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    assert ids(stranger, "/queue", clinic_id=desk.clinic["id"]) == []


def test_appointments_are_listed_by_their_sessions_start(desk: Desk) -> None:
    late, early = desk.create_session(starts_at=at(3)), desk.create_session(starts_at=at(1))
    booked = [desk.create_participant(session)["id"] for session in (late, early, late, early)]
    order = [*sorted([booked[1], booked[3]]), *sorted([booked[0], booked[2]])]
    assert ids(desk.centre, "/appointments") == order
    assert pages(desk.centre, "/appointments", 3) == [order[:3], order[3:]]
    assert ok(desk.centre.get("/appointments", limit=1))["items"] == [desk.participant(order[0])]


def test_appointments_are_filtered_by_each_of_their_parts(desk: Desk) -> None:
    clinic = desk.centre.create_clinic()
    provider = desk.centre.create_provider(clinic)
    service_type = desk.centre.create_service_type()
    plain = desk.create_appointment(starts_at=at(1))
    other = desk.create_appointment(
        starts_at=at(2), clinic_id=clinic["id"], provider_id=provider["id"], service_type=service_type["code"]
    )
    ok(desk.centre.post(f"/participants/{other['id']}/confirm"))
    for query in (
        {"patient_id": other["patient_id"]},
        {"clinic_id": clinic["id"]},
        {"provider_id": provider["id"]},
        {"service_type": service_type["code"]},
        {"status": "CONFIRMED"},
        {"from": at(2).isoformat()},
        {"text": other["appointment_number"]},
        {"text": other["appointment_number"].lower()},
        {"text": other["appointment_number"][-3:], "clinic_id": clinic["id"]},
    ):
        assert ids(desk.centre, "/appointments", **query) == [other["id"]], query
    assert ids(desk.centre, "/appointments", to=at(2).isoformat()) == [plain["id"]]
    for query in (
        {"patient_id": uuid4()},
        {"service_type": "NO-SUCH"},
        {"text": "%" * 2},
        {"text": "A_T"},
        {"text": "\\\\"},
    ):
        assert ids(desk.centre, "/appointments", **query) == [], query
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    assert ids(stranger, "/appointments", text=other["appointment_number"]) == []
    assert ids(stranger, "/appointments", patient_id=other["patient_id"]) == []


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/queue", {}, "clinic_id"),
        ("/queue", {"clinic_id": "x"}, "clinic_id"),
        ("/queue", {"clinic_id": uuid4(), "cursor": "AAAA"}, "cursor"),
        ("/appointments", {"status": "LATE"}, "status"),
        ("/appointments", {"patient_id": "7"}, "patient_id"),
        ("/appointments", {"text": "a"}, "text"),
        ("/appointments", {"text": "a\x00b"}, "text"),
        ("/appointments", {"from": "2026-11-20T09:00:00"}, "from"),
        ("/sessions", {"to": "2026-02-30"}, "to"),
        ("/appointments", {"cursor": "AAAA"}, "cursor"),
        ("/sessions", {"text": "a"}, "text"),
        ("/sessions", {"text": " a "}, "text"),
        ("/sessions", {"text": "x" * 61}, "text"),
        ("/sessions", {"order": "up"}, "order"),
        ("/sessions", {"room_id": "x"}, "room_id"),
        ("/sessions", {"series_id": "x"}, "series_id"),
    ],
)
def test_a_bad_query_names_its_field(calm: Desk, path: str, query: dict[str, Any], field: str) -> None:
    assert list(problem(calm.centre.get(path, **query), 422, "validation-error")["errors"]) == [field]


def test_sessions_are_found_by_the_names_and_numbers_that_belong_to_them(desk: Desk) -> None:
    centre = desk.centre
    clinic = centre.create_clinic(name_en="Northern branch", name_ar="فرع الشمال")
    room = centre.create_room(clinic, name="Blue 50%_off")
    provider = centre.create_provider(clinic, name_en="Omar Alharbi", name_ar="عمر الحربي")
    kind = centre.create_service_type(name_en="Sensory play", name_ar="لعب حسي")
    placement = {"clinic_id": clinic["id"], "provider_id": provider["id"], "room_id": room["id"]}
    wanted = desk.create_session(service_type=kind["code"], **placement)
    participant = desk.create_participant(wanted)
    other = desk.create_session()
    desk.create_participant(other)
    for piece in (
        "northern",
        "الشمال",
        "omar ALHARBI",
        "الحربي",
        "sensory",
        "حسي",
        "blue",
        "50%_OFF",
        wanted["session_number"],
        wanted["session_number"].lower(),
        participant["appointment_number"],
    ):
        assert ids(centre, "/sessions", text=piece) == [wanted["id"]], piece
    assert ids(centre, "/sessions", text="occupational") == [other["id"]]
    both = {wanted["id"], other["id"]}
    assert set(ids(centre, "/sessions", text=wanted["session_number"][-9:-2])) == both  # 2026-000
    for piece in ("5__off", "%%", "APT", "SES-", "APT-NOBODY-2026-00001", "\\\\", "no such thing"):
        assert ids(centre, "/sessions", text=piece) == [], piece
    assert ids(centre, "/sessions", room_id=room["id"]) == [wanted["id"]]
    assert ids(centre, "/sessions", series_id=uuid4()) == []
    stranger = Centre(centre.kit, f"{centre.tenant}x")
    assert ids(stranger, "/sessions", text=participant["appointment_number"]) == []


def test_sessions_are_listed_from_the_last_one_too(desk: Desk) -> None:
    provider = desk.centre.create_provider(desk.clinic)
    made = [desk.create_session(starts_at=at(day))["id"] for day in (1, 2, 3)]
    twin = desk.create_session(starts_at=at(2), provider_id=provider["id"])["id"]
    order = [made[2], *sorted([made[1], twin], reverse=True), made[0]]
    assert ids(desk.centre, "/sessions", order="desc") == order
    assert pages(desk.centre, "/sessions", 1, order="desc") == [[one] for one in order]
    assert ids(desk.centre, "/sessions", order="asc") == order[::-1]


@settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.sampled_from(["asc", "desc"]),
    limit=st.integers(1, 3),
    inserted=st.lists(st.integers(0, 23), min_size=1, max_size=4, unique=True),
)
def test_a_list_that_grows_while_it_is_read_shows_each_of_the_old_sessions_once(
    kit: Any, order: str, limit: int, inserted: list[int]
) -> None:
    desk = Desk(Centre(kit, f"t{uuid4().hex[:12]}"))
    old = {desk.create_session(starts_at=at(1, hour), duration_minutes=30)["id"] for hour in range(1, 24, 6)}
    waiting, seen, cursor = list(inserted), [], None
    while True:
        page = ok(desk.centre.get("/sessions", limit=limit, order=order, **({"cursor": cursor} if cursor else {})))
        seen += [item["id"] for item in page["items"]]
        if waiting:
            desk.create_session(starts_at=at(1, waiting.pop(), 30), duration_minutes=30)
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert old <= set(seen)
