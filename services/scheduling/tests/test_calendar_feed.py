"""The feed of a provider's sessions for calendar programs: opened by a secret address, and telling of no patient."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from icalendar import Calendar
from sqlalchemy import create_engine, make_url, text
from structlog.testing import CapturingLogger
from werkzeug.test import TestResponse

from jalsa.dev.kit import ServiceKit
from jalsa.dev.servers import Servers
from jalsa.service import clock

from .factories import Centre, Desk, at, created, ok, problem
from .test_privacy import SECRET, lines, written


def link_path(provider: dict[str, Any]) -> str:
    return f"/providers/{provider['id']}/calendar-link"


def make_link(desk: Desk) -> str:
    """The feed's address."""
    return str(created(desk.centre.post(link_path(desk.provider)))["path"])


def read(kit: ServiceKit, path: str, **headers: str) -> TestResponse:
    """As a calendar program does: with nothing but the address."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return kit.app.test_client().get(path, headers=named)


def events(answer: TestResponse) -> list[Any]:
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/calendar; charset=utf-8"
    return list(calendar(answer).walk("VEVENT"))


def calendar(answer: TestResponse) -> Any:
    """The calendar of a feed, whose properties the library types as any of thirty kinds."""
    return Calendar.from_ical(answer.data)


def test_a_session_is_an_event_with_its_place_and_number(desk: Desk) -> None:
    group = desk.create_session(room_id=desk.room["id"], starts_at=at(1, 9, 30), max_capacity=5)
    single = desk.create_individual(starts_at=at(2))
    for _ in range(2):
        desk.create_participant(group)
    desk.create_session(provider_id=desk.centre.create_provider(desk.clinic)["id"])
    first, second = events(read(desk.centre.kit, make_link(desk)))
    assert first["UID"] == group["id"]
    assert first["SUMMARY"] == f"Occupational therapy {group['session_number']} (2/5)"
    assert first["LOCATION"] == f"{desk.room['name']}, Occupational therapy"
    assert (first["DTSTART"].dt, first["DTEND"].dt) == (at(1, 9, 30), at(1, 10, 30))
    assert first["DTSTART"].to_ical() == at(1, 9, 30).strftime("%Y%m%dT%H%M%SZ").encode()
    assert (first["STATUS"], first["SEQUENCE"]) == ("CONFIRMED", 0)
    assert abs(first["LAST-MODIFIED"].dt - clock.now()) < timedelta(minutes=1)
    assert second["SUMMARY"] == f"Occupational therapy {single['session_number']}"
    assert second["LOCATION"] == "Occupational therapy"


def test_a_moved_session_is_the_same_event_and_a_cancelled_one_is_still_there(desk: Desk) -> None:
    moved, cancelled = desk.create_session(), desk.create_session(starts_at=at(2))
    path = make_link(desk)
    ok(desk.centre.post(f"/sessions/{moved['id']}/reschedule", {"starts_at": at(3).isoformat()}))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel", {"reason": SECRET}))
    found = {str(event["UID"]): event for event in events(read(desk.centre.kit, path))}
    assert (found[moved["id"]]["DTSTART"].dt, found[moved["id"]]["SEQUENCE"]) == (at(3), 1)
    assert found[cancelled["id"]]["STATUS"] == "CANCELLED"


def test_the_feed_speaks_arabic_too(desk: Desk) -> None:
    session = desk.create_session()
    answer = read(desk.centre.kit, f"{make_link(desk)}&language=ar")
    [event] = events(answer)
    assert event["SUMMARY"] == f"علاج وظيفي {session['session_number']} (0/3)"
    assert calendar(answer)["X-WR-CALNAME"] == desk.provider["name_ar"]


def test_the_feed_has_a_month_of_the_past_and_half_a_year_ahead(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    session = desk.create_session()
    path = make_link(desk)
    starts_at = datetime.fromisoformat(session["starts_at"]).astimezone(UTC)
    shown = {}
    for days in (-181, -179, 29, 31):
        moment = starts_at + timedelta(days=days)
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        shown[days] = len(events(read(desk.centre.kit, path)))
    assert shown == {-181: 0, -179: 1, 29: 1, 31: 0}


def test_a_feed_tells_nothing_of_who_comes(desk: Desk) -> None:
    session = desk.create_session(group_notes=SECRET)
    participant = desk.create_participant(session, notes=SECRET)
    feed = read(desk.centre.kit, make_link(desk)).text
    assert session["session_number"] in feed
    for told in (SECRET, participant["patient_id"], participant["id"], participant["appointment_number"]):
        assert told not in feed.replace("\r\n ", "")


def test_an_unchanged_feed_is_not_sent_twice(desk: Desk) -> None:
    desk.create_session()
    path = make_link(desk)
    first = read(desk.centre.kit, path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = read(desk.centre.kit, path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    desk.create_session(starts_at=at(2))
    changed = read(desk.centre.kit, path, If_None_Match=first.headers["ETag"])
    assert len(events(changed)) == 2
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_a_new_link_closes_the_one_before_and_a_withdrawn_one_opens_nothing(desk: Desk) -> None:
    kit, path = desk.centre.kit, link_path(desk.provider)
    problem(desk.centre.get(path), 404, "not-found")
    old, new = make_link(desk), make_link(desk)
    assert old != new
    problem(read(kit, old), 404, "not-found")
    assert events(read(kit, new)) == []
    caller = desk.centre.client()
    shown = desk.centre.get(path)
    assert set(ok(shown)) == {"provider_id", "created_at", "created_by"}
    problem(caller.call("DELETE", path), 428, "precondition-required")
    problem(caller.call("DELETE", path, headers={"If-Match": '"stale"'}), 412, "precondition-failed")
    assert caller.call("DELETE", path, headers={"If-Match": shown.headers["ETag"]}).status_code == 204
    problem(read(kit, new), 404, "not-found")
    problem(desk.centre.get(path), 404, "not-found")


def test_whatever_is_wrong_with_an_address_it_reads_the_same(desk: Desk) -> None:
    """So that nobody learns from it which tenants, providers and links there are."""
    kit, tenant = desk.centre.kit, desk.centre.tenant
    stranger = Desk(Centre(kit, f"{tenant}x"))
    ours, theirs = make_link(desk), make_link(stranger)
    token = parse_qs(urlsplit(ours).query)["token"][0]
    secret = token.partition(".")[2]
    without_link = desk.centre.create_provider(desk.clinic)
    feed = "/v1/providers/{}/calendar.ics?token={}"
    of_us = desk.provider["id"]
    wrong = [
        ours.partition("?")[0],
        feed.format(of_us, ""),
        feed.format(of_us, "garbage"),
        feed.format(of_us, secret),
        feed.format(of_us, f"{tenant}."),
        feed.format(of_us, f".{secret}"),
        feed.format(of_us, f"*.{secret}"),
        feed.format(of_us, f"{tenant}'--.{secret}"),
        feed.format(of_us, f"{tenant}.%00"),
        feed.format(of_us, f"{tenant}.{'ü' * 5000}"),
        feed.format(of_us, f"{tenant}.{secret}x"),
        feed.format(of_us, f"{tenant}x.{secret}"),
        feed.format(of_us, f"nobody.{secret}"),
        feed.format(uuid4(), token),
        feed.format(without_link["id"], token),
        feed.format(stranger.provider["id"], token),
        feed.format(stranger.provider["id"], f"{tenant}x.{secret}"),
        feed.format(of_us, parse_qs(urlsplit(theirs).query)["token"][0]),
    ]
    answers = [read(kit, path) for path in wrong]
    assert {(a.status_code, json.dumps(a.json), a.headers.get("WWW-Authenticate")) for a in answers} == {
        (404, json.dumps(answers[0].json), None)
    }
    problem(answers[0], 404, "not-found")
    for path in (ours, theirs):
        assert events(read(kit, path)) == []


def test_who_has_left_has_no_feed(desk: Desk) -> None:
    path, provider = make_link(desk), f"/providers/{desk.provider['id']}"
    ok(desk.centre.client().patch(provider, {"active": False}, desk.centre.get(provider).headers["ETag"]))
    problem(read(desk.centre.kit, path), 404, "not-found")


def test_clinicians_make_and_close_their_own_link_and_nobody_elses(desk: Desk) -> None:
    kit, tenant = desk.centre.kit, desk.centre.tenant
    colleague = desk.centre.create_provider(desk.clinic)
    clinician = kit.client(tenant, "clinician", provider_id=desk.provider["id"])
    own, other = link_path(desk.provider), link_path(colleague)
    created(clinician.post(own))
    created(kit.client(tenant, "front-desk").post(other))
    for answer in (
        clinician.post(other),
        clinician.get(other),
        clinician.call("DELETE", other, headers={"If-Match": "*"}),
        kit.client(tenant, "clinician").post(own),
    ):
        problem(answer, 403, "forbidden")
    for caller in (clinician, desk.centre.client()):
        problem(caller.post(link_path({"id": uuid4()})), 404, "not-found")
    problem(kit.client(f"{tenant}x").post(own), 404, "not-found")
    assert clinician.call("DELETE", own, headers={"If-Match": "*"}).status_code == 204


def test_only_the_tokens_hash_is_kept_and_no_log_or_metric_has_it(desk: Desk, log: CapturingLogger) -> None:
    path = make_link(desk)
    token = parse_qs(urlsplit(path).query)["token"][0]
    assert len(token.partition(".")[2]) >= 43  # 256 bits
    log.calls.clear()
    events(read(desk.centre.kit, path))
    problem(read(desk.centre.kit, f"{path}x"), 404, "not-found")
    assert [line["route"] for line in lines(log)] == ["/v1/providers/<uuid:provider_id>/calendar.ics"] * 2
    assert lines(log)[0]["actor"] == "calendar-link"
    assert token not in written(log)
    assert token not in desk.centre.kit.app.test_client().get("/metrics").text
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        kept = db.execute(text("SELECT token_hash FROM calendar_links")).scalar_one()
        audited = db.execute(text("SELECT string_agg(a::text, '') FROM audit_log a")).scalar_one()
    assert bytes(kept) == hashlib.sha256(token.encode()).digest()
    assert token not in audited


def test_a_language_that_is_not_spoken_is_refused_whoever_asks(desk: Desk) -> None:
    for path in (make_link(desk), f"/v1/providers/{uuid4()}/calendar.ics?token=x"):
        assert list(problem(read(desk.centre.kit, f"{path}&language=fr"), 422, "validation-error")["errors"]) == [
            "language"
        ]


# What a calendar program goes by: LAST-MODIFIED and SEQUENCE

Change = Callable[[Desk, dict[str, Any], dict[str, Any]], Any]


def _patched(kind: str, **body: Any) -> Change:
    """A change of the desk's clinic, room, provider or service type."""

    def change(desk: Desk, *_: Any) -> None:
        path = f"/{kind.replace('_', '-')}s/{getattr(desk, kind)['id']}"
        ok(desk.centre.client().patch(path, body, desk.centre.get(path).headers["ETag"]))

    return change


