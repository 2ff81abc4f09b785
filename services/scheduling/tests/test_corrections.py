"""What was set up wrongly is put right by a manager who says why. A zone is one in which everybody can reckon."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError
from werkzeug.test import TestResponse

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.kit import ServiceKit
from jalsa.service import zones
from jalsa.service.ids import new_id
from scheduling.app import SERVICE

from .factories import Centre, Desk, at, created, hours_on, ok, problem


def patch(centre: Centre, path: str, **body: Any) -> TestResponse:
    return centre.client().patch(path, body, centre.get(path).headers["ETag"])


@pytest.mark.parametrize(
    "zone", ["localtime", "Factory", "posixrules", "right/Asia/Riyadh", "AST-3", "Asia/Nowhere", "GMT+3", "+03:00"]
)
def test_what_is_no_zone_of_a_place_is_refused(desk: Desk, zone: str) -> None:
    body = {"code": "ZONE", "name_en": "X", "name_ar": "س", "timezone": zone}
    assert list(problem(desk.centre.post("/clinics", body), 422, "validation-error")["errors"]) == ["timezone"]
    refused = patch(desk.centre, f"/clinics/{desk.clinic['id']}", timezone=zone, reason="moved")
    assert list(problem(refused, 422, "validation-error")["errors"]) == ["timezone"]


def test_a_zone_that_the_database_does_not_know_is_refused_even_where_this_machine_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zones, "is_known", lambda _: True)
    monkeypatch.setattr("jalsa.service.fields.ZoneInfo", lambda name: type("Zone", (), {"key": name}))
    before = desk.centre.state()
    body = {"code": "MARS", "name_en": "Mars", "name_ar": "المريخ", "timezone": "Mars/Olympus"}
    assert list(problem(desk.centre.post("/clinics", body), 422, "validation-error")["errors"]) == ["timezone"]
    refused = patch(desk.centre, f"/clinics/{desk.clinic['id']}", timezone="Mars/Olympus", reason="moved")
    assert list(problem(refused, 422, "validation-error")["errors"]) == ["timezone"]
    assert desk.centre.state() == before


def test_the_database_takes_no_zone_in_which_it_can_not_reckon_whoever_writes_it(desk: Desk) -> None:
    with desk.centre.kit.transaction(desk.centre.tenant) as db, pytest.raises(DataError):
        db.execute(text("UPDATE clinics SET timezone = 'Mars/Olympus'"))


def test_every_zone_that_may_be_chosen_is_one_that_the_database_knows(kit: ServiceKit) -> None:
    with kit.transaction("anybody") as db:
        known = set(db.execute(text("SELECT name FROM pg_timezone_names")).scalars())
    assert {name for name in zones._known() if zones.is_place(name)} <= known


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("clinic", "code", "RIGHT"),
        ("clinic", "timezone", "Asia/Dubai"),
        ("provider", "user_id", "right"),
        ("provider", "discipline", "SLP"),
    ],
)
def test_a_correction_needs_a_reason_which_the_history_keeps(desk: Desk, kind: str, field: str, value: str) -> None:
    centre, record = desk.centre, {"clinic": desk.clinic, "provider": desk.provider}[kind]
    path, before = f"/{kind}s/{record['id']}", centre.state()
    assert list(problem(patch(centre, path, **{field: value}), 422, "validation-error")["errors"]) == ["reason"]
    assert centre.state() == before
    ok(patch(centre, path, **{field: record[field], "name_en": "Same"}))  # nothing is corrected
    corrected = ok(patch(centre, path, **{field: value, "reason": "A slip at the opening"}))
    assert corrected[field] == value
    assert "reason" not in corrected
    entry = ok(centre.get(f"/history/{kind}/{record['id']}", limit=200))["items"][-1]
    assert entry["reason"] == "A slip at the opening"
    assert entry["changes"] == [{"field": field, "before": record[field], "after": value, "withheld": False}]
    [*_, event] = centre.kit.events(centre.tenant, f"{kind.capitalize()}Saved")
    assert event.data[field] == value


def test_only_a_manager_corrects(desk: Desk) -> None:
    for role in ("front-desk", "clinician", "records", "integration"):
        client = desk.centre.client(role)
        for path, body in (
            (f"/clinics/{desk.clinic['id']}", {"code": "X", "reason": "r"}),
            (f"/providers/{desk.provider['id']}", {"user_id": "x", "reason": "r"}),
        ):
            problem(client.patch(path, body, "*"), 403, "forbidden")


def test_a_correction_to_what_another_has_is_refused(desk: Desk) -> None:
    other = desk.centre.create_clinic()
    colleague = desk.centre.create_provider(other, user_id="Colleague")
    taken = patch(desk.centre, f"/clinics/{desk.clinic['id']}", code=other["code"], reason="r")
    problem(taken, 409, "code-taken")
    for login in (colleague["user_id"], "COLLEAGUE"):
        taken = patch(desk.centre, f"/providers/{desk.provider['id']}", user_id=login, reason="r")
        problem(taken, 409, "user-taken")


def test_a_corrected_zone_moves_wall_times_and_no_session(centre: Centre) -> None:
    """Hours, days of closures and local days of lists go by the new zone. What is booked keeps its instant."""
    desk = Desk(centre, timezone="America/Los_Angeles")
    provider = centre.create_provider(
        desk.clinic, hours=[hours_on(day, desk.clinic, "09:00", "10:00") for day in range(7)]
    )
    late = desk.create_session(starts_at=at(1, 22))  # the second day in Riyadh, the first in Los Angeles
    corrected = ok(patch(centre, f"/clinics/{desk.clinic['id']}", timezone="Asia/Riyadh", reason="Not in California"))
    assert corrected["timezone"] == "Asia/Riyadh"
    session = desk.session(late["id"])
    assert (session["starts_at"], session["session_number"]) == (late["starts_at"], late["session_number"])
    assert session["timezone"] == "Asia/Riyadh"
    second = at(2).date()
    listed = ok(centre.get("/sessions", **{"from": str(second), "to": str(second)}))["items"]
    assert [item["id"] for item in listed] == [late["id"]]
    query = {"clinic_id": desk.clinic["id"], "from": str(second), "to": str(second)}
    shown = ok(centre.get("/calendar", **query))["providers"]
    [hours] = [one["working_hours"] for one in shown if one["id"] == provider["id"]]
    assert [one["starts_at"] for one in hours] == [at(2, 6).isoformat().replace("+00:00", "Z")]
    place = {"provider_id": provider["id"], "starts_at": at(2, 6).isoformat()}
    created(centre.post("/sessions", desk.session_body(**place)))


def test_a_corrected_code_stands_in_new_events_and_in_no_old_number(desk: Desk) -> None:
    first = desk.create_appointment()
    ok(patch(desk.centre, f"/clinics/{desk.clinic['id']}", code="NEW", reason="Typing error"))
    assert desk.participant(first["id"])["appointment_number"] == first["appointment_number"]
    desk.create_appointment(starts_at=at(2))
    codes = [e.data["clinic"]["code"] for e in desk.centre.kit.events(desk.centre.tenant, "AppointmentBooked")]
    assert codes == [desk.clinic["code"], "NEW"]


def test_what_was_stored_before_is_kept_and_can_be_put_right(scratch_kit: ServiceKit, tenant: str) -> None:
    """A zone of which the database knows nothing, and names that are one as they are compared now."""
    folder, owner = migrations_folder(SERVICE), scratch_kit.config.database_owner_url
    migrate(folder, owner, "base")
    migrate(folder, owner, "0005")
    clinic, rooms, providers = new_id(), [new_id() for _ in range(3)], [new_id() for _ in range(2)]
    with scratch_kit.transaction(tenant) as db:
        db.execute(
            text("""
                INSERT INTO clinics (id, code, name_en, name_ar, timezone, active)
                VALUES (:id, 'C', 'Mars', 'المريخ', 'Mars/Olympus', true)
            """),
            {"id": clinic},
        )
        add_room = text("INSERT INTO rooms (id, clinic_id, name, active) VALUES (:id, :clinic, :name, true)")
        for room, name in zip(rooms, ("Blue", "BLUE", "Green"), strict=True):
            db.execute(add_room, {"id": room, "clinic": clinic, "name": name})
        add_provider = text("""
            INSERT INTO providers (id, name_en, name_ar, user_id, discipline, active)
            VALUES (:id, 'Omar', 'عمر', :login, 'OT', true)
        """)
        for provider, login in zip(providers, ("omar", "Omar"), strict=True):
            db.execute(add_provider, {"id": provider, "login": login})
        audited = db.execute(text("SELECT count(*) FROM audit_log")).scalar_one()
    scratch_kit.database.dispose()
    migrate(folder, owner)

    with scratch_kit.transaction(tenant) as db:
        twins = db.execute(text("SELECT id FROM rooms WHERE twin UNION ALL SELECT id FROM providers WHERE twin"))
        assert set(twins.scalars()) == {rooms[1], providers[1]}
        assert db.execute(text("SELECT count(*) FROM audit_log")).scalar_one() == audited
        triggers = text("SELECT count(*) FROM pg_trigger WHERE tgname = 'audit' AND tgenabled <> 'O'")
        assert db.execute(triggers).scalar_one() == 0
        forced = text("SELECT count(*) FROM pg_class WHERE relname IN ('rooms', 'providers') AND relforcerowsecurity")
        assert db.execute(forced).scalar_one() == 2
    centre = Centre(scratch_kit, tenant)
    ok(patch(centre, f"/clinics/{clinic}", timezone="Asia/Riyadh", reason="It never was on Mars"))
    ok(centre.get("/sessions", **{"from": str(at().date())}))
    ok(patch(centre, f"/rooms/{rooms[1]}", active=False))
    problem(patch(centre, f"/rooms/{rooms[2]}", name="blue"), 409, "name-taken")
    ok(patch(centre, f"/rooms/{rooms[1]}", name="Red"))
    problem(centre.post("/rooms", {"clinic_id": str(clinic), "name": "red"}), 409, "name-taken")
