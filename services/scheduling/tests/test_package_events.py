"""Packages' numbers, what others are told of them, and what a caller may send twice."""

from zoneinfo import ZoneInfo

from jalsa.service import clock

from . import courses
from .courses import DAY, START, block, nine, of, schedule
from .factories import Desk, created, ok, problem

office = courses.office


def test_packages_are_numbered_by_the_clinics_own_day(desk: Desk) -> None:
    ahead, behind = (Desk(desk.centre, timezone=zone) for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"))
    made = [one.create_package() for one in (ahead, behind, ahead, ahead, behind)]
    days = [clock.now().astimezone(ZoneInfo(one.clinic["timezone"])).strftime("%Y%m%d") for one in (ahead, behind)]
    assert days[0] > days[1]
    numbers = [package["package_number"] for package in made]
    assert numbers == [f"PKG-{days[i]}-{n:04}" for i, n in ((0, 1), (1, 1), (0, 2), (0, 3), (1, 2))]


def test_a_refused_package_takes_no_number(office: Desk) -> None:
    first = office.create_package()["package_number"]
    body = office.package_body(end_date=START + DAY, all_or_nothing=True)
    problem(office.centre.post("/packages", body), 409, "package-conflicts")
    assert int(office.create_package()["package_number"][-4:]) == int(first[-4:]) + 1


def test_others_are_told_of_the_package_once_and_of_each_appointment_as_of_any(office: Desk) -> None:
    package = office.create_package(end_date=START + 2 * DAY, room_required=True)
    tenant, kit = office.centre.tenant, office.centre.kit
    [made] = kit.events(tenant, "PackageCreated")
    assert (made.data["status"], made.data["package_number"]) == ("DRAFT", package["package_number"])
    [scheduled] = kit.events(tenant, "PackageScheduled")
    assert [e.subject for e in (made, scheduled)] == [f"package/{package['id']}"] * 2
    told = [(one["session_number"], one["appointment_id"], one["starts_at"]) for one in scheduled.data["sessions"]]
    assert told == of(package, "session_number", "appointment_id", "starts_at")[:3]
    assert (scheduled.data["cause"], scheduled.data["changed"], scheduled.data["unscheduled"]) == (
        "SCHEDULED",
        [1, 2, 3],
        [4],
    )
    booked = kit.events(tenant, "AppointmentBooked")
    assert [e.data["appointment_id"] for e in booked] == of(package, "appointment_id")[:3]
    assert [e.data["package"] for e in booked] == [
        {"id": package["id"], "number": package["package_number"], "session_number": n, "total_sessions": 4}
        for n in (1, 2, 3)
    ]
    assert {e.data["announced_with_package"] for e in booked} == {True}
    assert len(kit.events(tenant, "SessionScheduled")) == 3

    again = schedule(office, package, end_date=None)
    _, scheduled = kit.events(tenant, "PackageScheduled")
    assert [one["session_number"] for one in scheduled.data["sessions"]] == [1, 2, 3, 4]
    assert (scheduled.data["changed"], scheduled.data["unscheduled"]) == ([4], [])
    assert scheduled.data["sessions"][3]["appointment_id"] == again["sessions"][3]["appointment_id"]


def test_where_no_session_has_a_place_nobody_is_told_of_dates(office: Desk) -> None:
    block(office, 0)
    package = office.create_package(end_date=START)
    assert package["status"] == "DRAFT"
    names = [e.event.split(".")[0] for e in office.centre.kit.events(office.centre.tenant)]
    assert names[-1] == "PackageCreated"


def test_a_single_appointment_is_of_no_package(office: Desk) -> None:
    office.create_package(total_sessions=2)
    appointment = office.create_appointment(starts_at=nine(0, 12))
    told = office.centre.kit.events(office.centre.tenant, "AppointmentBooked")[-1].data
    assert told["appointment_id"] == appointment["id"]
    assert (told["package"], told["announced_with_package"]) == (None, False)
    for verb in ("confirm", "cancel"):
        ok(office.do(appointment, verb))


def test_the_same_request_sent_again_makes_no_second_package(office: Desk) -> None:
    body = office.package_body()
    answers = [created(office.centre.post("/packages", body, Idempotency_Key="k1")) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(ok(office.centre.get("/packages"))["items"]) == 1
    other = {**body, "total_sessions": 5}
    problem(office.centre.post("/packages", other, Idempotency_Key="k1"), 422, "idempotency-key-reused")


def test_a_package_is_scheduled_only_as_the_caller_saw_it(office: Desk) -> None:
    draft = office.create_package(auto_schedule=False)
    path = f"/packages/{draft['id']}"
    seen = office.centre.get(path).headers["ETag"]
    schedule(office, draft, session_numbers=[1])
    before = office.centre.state()
    problem(office.centre.post(f"{path}/schedule", {}, If_Match=seen), 412, "precondition-failed")
    assert office.centre.state() == before
    ok(office.centre.post(f"{path}/schedule", {}, If_Match=office.centre.get(path).headers["ETag"]))