def _elsewhere(desk: Desk, session: dict[str, Any], participant: dict[str, Any]) -> None:
    other = desk.create_session(starts_at=at(5))
    ok(desk.do(participant, "reschedule", session_id=other["id"]))


SEEN: dict[str, Change] = {
    "a booking": lambda desk, session, _: desk.create_participant(session),
    "a place given up": lambda desk, _, participant: ok(desk.do(participant, "cancel")),
    "a place missed": lambda desk, _, participant: mark_missed(desk, participant),
    "a place moved to another session": _elsewhere,
    "a capacity": lambda desk, session, _: ok(desk.patch(session, max_capacity=9)),
    "a service type's name": _patched("service_type", name_en="Play"),
    "a clinic's name": _patched("clinic", name_en="North"),
    "a room's name": _patched("room", name="Blue"),
}
MOVED: dict[str, Change] = {
    "a move": lambda desk, session, _: ok(desk.move(session, "reschedule", starts_at=at(3))),
    "a cancellation": lambda desk, session, _: ok(desk.move(session, "cancel")),
    "another room": lambda desk, session, _: ok(
        desk.move(session, "reschedule", starts_at=at(1), room_id=desk.centre.create_room(desk.clinic)["id"])
    ),
}


def mark_missed(desk: Desk, participant: dict[str, Any]) -> None:
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        missed = "UPDATE participants SET status = 'NO_SHOW', no_show_at = now() WHERE id = :id"
        db.execute(text(missed), {"id": participant["id"]})


