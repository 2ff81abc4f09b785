"""Who holds the sessions of a package, when and where: what a plan respects."""

import random
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from jalsa.dev.kit import ServiceKit
from jalsa.service import clock
from scheduling.appointments.operations.placing import Placement
from scheduling.directory import queries as directory
from scheduling.models import Clinic, Provider, Room
from scheduling.timetable.conflicts import conflicts

from . import courses
from .courses import DAY, HOUR, RIYADH, START, WEEKDAYS, block, colleague, nine, of, picked, schedule, shown, week, when
from .factories import Centre, Desk, as_json, at, created, hours_on, ok

office = courses.office


def test_the_provider_with_the_best_plan_holds_all_sessions(office: Desk) -> None:
    block(office, 0, 2)
    zaid = colleague(office)
    block(office, 2, provider_id=zaid["id"])
    plan = shown(office, provider_id=None, end_date=START + 3 * DAY)
    assert when(plan) == ["0 09:00", "1 09:00", "3 09:00", "period-over"]
    assert of(plan, "provider_id") == [zaid["id"]] * 3 + [None]
    plan = shown(office, provider_id=None, total_sessions=2)  # Layla is as good from the second day on, Zaid is sooner
    assert of(plan, "provider_id") == [zaid["id"]] * 2
    plan = shown(office, provider_id=None, total_sessions=2, start_date=START + 3 * DAY)
    assert of(plan, "provider_id") == [office.provider["id"]] * 2  # of equals the first by name


def test_where_one_is_to_hold_all_and_can_not_the_reason_speaks_of_that_one(office: Desk) -> None:
    zaid = colleague(office)
    block(office, 1)
    block(office, 0, 2, provider_id=zaid["id"])
    plan = shown(office, provider_id=None, total_sessions=3, end_date=START + 2 * DAY)
    assert when(plan) == ["0 09:00", "2 09:00", "period-over"]
    package = office.create_package(provider_id=None, total_sessions=3, end_date=START + 2 * DAY)
    assert of(package, "provider_id") == [office.provider["id"]] * 2 + [None]
    block(office, 3)
    again = schedule(office, package, end_date=START + 3 * DAY)
    assert again["sessions"][2]["scheduling_error"].startswith(
        "No free time of 60 minutes was found for the provider of the other sessions on "
    )
    assert schedule(office, package, end_date=START + 4 * DAY)["sessions"][2]["provider_id"] == office.provider["id"]


def test_where_nobody_can_hold_any_the_reason_speaks_of_all(office: Desk) -> None:
    block(office, 0)
    colleague(office, "Abel", hours=week(office.clinic, "09:00", "09:30"))  # the first by name
    plan = shown(office, provider_id=None, total_sessions=2, end_date=START)
    assert of(plan, "scheduling_error_code") == ["provider-busy"] * 2
    assert "for any provider of this clinic" in plan["sessions"][0]["scheduling_error"]


def test_any_provider_holds_any_session_where_they_may_differ(office: Desk) -> None:
    zaid = colleague(office)
    block(office, 1)
    body = {"provider_id": None, "use_multiple_providers": True, "total_sessions": 3}
    package = office.create_package(**body)
    assert when(package) == ["0 09:00", "1 09:00", "2 09:00"]
    layla = office.provider["id"]
    assert of(package, "provider_id") == [layla, zaid["id"], layla]
    assigned = [(a["session_number"], a["provider_id"], a["kind"]) for a in package["provider_assignments"]]
    assert assigned == [(1, layla, "CHOSEN"), (2, zaid["id"], "CHOSEN"), (3, layla, "CHOSEN")]


def test_what_a_plan_has_chosen_binds_no_later_plan(office: Desk) -> None:
    zaid = colleague(office)
    body = {"provider_id": None, "use_multiple_providers": True, "total_sessions": 2, "end_date": START + DAY}
    package = office.create_package(**body)
    assert of(package, "provider_id") == [office.provider["id"]] * 2
    ok(office.do({"id": package["sessions"][1]["appointment_id"]}, "cancel"))
    block(office, 1)
    again = schedule(office, package)
    assert when(again) == ["0 09:00", "1 09:00"]
    assert of(again, "provider_id") == [office.provider["id"], zaid["id"]]
    assert [a["kind"] for a in again["provider_assignments"]] == ["CHOSEN"] * 3


def test_each_session_is_held_by_whom_it_is_assigned_to(office: Desk) -> None:
    zaid = colleague(office)
    block(office, 1, provider_id=zaid["id"])
    named = [{"session_number": 2, "provider_id": zaid["id"]}]
    package = office.create_package(use_multiple_providers=True, provider_assignments=named, total_sessions=3)
    assert when(package) == ["0 09:00", "2 09:00", "3 09:00"]
    layla = office.provider["id"]
    assert of(package, "provider_id") == [layla, zaid["id"], layla]
    assigned = [(a["session_number"], a["provider_id"], a["kind"]) for a in package["provider_assignments"]]
    assert assigned == [(1, layla, "REQUESTED"), (2, zaid["id"], "REQUESTED"), (3, layla, "REQUESTED")]


