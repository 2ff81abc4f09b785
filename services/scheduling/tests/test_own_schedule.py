"""A clinician changes the own schedule and nobody else's. The desk and managers change everybody's."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client

from .factories import Desk, as_json, at, created, ok, problem
from .waiting import WaitingDesk

#: Makes what it is about, of the desk's provider, and returns a call that changes it.
Case = Callable[[Desk], Callable[[Client], TestResponse]]


def colleague(desk: Desk) -> dict[str, Any]:
    return desk.centre.create_provider(desk.clinic, name_en="Zaid Omar", user_id=f"zaid-{uuid4()}")


def clinician(desk: Desk, provider: dict[str, Any] | None = None, **claims: Any) -> Client:
    """The desk's provider, or another one."""
    given = {"provider_id": (provider or desk.provider)["id"], "subject": "clinician", **claims}
    return desk.centre.kit.client(desk.centre.tenant, "clinician", **given)


def posted(path: str, **body: Any) -> Callable[[Client], TestResponse]:
    return lambda client: client.post(path, as_json(body))


def patched(desk: Desk, path: str, **body: Any) -> Callable[[Client], TestResponse]:
    tag = desk.centre.get(path).headers["ETag"]
    return lambda client: client.patch(path, body, "*" if tag else None)


def of_session(verb: str, **body: Any) -> Case:
    return lambda desk: posted(f"/sessions/{desk.create_session()['id']}/{verb}", **body)


def of_participant(verb: str, **body: Any) -> Case:
    return lambda desk: posted(f"/participants/{desk.create_appointment()['id']}/{verb}", **body)


def of_package(verb: str, **body: Any) -> Case:
    return lambda desk: posted(f"/packages/{desk.create_package()['id']}/{verb}", **body)


def join(desk: Desk) -> Callable[[Client], TestResponse]:
    return posted(f"/series/{desk.create_series()['id']}/members", patient_id=desk.centre.create_patient())


def leave(desk: Desk) -> Callable[[Client], TestResponse]:
    path = f"/series/{desk.create_series()['id']}/members"
    member = created(desk.centre.post(path, {"patient_id": desk.centre.create_patient()}))
    return posted(f"{path}/{member['id']}/leave")


def remove_absence(desk: Desk) -> Callable[[Client], TestResponse]:
    path = f"/providers/{desk.provider['id']}/time-off"
    absence = created(desk.centre.post(path, as_json({"starts_at": at(50), "ends_at": at(51)})))
    return lambda client: client.call("DELETE", f"{path}/{absence['id']}", headers={"If-Match": "*"})


def apply_absence(desk: Desk) -> Callable[[Client], TestResponse]:
    session = desk.create_session(starts_at=at(50))
    path = f"/providers/{desk.provider['id']}/time-off"
    absence = created(desk.centre.post(path, as_json({"starts_at": at(50), "ends_at": at(51)})))
    return posted(f"{path}/{absence['id']}/apply", items=[{"session_id": session["id"], "action": "CANCEL"}])