@pytest.fixture
def an_hour_later(servers: Servers, kit: ServiceKit) -> Callable[[Desk], None]:
    """Makes all that has happened at a desk an hour old: a calendar knows whole seconds, and no test waits for them."""
    database = make_url(kit.config.database_url).database
    engine = create_engine(make_url(servers.postgres.url).set(drivername="postgresql", database=database))

    def age(desk: Desk) -> None:
        with engine.begin() as conn:
            for table, column in (("audit_log", "at"), ("roster_changes", "changed_at"), ("sessions", "created_at")):
                older = f"UPDATE {table} SET {column} = {column} - interval '1 hour' WHERE tenant_id = :tenant"
                conn.execute(text("SET session_replication_role = replica"))  # a test's trick leaves no audit row
                conn.execute(text(older), {"tenant": desk.centre.tenant})
        engine.dispose()

    return age


@pytest.mark.parametrize("what", [*SEEN, *MOVED])
def test_whatever_is_seen_to_change_says_when_and_a_move_or_cancellation_counts_up(
    desk: Desk, an_hour_later: Callable[[Desk], None], what: str
) -> None:
    path = make_link(desk)
    session = desk.create_session(room_id=desk.room["id"], max_capacity=5)
    bystander = desk.create_session(starts_at=at(7))
    participant = desk.create_participant(session)

    def shown() -> dict[str, Any]:
        return {str(event["UID"]): event for event in events(read(desk.centre.kit, path))}

    an_hour_later(desk)
    before = shown()
    assert clock.now() - before[session["id"]]["LAST-MODIFIED"].dt > timedelta(minutes=59)
    {**SEEN, **MOVED}[what](desk, session, participant)
    after = shown()
    old, new = before[session["id"]], after[session["id"]]
    visible = ("SUMMARY", "LOCATION", "DTSTART", "DTEND", "STATUS")
    assert [old[name].to_ical() for name in visible] != [new[name].to_ical() for name in visible]
    for name in ("LAST-MODIFIED", "DTSTAMP"):
        assert new[name].dt - old[name].dt > timedelta(minutes=59), name
    assert new["SEQUENCE"] == old["SEQUENCE"] + (what in MOVED)
    if what not in ("a service type's name", "a clinic's name"):
        assert after[bystander["id"]].to_ical() == before[bystander["id"]].to_ical()