def test_whoever_is_placed_by_hand_for_another_is_recorded_as_the_substitute(office: Desk) -> None:
    zaid = colleague(office)
    places = [{"session_number": 1, "starts_at": nine(0).isoformat(), "provider_id": zaid["id"]}]
    package = office.create_package(sessions=places)
    assert [(a["provider_id"], a["kind"]) for a in package["provider_assignments"] if a["session_number"] == 1] == [
        (office.provider["id"], "REQUESTED"),
        (zaid["id"], "SUBSTITUTE"),
    ]
    assert package["sessions"][0]["provider_id"] == zaid["id"]


def test_a_provider_who_has_left_is_not_planned_with(office: Desk) -> None:
    package = office.create_package(end_date=START + DAY)
    path = f"/providers/{office.provider['id']}"
    ok(office.centre.client().patch(path, {"active": False}, office.centre.get(path).headers["ETag"]))
    package = schedule(office, package, end_date=None)
    assert set(of(package, "scheduling_error_code")[2:]) == {"no-provider"}
    reason = "The assigned provider is no longer active, or has no working hours in this clinic."
    assert set(of(package, "scheduling_error")[2:]) == {reason}


def test_time_off_closures_other_sessions_their_buffers_and_the_patients_own_are_left_out(office: Desk) -> None:
    away = {"starts_at": nine(0, 0), "ends_at": nine(1, 0)}
    created(office.centre.post(f"/providers/{office.provider['id']}/time-off", as_json(away)))
    for day, clinic in ((1, office.clinic["id"]), (2, None)):
        on = (START + day * DAY).isoformat()
        closure = {"clinic_id": clinic, "name_en": "Closed", "name_ar": "مغلق", "starts_on": on, "ends_on": on}
        created(office.centre.post("/closures", closure))
    buffered = office.centre.create_service_type(buffer_before_minutes=15, buffer_after_minutes=30)["code"]
    block(office, 3, hours=1, service_type=buffered)  # until 10:30 with its buffer
    patient = office.centre.create_patient()
    for day in (3, 4):
        office.create_appointment(
            starts_at=nine(day, 11), patient_id=patient, provider_id=colleague(office)["id"], duration_minutes=300
        )
    plan = shown(office, patient_id=patient, total_sessions=2)
    assert when(plan) == ["3 16:00", "4 16:00"]
    plan = shown(office, patient_id=patient, total_sessions=2, service_type=buffered)
    assert when(plan) == ["3 16:00", "4 16:00"]
    assert when(shown(office, total_sessions=2)) == ["3 10:30", "4 10:30"]
    assert when(shown(office, total_sessions=2, service_type=buffered)) == ["3 10:45", "4 10:45"]


def test_rooms_are_the_same_where_they_can_be_and_never_another_clinics(office: Desk) -> None:
    office.centre.create_room(office.centre.create_clinic(), name="A")
    first = office.centre.create_room(office.clinic, name="B")
    assert set(of(shown(office, room_required=True), "room_id")) == {first["id"]}
    assert set(of(shown(office), "room_id")) == {None}
    taker = colleague(office)["id"]
    block(office, 1, room_id=first["id"], provider_id=taker)
    plan = shown(office, room_required=True, end_date=START + 3 * DAY)
    assert of(plan, "room_id") == [first["id"], office.room["id"], first["id"], first["id"]]
    plan = shown(office, room_id=first["id"], end_date=START + 3 * DAY)
    assert when(plan) == ["0 09:00", "2 09:00", "3 09:00", "period-over"]
    block(office, 2, 3, room_id=first["id"], provider_id=taker)
    plan = shown(office, room_id=first["id"], end_date=START + 3 * DAY)
    assert when(plan) == ["0 09:00", *["room-busy"] * 3]


@pytest.mark.parametrize("wanted", [[0], [6, 0], [3]])
def test_preferred_days_are_counted_from_sunday(desk: Desk, wanted: list[int]) -> None:
    plan = shown(desk, preferred_days=wanted, total_sessions=10)
    days = [date.fromisoformat(day) for day in of(plan, "scheduled_date")]
    assert {day.strftime("%A") for day in days} == {WEEKDAYS[day] for day in wanted}