CHANGES: dict[str, Case] = {
    "session": lambda desk: posted("/sessions", **desk.session_body()),
    "patch session": lambda desk: patched(desk, f"/sessions/{desk.create_session()['id']}", max_capacity=4),
    "reschedule session": of_session("reschedule", starts_at=at(2)),
    "cancel session": of_session("cancel"),
    "cancel series": lambda desk: posted(
        f"/sessions/{desk.series_sessions(desk.create_series())[0]['id']}/cancel", scope="ALL"
    ),
    "book": lambda desk: posted(
        f"/sessions/{desk.create_session()['id']}/participants", patient_id=desk.centre.create_patient()
    ),
    "appointment": lambda desk: posted("/appointments", **desk.placement(patient_id=desk.centre.create_patient())),
    "notes": lambda desk: patched(desk, f"/participants/{desk.create_appointment()['id']}", notes="new"),
    "confirm": of_participant("confirm"),
    "cancel": of_participant("cancel"),
    "reschedule": of_participant("reschedule", starts_at=at(2)),
    "series": lambda desk: posted("/series", **desk.series_body()),
    "join": join,
    "leave": leave,
    "package": lambda desk: posted("/packages", **desk.package_body()),
    "cancel package": of_package("cancel"),
    "pause package": of_package("pause"),
    "shift package": of_package("shift", from_session_number=1, days=1),
    "move one of a package": of_package("sessions/1/reschedule", starts_at=at(0, 12)),
    "cancel one of a package": of_package("sessions/1/cancel"),
    "time off": lambda desk: posted(f"/providers/{desk.provider['id']}/time-off", starts_at=at(50), ends_at=at(51)),
    "no time off": remove_absence,
    "apply": apply_absence,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_clinician_changes_the_own_and_nothing_else(desk: Desk, name: str) -> None:
    other = colleague(desk)
    change = CHANGES[name](desk)
    before = desk.centre.state()
    for stranger in (clinician(desk, other), clinician(desk, provider_id="layla"), clinician(desk, provider_id=None)):
        problem(change(stranger), 403, "forbidden")
    records_too = desk.centre.kit.client(desk.centre.tenant, "clinician", "records", provider_id=other["id"])
    problem(change(records_too), 403, "forbidden")
    assert desk.centre.state() == before
    assert change(clinician(desk)).status_code in (200, 201, 204)


@pytest.mark.parametrize("role", ["front-desk", "manager", "integration"])
def test_the_desk_and_managers_change_everybodys(desk: Desk, role: str) -> None:
    for name in ("session", "reschedule session", "package", "time off"):
        change = CHANGES[name](desk)
        claims = {"provider_id": str(uuid4()), "subject": f"both-{role}"}
        both = desk.centre.kit.client(desk.centre.tenant, "clinician", role, **claims)
        assert change(both).status_code in (200, 201), name
        desk = Desk(desk.centre)


def test_nothing_is_put_into_somebody_elses_schedule(desk: Desk) -> None:
    other = colleague(desk)
    own, theirs = desk.create_session(), desk.create_session(provider_id=other["id"], starts_at=at(3))
    appointment = desk.create_appointment(starts_at=at(4))
    package = desk.create_package(start_date=at(10).date())
    patient = desk.centre.create_patient()
    before = desk.centre.state()
    me = clinician(desk)
    handed_over: list[tuple[str, dict[str, Any]]] = [
        (f"/sessions/{own['id']}/reschedule", {"starts_at": at(1), "provider_id": other["id"]}),
        (f"/participants/{appointment['id']}/reschedule", {"starts_at": at(4), "provider_id": other["id"]}),
        (f"/participants/{appointment['id']}/reschedule", {"session_id": theirs["id"]}),
        (f"/packages/{package['id']}/substitute", {"from_session_number": 1, "provider_id": other["id"]}),
        (
            f"/packages/{package['id']}/sessions/1/reschedule",
            {"starts_at": at(10, 15), "provider_id": other["id"]},
        ),
        ("/packages", desk.package_body(patient_id=patient, provider_id=other["id"], start_date=at(10).date())),
        (
            "/packages",
            desk.package_body(
                patient_id=patient,
                provider_id=desk.provider["id"],
                use_multiple_providers=True,
                provider_assignments=[{"session_number": 2, "provider_id": other["id"]}],
                start_date=at(30).date(),
            ),
        ),
    ]
    for path, body in handed_over:
        problem(me.post(path, as_json(body)), 403, "forbidden")
    assert desk.centre.state() == before


def test_a_series_with_one_session_of_a_colleague_is_changed_by_the_desk(desk: Desk) -> None:
    series = desk.create_series()
    sessions = desk.series_sessions(series)
    moved = {"starts_at": sessions[2]["starts_at"], "provider_id": colleague(desk)["id"]}
    ok(desk.move(sessions[2], "reschedule", **moved))
    me, patient = clinician(desk), {"patient_id": desk.centre.create_patient()}
    problem(me.post(f"/sessions/{sessions[0]['id']}/cancel", {"scope": "ALL"}), 403, "forbidden")
    problem(me.post(f"/series/{series['id']}/members", patient), 403, "forbidden")
    ok(me.post(f"/sessions/{sessions[0]['id']}/cancel", {}))


def test_an_offered_place_is_taken_by_its_own_provider(desk: Desk) -> None:
    waiting = WaitingDesk(desk.centre)
    _, entry = waiting.offered()
    path = f"/waitlist/{entry['id']}/accept"
    problem(clinician(desk).post(path), 403, "forbidden")
    assert waiting.entry(entry)["status"] == "OFFERED"
    created(clinician(desk, waiting.provider).post(path))
