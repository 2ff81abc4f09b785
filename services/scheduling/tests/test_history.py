"""The history of a record: every change, by whom, and why."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from jalsa.service.ids import new_id
from scheduling.history.queries import KINDS
from scheduling.models import SeriesMember, SessionSeries, WaitlistEntry

from .factories import EARLY, Centre, Desk, at, created, hours_on, ok, problem
from .test_privacy import SECRET

SINCE = {"override": {"reason": "father has signed"}}


def history(desk: Desk, kind: str, record_id: Any, **query: Any) -> list[dict[str, Any]]:
    return list(ok(desk.centre.get(f"/history/{kind}/{record_id}", **query))["items"])


def fields(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What an entry says of each field: before and after."""
    return {change["field"]: (change["before"], change["after"]) for change in entry["changes"]}


def test_an_appointments_history_tells_who_did_what_and_why(desk: Desk) -> None:
    booked = desk.create_appointment()
    path, maryam = f"/participants/{booked['id']}", desk.centre.client(subject="maryam")
    ok(maryam.call("POST", f"{path}/confirm", headers={"X-Request-ID": "r-1"}, json={}))
    ok(maryam.post(f"{path}/reschedule", {"starts_at": at(2).isoformat(), "reason": "a journey"}))
    ok(desk.centre.post(f"{path}/cancel", {"reason": "moved away"}))
    made, confirmed, moved, counted, cancelled = history(desk, "appointment", booked["id"])
    assert [(e["action"], e["by"], e["reason"]) for e in (made, confirmed, moved, counted, cancelled)] == [
        ("CREATED", "tester", None),
        ("CHANGED", "maryam", None),
        ("CHANGED", "maryam", "a journey"),  # the session took its participant along
        ("CHANGED", "maryam", "a journey"),
        ("CHANGED", "tester", "moved away"),
    ]
    assert confirmed["request_id"] == "r-1"
    assert fields(confirmed)["status"] == ("BOOKED", "CONFIRMED")
    assert set(fields(moved)) == {"starts_at", "ends_at"}
    assert fields(counted) == {"reschedule_count": (0, 1)}
    assert fields(cancelled)["status"] == ("CONFIRMED", "CANCELLED")
    assert fields(made)["patient_id"] == (None, booked["patient_id"])
    assert [e["at"] for e in (made, confirmed, moved)] == sorted(e["at"] for e in (made, confirmed, moved))
    assert all(e["kind"] == "participant" and e["id"] == booked["id"] for e in (made, cancelled))
    assert history(desk, "participant", booked["id"]) == history(desk, "appointment", booked["id"])


def test_what_says_nothing_to_a_reader_is_left_out(desk: Desk) -> None:
    session = desk.create_session()
    participant = desk.create_participant(session)
    for kind, record in (("session", session), ("participant", participant)):
        [made] = history(desk, kind, record["id"])
        assert not set(fields(made)) & {"id", "tenant_id", "during", "live", "closes_when_empty", "change_reason"}
        assert None not in [after for _, after in fields(made).values()]


def test_the_same_reason_twice_is_a_reason_twice_and_an_old_one_is_not_repeated(desk: Desk) -> None:
    session = desk.create_session()
    path = f"/sessions/{session['id']}"
    for day in (2, 3):
        ok(desk.centre.post(f"{path}/reschedule", {"starts_at": at(day).isoformat(), "reason": "the heating"}))
    ok(desk.centre.post(f"{path}/start", EARLY))
    assert [e["reason"] for e in history(desk, "session", session["id"])] == [
        None,
        "the heating",
        "the heating",
        EARLY["override"]["reason"],
    ]


def test_overrides_check_ins_and_no_shows_tell_their_reasons(desk: Desk) -> None:
    desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": []})
    override = {"override": {"reason": "an emergency"}}
    session = desk.create_session(**override)
    come, missed = desk.create_participant(session), desk.create_participant(session)
    ok(desk.centre.post(f"/participants/{come['id']}/check-in", SINCE))
    ok(desk.centre.post(f"/participants/{missed['id']}/no-show", {"reason": "ill", **EARLY}))
    assert history(desk, "session", session["id"])[0]["reason"] == "an emergency"
    assert history(desk, "participant", come["id"])[-1]["reason"] == "father has signed"
    assert history(desk, "participant", missed["id"])[-1]["reason"] == EARLY["override"]["reason"]


