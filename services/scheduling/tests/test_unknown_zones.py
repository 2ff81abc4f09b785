"""A clinic whose stored zone the database does not know. It is in nobody's way until it is corrected."""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from . import test_races
from .absences import apply, item
from .factories import Desk, as_json, at, created, ok, problem
from .test_races import Weakened

weakened = test_races.weakened

DAY = str(at().date())
DAYS = {"from": DAY, "to": DAY}
REPORTS = ("utilisation", "no-shows", "capacity", "lead-time", "packages")
OLD_ZONE = "ALTER TABLE clinics DROP CONSTRAINT clinics_timezone"


@dataclass
class Old:
    """A clinic of an old zone beside another one, each with a session on one day."""

    good: Desk
    bad: Desk
    sessions: dict[str, dict[str, Any]]
    #: Whether this machine knows the zone, though the database does not.
    readable: bool

    @property
    def note(self) -> list[dict[str, str]]:
        return [{"id": self.bad.clinic["id"], "code": self.bad.clinic["code"], "timezone": self.zone}]

    @property
    def zone(self) -> str:
        return "Here/Known" if self.readable else "Here/Unknown"


@pytest.fixture(params=[True, False], ids=["python-knows-it", "nobody-knows-it"])
def old(request: pytest.FixtureRequest, weakened: Weakened, tmp_path: Path) -> Iterator[Old]:
    (tmp_path / "Here").mkdir()
    riyadh = files("tzdata") / "zoneinfo" / "Asia" / "Riyadh"
    (tmp_path / "Here" / "Known").write_bytes(riyadh.read_bytes())
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(tmp_path), *before])
    try:
        with weakened(OLD_ZONE) as good:
            bad = Desk(good.centre)
            sessions = {}
            for name, desk in (("good", good), ("bad", bad)):
                sessions[name] = desk.create_session(max_capacity=2)
                desk.create_participant(sessions[name])
            found = Old(good, bad, sessions, request.param)
            with good.centre.kit.transaction(good.centre.tenant) as db:
                change = text("UPDATE clinics SET timezone = :zone WHERE id = :id")
                db.execute(change, {"zone": found.zone, "id": bad.clinic["id"]})
            yield found
    finally:
        zoneinfo.reset_tzpath(before)


def refused(old: Old, answer: Any) -> None:
    """The problem names the clinic, and how its zone is corrected."""
    told = problem(answer, 409, "unknown-zone")
    assert (told["clinic_id"], told["clinic_code"]) == (old.bad.clinic["id"], old.bad.clinic["code"])
    assert f"PATCH /scheduling/v1/clinics/{old.bad.clinic['id']}" in told["detail"]


def test_the_tenants_lists_and_reports_go_on_and_say_what_they_leave_out(old: Old) -> None:
    centre, bad = old.good.centre, old.bad.clinic
    for path in ("/sessions", "/sessions/available", "/appointments"):
        everything = ok(centre.get(path))
        assert len(everything["items"]) == 2
        assert "left_out_clinics" not in everything
        by_days = ok(centre.get(path, **DAYS))
        assert by_days["left_out_clinics"] == old.note
        assert len(by_days["items"]) == 1
        assert len(ok(centre.get(path, **DAYS, clinic_id=old.good.clinic["id"]))["items"]) == 1
        refused(old, centre.get(path, **DAYS, clinic_id=bad["id"]))
        assert len(ok(centre.get(path, clinic_id=bad["id"]))["items"]) == 1
    for name in REPORTS:
        assert ok(centre.get(f"/reports/{name}", **DAYS))["left_out_clinics"] == old.note
        sheet = centre.get(f"/reports/{name}", **DAYS, format="csv")
        assert sheet.headers["Content-Disposition"].endswith(f'-without-{bad["code"]}.csv"')
        refused(old, centre.get(f"/reports/{name}", **DAYS, clinic_id=bad["id"]))
    [row] = ok(centre.get("/reports/utilisation", **DAYS))["items"]
    assert row["key"] == old.good.provider["id"]
    for desk in (old.good, old.bad):
        ok(centre.get("/calendar", **DAYS, provider_id=desk.provider["id"]))
        ok(centre.get("/calendar", **DAYS, clinic_id=desk.clinic["id"]))
        ok(centre.get("/availability", **DAYS, service_type=desk.service_type["code"]))


def test_closures_and_absences_of_the_tenant_go_on(old: Old) -> None:
    """A session of that clinic is under a closure of all clinics by its day in UTC."""
    centre = old.good.centre
    named = {"name_en": "Eid", "name_ar": "عيد", "starts_on": at().date(), "ends_on": at().date()}
    refused(old, centre.post("/closures", as_json({**named, "clinic_id": old.bad.clinic["id"]})))
    closure = created(centre.post("/closures", as_json(named)))
    sessions = list(old.sessions.values())
    assert [hit["id"] for hit in closure["affected_sessions"]] == [session["id"] for session in sessions]
    assert len(ok(centre.get("/closures"))["items"]) == 1
    assert {one["blocked_by"][0] for one in ok(centre.get("/sessions"))["items"]} == {"closure"}
    problem(old.bad.book(old.sessions["bad"]), 409, "outside-working-hours")
    ok(centre.get(f"/closures/{closure['id']}/proposals"))
    ok(apply(old.good, {"path": f"/closures/{closure['id']}"}, *(item(session, "CANCEL") for session in sessions)))
    answer = centre.client().call("DELETE", f"/closures/{closure['id']}", headers={"If-Match": "*"})
    assert answer.status_code == 204


def test_nothing_new_is_placed_where_nobody_knows_the_zone(old: Old) -> None:
    answer = old.bad.centre.post("/sessions", as_json(old.bad.session_body(starts_at=at(2))))
    series = old.bad.centre.post("/series", as_json(old.bad.series_body(starts_on=at(10).date())))
    if old.readable:
        created(answer)
        created(series)
    else:
        refused(old, answer)
        refused(old, series)
        refused(old, old.bad.centre.post("/packages", as_json(old.bad.package_body())))
    created(old.good.centre.post("/sessions", as_json(old.good.session_body(starts_at=at(2)))))


def test_all_is_told_again_once_the_zone_is_corrected(old: Old) -> None:
    centre, path = old.good.centre, f"/clinics/{old.bad.clinic['id']}"
    tag = centre.get(path).headers["ETag"]
    ok(centre.client().patch(path, {"timezone": "Asia/Riyadh", "reason": "a zone of the old server"}, tag))
    for report in REPORTS:
        assert "left_out_clinics" not in ok(centre.get(f"/reports/{report}", **DAYS, clinic_id=old.bad.clinic["id"]))
    told = ok(centre.get("/sessions", **DAYS))
    assert len(told["items"]) == 2
    assert "left_out_clinics" not in told