def test_without_an_end_the_horizon_is_ninety_days_of_which_the_last_is_one(office: Desk) -> None:
    closed = {"name_en": "Works", "name_ar": "أعمال", "starts_on": START.isoformat()}
    created(office.centre.post("/closures", {**closed, "ends_on": (START + 88 * DAY).isoformat()}))
    plan = shown(office)
    assert when(plan) == ["89 09:00", *["period-over"] * 3]
    assert [one["kind"] for one in plan["sessions"][1]["alternatives"]] == ["LATER"]
    assert when(shown(office, end_date=START + 88 * DAY)) == ["outside-working-hours"] * 4


def test_what_begins_today_begins_later_than_now(desk: Desk) -> None:
    today = clock.now().astimezone(RIYADH).date()
    first = shown(desk, start_date=today, end_date=today + DAY, total_sessions=2)["sessions"][0]
    assert datetime.fromisoformat(first["starts_at"]) > clock.now()


def random_centre(kit: ServiceKit, tenant: str, seed: int) -> tuple[Desk, dict[str, Any]]:
    """A clinic with random hours, absences, closures, sessions and buffers, and what is asked of a plan there."""
    chance = random.Random(seed)
    desk = Desk(Centre(kit, tenant), timezone=chance.choice(["Asia/Riyadh", "Europe/Berlin", "Asia/Kathmandu"]))
    centre = desk.centre

    def start() -> datetime:
        return at(chance.randrange(10), 0) + chance.randrange(96) * timedelta(minutes=15)

    def buffers() -> dict[str, int]:
        return {f"buffer_{side}_minutes": chance.choice([0, 0, 10, 45]) for side in ("before", "after")}

    def hours() -> list[dict[str, Any]]:
        some_days = [day for day in range(7) if chance.random() < 0.8]
        return [
            hours_on(day, desk.clinic, *chance.choice([("00:00", "00:00"), ("07:10", "15:00"), ("13:00", "00:00")]))
            for day in some_days
        ]

    services = [centre.create_service_type(**buffers())["code"] for _ in range(3)]
    providers = [centre.create_provider(desk.clinic, hours=hours(), name_en=name) for name in ("Ada", "Ben", "Cem")]
    rooms = [desk.room, centre.create_room(desk.clinic)]
    patient = centre.create_patient()
    for _ in range(40):  # what does not fit is refused
        body = desk.placement(
            starts_at=start(),
            duration_minutes=chance.choice([15, 60, 150]),
            service_type=chance.choice(services),
            provider_id=chance.choice(providers)["id"],
            room_id=chance.choice([None, *(room["id"] for room in rooms)]),
            patient_id=patient if chance.random() < 0.3 else centre.create_patient(),
            override={"reason": "However it fits"},
        )
        centre.post("/appointments", body)
    for provider in providers:
        away = start()
        body = {"starts_at": away, "ends_at": away + chance.randrange(1, 30) * HOUR}
        created(centre.post(f"/providers/{provider['id']}/time-off", as_json(body)))
    closed = (START + chance.randrange(8) * DAY).isoformat()
    closure = {"name_en": "Closed", "name_ar": "مغلق", "starts_on": closed, "ends_on": closed}
    created(centre.post("/closures", {**closure, "clinic_id": chance.choice([None, desk.clinic["id"]])}))
    return desk, {
        "patient_id": patient,
        "service_type": chance.choice(services),
        "provider_id": None,
        "use_multiple_providers": chance.random() < 0.7,
        "session_duration_minutes": chance.choice([30, 60, 200]),
        "total_sessions": 8,
        "end_date": START + 9 * DAY,
        "preferred_time": chance.choice([None, "23:45", "MORNING", "14:00"]),
        "tolerance_days": chance.choice([0, 2]),
        "room_required": chance.random() < 0.5,
    }


@pytest.mark.parametrize("seed", range(8))
def test_the_rule_of_a_booking_allows_everything_that_was_planned(kit: ServiceKit, tenant: str, seed: int) -> None:
    desk, wishes = random_centre(kit, tenant, seed)
    planned = [s for s in shown(desk, **wishes)["sessions"] if s["status"] == "SCHEDULED"]
    assert len(planned) > 2
    with kit.transaction(tenant) as db:
        service = directory.find_service_type(db, wishes["service_type"])
        assert service
        for session in planned:
            placement = Placement.of(
                db.get_one(Clinic, UUID(desk.clinic["id"])),
                db.get_one(Provider, UUID(session["provider_id"])),
                db.get_one(Room, UUID(session["room_id"])) if session["room_id"] else None,
                service,
                datetime.fromisoformat(session["starts_at"]),
                datetime.fromisoformat(session["ends_at"]),
            )
            assert conflicts(db, placement) == []
    for session in planned:  # and beside each other, and the patient's own
        desk.create_appointment(
            **picked(session, "starts_at", "provider_id", "room_id"),
            duration_minutes=wishes["session_duration_minutes"],
            **{name: wishes[name] for name in ("patient_id", "service_type")},
        )