def test_a_sessions_history_has_its_participants_where_they_are_asked_for(desk: Desk) -> None:
    session = desk.create_session()
    participant = desk.create_participant(session)
    ok(desk.centre.post(f"/participants/{participant['id']}/cancel"))
    desk.create_participant(desk.create_session(starts_at=at(2)))
    assert [e["kind"] for e in history(desk, "session", session["id"])] == ["session"]
    told = history(desk, "session", session["id"], include="participants")
    assert [(e["kind"], e["id"]) for e in told] == [
        ("session", session["id"]),
        ("participant", participant["id"]),
        ("participant", participant["id"]),
    ]
    refused = desk.centre.get(f"/history/clinic/{desk.clinic['id']}", include="participants")
    assert list(problem(refused, 422, "validation-error")["errors"]) == ["include"]


def test_notes_are_shown_to_who_reads_them_in_the_record_and_only_said_to_have_changed_to_others(desk: Desk) -> None:
    session = desk.create_session(group_notes="before")
    participant = desk.create_participant(session, notes="before")
    for path, patch in ((f"/sessions/{session['id']}", "group_notes"), (f"/participants/{participant['id']}", "notes")):
        etag = desk.centre.get(path).headers["ETag"]
        ok(desk.centre.client().patch(path, {patch: SECRET}, etag))
    path = f"/history/session/{session['id']}"
    provider = desk.centre.kit.client(desk.centre.tenant, "clinician", provider_id=desk.provider["id"])
    callers = {role: desk.centre.client(role) for role in ("clinician", "manager", "front-desk", "records")}
    for role, caller in {**callers, "provider": provider}.items():
        answer = caller.get(path, include="participants")
        shown = role in ("provider", "manager", "front-desk")
        assert (SECRET in answer.text) is shown
        assert ("before" in {c["before"] for e in ok(answer)["items"] for c in e["changes"]}) is shown
        changed = [c for e in ok(answer)["items"] for c in e["changes"] if e["action"] == "CHANGED"]
        assert [(c["field"], c["withheld"]) for c in changed] == [("group_notes", not shown), ("notes", not shown)]


def test_a_providers_history_has_working_hours_clinics_and_time_off(desk: Desk) -> None:
    provider = desk.centre.create_provider(desk.clinic, hours=[hours_on(1, desk.clinic, "09:00", "12:00")])
    path = f"/providers/{provider['id']}"
    ok(desk.centre.client().put(f"{path}/working-hours", {"items": []}))
    absence = {"starts_at": at(1).isoformat(), "ends_at": at(2).isoformat(), "reason": "a congress"}
    away = created(desk.centre.post(f"{path}/time-off", absence))
    gone = f"{path}/time-off/{away['id']}"
    etag = desk.centre.get(gone).headers["ETag"]
    assert desk.centre.client().call("DELETE", gone, headers={"If-Match": etag}).status_code == 204
    created(desk.centre.post(f"{path}/calendar-link"))
    told = history(desk, "provider", provider["id"])
    assert [(e["kind"], e["action"]) for e in told] == [
        ("provider", "CREATED"),
        ("provider-clinic", "CREATED"),
        ("working-hours", "CREATED"),
        ("working-hours", "REMOVED"),
        ("time-off", "CREATED"),
        ("time-off", "REMOVED"),
        ("calendar-link", "CREATED"),
    ]
    assert fields(told[3])["starts"] == ("09:00:00", None)
    assert told[4]["reason"] == "a congress"
    assert "token_hash" not in fields(told[6])
    assert [e["action"] for e in history(desk, "time-off", away["id"])] == ["CREATED", "REMOVED"]