def test_a_cancelled_session_that_was_moved_before_counts_both(desk: Desk) -> None:
    session, path, counted = desk.create_session(), make_link(desk), []
    for day in (3, 4):
        ok(desk.move(session, "reschedule", starts_at=at(day)))
        [event] = events(read(desk.centre.kit, path))
        counted.append(event["SEQUENCE"])
    ok(desk.move(session, "cancel"))
    [event] = events(read(desk.centre.kit, path))
    assert [*counted, event["SEQUENCE"]] == [1, 2, 3]


def test_a_renamed_provider_changes_the_calendar(desk: Desk, an_hour_later: Callable[[Desk], None]) -> None:
    desk.create_session()
    path = make_link(desk)
    an_hour_later(desk)
    before = calendar(read(desk.centre.kit, path))
    _patched("provider", name_en="Layla Nasser")(desk, {}, {})
    after = calendar(read(desk.centre.kit, path))
    assert (before["X-WR-CALNAME"], after["X-WR-CALNAME"]) == ("Layla Haddad", "Layla Nasser")
    assert after["LAST-MODIFIED"].dt - before["LAST-MODIFIED"].dt > timedelta(minutes=59)


def test_a_session_that_a_colleague_takes_over_changes_the_calendar_that_it_leaves(
    desk: Desk, an_hour_later: Callable[[Desk], None]
) -> None:
    path, colleague = make_link(desk), desk.centre.create_provider(desk.clinic)
    desk.create_session(starts_at=at(7))
    session = desk.create_session()
    an_hour_later(desk)
    before = read(desk.centre.kit, path)
    ok(desk.move(session, "reschedule", provider_id=colleague["id"]))
    after = read(desk.centre.kit, path)
    assert [len(events(answer)) for answer in (before, after)] == [2, 1]
    old, new = (calendar(answer)["LAST-MODIFIED"].dt for answer in (before, after))
    assert new - old > timedelta(minutes=59)


def test_a_calendar_without_sessions_says_when_it_was_made(desk: Desk) -> None:
    empty = read(desk.centre.kit, make_link(desk))
    assert events(empty) == []
    assert abs(calendar(empty)["LAST-MODIFIED"].dt - clock.now()) < timedelta(minutes=5)


HOSTILE = "a,b;c\\d\r\nBEGIN:VALARM\rX:1\nY\x85Z\u2028\x00\x1b" + "é" * 100 + "\\n"


def test_no_name_breaks_out_of_its_property(desk: Desk) -> None:
    """Names that were imported hold what the old system held."""
    session = desk.create_session(room_id=desk.room["id"])
    path = make_link(desk)
    imported = HOSTILE.replace("\x00", "")
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        db.execute(text("UPDATE rooms SET name = :name"), {"name": imported})
        for table in ("providers", "clinics", "service_types"):
            db.execute(text(f"UPDATE {table} SET name_en = :name, name_ar = :name"), {"name": imported})
    for language in ("en", "ar"):
        answer = read(desk.centre.kit, f"{path}&language={language}")
        [event] = events(answer)
        text_of = "a,b;c\\d\nBEGIN:VALARM\nX:1\nY\nZ\n" + "é" * 100 + "\\n"
        assert event["SUMMARY"] == f"{text_of} {session['session_number']} (0/3)"
        assert event["LOCATION"] == f"{text_of}, {text_of}"
        escaped = re.sub(r"([\\,;])", r"\\\1", text_of).replace("\n", "\\n")
        assert f"\nX-WR-CALNAME:{escaped}\r\n" in answer.data.replace(b"\r\n ", b"").decode()
        lines = answer.data.split(b"\r\n")
        assert lines.pop() == b""
        assert all(len(line) <= 75 and b"\n" not in line and b"\r" not in line for line in lines)
        assert [line for line in lines if line.startswith(b"BEGIN:")] == [b"BEGIN:VCALENDAR", b"BEGIN:VEVENT"]