def test_every_kind_that_is_set_up_has_its_history(desk: Desk) -> None:
    path = f"/clinics/{desk.clinic['id']}"
    ok(desk.centre.client().patch(path, {"name_en": "New"}, desk.centre.get(path).headers["ETag"]))
    names = {"name_en": "Eid", "name_ar": "عيد", "starts_on": "2027-03-10", "ends_on": "2027-03-12"}
    closure = created(desk.centre.post("/closures", names))
    assert [fields(e)["name_en"] for e in history(desk, "clinic", desk.clinic["id"])] == [
        (None, "Occupational therapy"),
        ("Occupational therapy", "New"),
    ]
    for kind, record in (("room", desk.room), ("service-type", desk.service_type), ("closure", closure)):
        assert [e["action"] for e in history(desk, kind, record["id"])] == ["CREATED"]


def test_a_series_tells_of_its_members_and_a_waiting_entry_of_itself(desk: Desk) -> None:
    place = {
        "clinic_id": UUID(desk.clinic["id"]),
        "provider_id": UUID(desk.provider["id"]),
        "service_type_id": UUID(desk.service_type["id"]),
    }
    now, day = at(1), at(1).date()
    by = {"created_at": now, "created_by": "test"}
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        rule = {"starts_on": day, "start_time": now.time(), "duration_minutes": 60, "rrule": "FREQ=WEEKLY;COUNT=2"}
        series = SessionSeries(id=new_id(), **place, **rule, exceptions=[], max_capacity=3, **by)
        entry = WaitlistEntry(id=new_id(), patient_id=new_id(), **place, priority=3, status="WAITING", **by)
        db.add_all([series, entry])
        db.flush()
        member = SeriesMember(
            id=new_id(), series_id=series.id, patient_id=new_id(), joined_on=day, joined_at=now, joined_by="test"
        )
        db.add(member)
        db.flush()
        member.left_on, member.left_at, member.leave_reason = day, now, "recovered"
    assert [(e["kind"], e["reason"]) for e in history(desk, "series", series.id)] == [
        ("series", None),
        ("series-member", None),
        ("series-member", "recovered"),
    ]
    assert [e["kind"] for e in history(desk, "waitlist-entry", entry.id)] == ["waitlist-entry"]


def test_a_packages_history_has_its_sessions_and_their_assignments_where_they_are_asked_for(desk: Desk) -> None:
    package = desk.create_package(total_sessions=2)
    desk.create_package(total_sessions=2)
    participant = package["sessions"][1]["appointment_id"]
    ok(desk.centre.client(subject="maryam").post(f"/participants/{participant}/cancel", {"reason": "a journey"}))
    made, scheduled = history(desk, "package", package["id"])
    assert {made["kind"], scheduled["kind"]} == {"package"}
    assert fields(made)["package_number"] == (None, package["package_number"])
    assert fields(scheduled) == {"status": ("DRAFT", "SCHEDULED")}
    told = history(desk, "package", package["id"], include="sessions")
    assert [e for e in told if e["kind"] == "package"] == [made, scheduled]
    sessions = [e for e in told if e["kind"] == "package-session"]
    *created_first, cancelled = sessions
    assert sorted(fields(e)["session_number"][1] for e in created_first if e["action"] == "CREATED") == [1, 2]
    assert fields(cancelled)["status"] == ("SCHEDULED", "CANCELLED")
    assert cancelled["by"] == "maryam"
    assert history(desk, "package-session", cancelled["id"])[-1] == cancelled
    assignments = [fields(e) for e in told if e["kind"] == "provider-assignment"]
    assert [(a["provider_id"][1], a["kind"][1]) for a in assignments] == [(desk.provider["id"], "REQUESTED")] * 2
    assert {a["package_session_id"][1] for a in assignments} == {e["id"] for e in sessions}


def test_why_a_package_was_paused_is_told_where_it_was_and_not_again(desk: Desk) -> None:
    package = desk.create_package(auto_schedule=False)
    for values in ("paused_at = now(), pause_reason = 'a journey'", "change_reason = NULL, tolerance_days = 3"):
        with desk.centre.kit.transaction(desk.centre.tenant) as db:
            db.execute(text(f"UPDATE packages SET {values} WHERE id = :id"), {"id": package["id"]})
    assert [e["reason"] for e in history(desk, "package", package["id"])] == [None, "a journey", None]


def test_a_packages_history_with_all_its_sessions_is_read_page_by_page_without_loss(desk: Desk) -> None:
    package = desk.create_package(total_sessions=10)
    whole = history(desk, "package", package["id"], include="sessions", limit=200)
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"include": "sessions", "limit": 7}
    while not seen or query["cursor"]:
        page = ok(desk.centre.get(f"/history/package/{package['id']}", **query))
        seen += page["items"]
        query["cursor"] = page["next_cursor"]
    assert seen == whole
    assert len(seen) > 20


def test_the_tenants_rules_have_a_history_once_they_are_set(desk: Desk) -> None:
    assert ok(desk.centre.get("/history/settings"))["items"] == []
    rules = {"no_show_grace_minutes": 30, "offer_minutes": 60, "decision_lead_hours": 24}
    for grace in (20, 10):
        ok(desk.centre.client().put("/settings", {**rules, "no_show_grace_minutes": grace}))
    told = ok(desk.centre.get("/history/settings"))["items"]
    assert [fields(e)["no_show_grace_minutes"] for e in told] == [(None, 20), (20, 10)]
    assert history(desk, "settings", told[0]["id"]) == told


def test_a_history_is_read_page_by_page_without_loss_while_it_grows(desk: Desk) -> None:
    path = f"/rooms/{desk.room['id']}"
    names = [f"Room {number}" for number in range(6)]

    def rename(name: str) -> None:
        ok(desk.centre.client().patch(path, {"name": name}, desk.centre.get(path).headers["ETag"]))

    for name in names[:4]:
        rename(name)
    seen, cursor = [], None
    for added in [*names[4:], None, None]:
        page = ok(
            desk.centre.get(f"/history/room/{desk.room['id']}", limit=2, **({"cursor": cursor} if cursor else {}))
        )
        seen += [fields(e)["name"][1] for e in page["items"]]
        cursor = page["next_cursor"]
        if added:
            rename(added)
    assert seen == [desk.room["name"], *names]
    assert cursor is None


@pytest.mark.parametrize("kind", [*KINDS, "appointment"])
def test_an_unknown_record_has_no_history_and_another_tenants_reads_like_it(desk: Desk, kind: str) -> None:
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    participant = desk.create_appointment()
    package = desk.create_package(start_date=str(at(2).date()))
    known = {
        "session": participant["session"]["id"],
        "participant": participant["id"],
        "appointment": participant["id"],
        "clinic": desk.clinic["id"],
        "room": desk.room["id"],
        "provider": desk.provider["id"],
        "service-type": desk.service_type["id"],
        "package": package["id"],
    }
    unknown = problem(desk.centre.get(f"/history/{kind}/{uuid4()}"), 404, "not-found")
    if kind in known:
        assert problem(stranger.get(f"/history/{kind}/{known[kind]}"), 404, "not-found") == unknown
        assert history(desk, kind, known[kind])


def test_the_kind_and_the_cursor_are_named_where_they_are_wrong(desk: Desk) -> None:
    path = f"/history/room/{desk.room['id']}"
    for refused, field in (
        (desk.centre.get(f"/history/patient/{uuid4()}"), "kind"),
        (desk.centre.get(f"/history/audit_log/{uuid4()}"), "kind"),
        (desk.centre.get(path, cursor="bm9uc2Vuc2U"), "cursor"),
        (desk.centre.get(path, include="all"), "include"),
        (desk.centre.get(path, include="sessions"), "include"),
        (desk.centre.get(f"/history/session/{uuid4()}", include="sessions"), "include"),
        (desk.centre.get(f"/history/package/{uuid4()}", include="participants"), "include"),
    ):
        assert list(problem(refused, 422, "validation-error")["errors"]) == [field]
    problem(desk.centre.get("/history/room/x"), 404, "not-found")
