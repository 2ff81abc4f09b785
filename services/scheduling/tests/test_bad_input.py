"""Bad input. Each refusal is the documented problem document, and leaves every row as it was."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from jalsa.service import clock
from scheduling.domain import MAX_MINUTES

from .factories import Centre, Desk, as_json, at, hours_on, ok, problem

LONG = "x" * 500
RIGHT_TO_LEFT = "Layla\u202edaddaH"
NUL = "Lay\u0000la"
LONE_SURROGATE = "Lay\ud800la"
BAD_NAMES = [LONG, "\u202e\u200f", "a\x85b", NUL, LONE_SURROGATE, "", "   ", "two\nlines", "\u200b", 7, None, ["x"]]


def refused(desk: Desk, path: str, body: dict[str, Any], status: int = 422, code: str = "validation-error") -> Any:
    """The problem's errors, after checking that nothing changed."""
    before = desk.centre.state()
    answer = problem(desk.centre.post(path, as_json(body)), status, code)
    assert desk.centre.state() == before
    return answer.get("errors")


SESSION_FIELDS: list[tuple[str, Any]] = [
    ("max_capacity", 0),
    ("max_capacity", 21),
    ("max_capacity", -1),
    ("max_capacity", 2.5),
    ("max_capacity", "3"),
    ("max_capacity", True),
    ("max_capacity", 10**30),
    ("max_capacity", None),
    ("max_capacity", ...),
    ("min_participants", 0),
    ("min_participants", 4),
    ("duration_minutes", 0),
    ("duration_minutes", -60),
    ("duration_minutes", 481),
    ("duration_minutes", None),
    ("session_type", "PAIR"),
    ("session_type", ...),
    ("starts_at", ...),
    ("starts_at", "2030-01-01T09:00:00"),
    ("starts_at", "2030-01-01"),
    ("starts_at", "2030-02-30T09:00:00+03:00"),
    ("starts_at", "9999-12-31T23:59:59-12:00"),
    ("starts_at", 1893456000),
    ("starts_at", None),
    ("clinic_id", "not-an-id"),
    ("clinic_id", ...),
    ("provider_id", 7),
    ("room_id", "not-an-id"),
    ("service_type", NUL),
    ("service_type", LONE_SURROGATE),
    ("service_type", LONG),
    ("service_type", ...),
    ("group_notes", "x" * 2001),
    ("group_notes", NUL),
    ("group_notes", RIGHT_TO_LEFT),
    ("colour", "blue"),
    ("status", "COMPLETED"),
    ("session_number", "SES-1"),
]


@pytest.mark.parametrize(("field", "value"), SESSION_FIELDS)
def test_a_session_names_the_field_that_is_wrong(calm: Desk, field: str, value: Any) -> None:
    assert list(refused(calm, "/sessions", calm.session_body(**{field: value}))) == [field]


@pytest.mark.parametrize(("field", "value"), [("patient_id", "x"), ("patient_id", ...), ("notes", NUL), ("colour", 1)])
@pytest.mark.parametrize("path", ["/appointments", "/sessions/{}/participants"])
def test_a_booking_names_the_field_that_is_wrong(desk: Desk, path: str, field: str, value: Any) -> None:
    session = desk.create_session(starts_at=at(5))
    body = desk.placement() if path == "/appointments" else {}
    body |= {"patient_id": desk.centre.create_patient(), field: value}
    assert list(refused(desk, path.format(session["id"]), body)) == [field]


def test_an_individual_session_has_a_capacity_of_one(calm: Desk) -> None:
    body = calm.session_body(session_type="INDIVIDUAL", max_capacity=2)
    assert list(refused(calm, "/sessions", body)) == ["max_capacity"]


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
@pytest.mark.parametrize("path", ["/sessions", "/appointments"])
def test_nothing_is_booked_in_the_past(calm: Desk, path: str, ago: timedelta) -> None:
    body = calm.session_body() if path == "/sessions" else calm.placement(patient_id=calm.centre.create_patient())
    assert refused(calm, path, {**body, "starts_at": clock.now() - ago}) == {"starts_at": ["Must be in the future."]}


@pytest.mark.parametrize("path", ["/sessions", "/appointments"])
@pytest.mark.parametrize("kind", ["unknown", "foreign", "inactive"])
@pytest.mark.parametrize("field", ["clinic_id", "provider_id", "room_id", "service_type"])
def test_what_is_unknown_foreign_or_closed_can_not_be_booked(desk: Desk, path: str, kind: str, field: str) -> None:
    value: str = str(uuid4()) if field != "service_type" else "NO-SUCH"
    if kind == "foreign":
        other = Desk(Centre(desk.centre.kit, f"{desk.centre.tenant}x"))
        value = other.placement(room_id=other.room["id"])[field]
    if kind == "inactive":
        value = desk.placement(room_id=desk.room["id"])[field]
        _close(desk, field)
    body = desk.session_body() if path == "/sessions" else desk.placement(patient_id=desk.centre.create_patient())
    errors = refused(desk, path, {**body, field: value})
    assert list(errors) == [field]
    assert errors[field][0].startswith("There is no such active ")


def _close(desk: Desk, field: str) -> None:
    path = {
        "clinic_id": f"/clinics/{desk.clinic['id']}",
        "provider_id": f"/providers/{desk.provider['id']}",
        "room_id": f"/rooms/{desk.room['id']}",
        "service_type": f"/service-types/{desk.service_type['id']}",
    }[field]
    ok(desk.centre.client().patch(path, {"active": False}, desk.centre.get(path).headers["ETag"]))


@pytest.mark.parametrize("path", ["/appointments", "/sessions/{}/participants"])
@pytest.mark.parametrize("kind", ["unknown", "foreign", "inactive"])
def test_only_an_active_patient_of_the_tenant_can_be_booked(
    desk: Desk, path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.http.edge.KNOWN_WITHIN", 0.1)
    patient = str(uuid4())
    if kind == "foreign":
        patient = Centre(desk.centre.kit, f"{desk.centre.tenant}x").create_patient()
    if kind == "inactive":
        patient = desk.centre.create_patient(active=False)
    session = desk.create_session(starts_at=at(5))
    body = desk.placement() if path == "/appointments" else {}
    refused(desk, path.format(session["id"]), {**body, "patient_id": patient}, code="unknown-patient")


def test_a_provider_works_only_in_own_clinics_rooms_belong_to_one_and_disciplines_match(desk: Desk) -> None:
    elsewhere = desk.centre.create_clinic()
    foreign_room = desk.centre.create_room(elsewhere)
    speech = desk.centre.create_service_type(discipline="SLP")
    for overrides, field in (
        ({"clinic_id": elsewhere["id"]}, "provider_id"),
        ({"room_id": foreign_room["id"]}, "room_id"),
        ({"service_type": speech["code"]}, "provider_id"),
    ):
        assert list(refused(desk, "/sessions", desk.session_body(**overrides))) == [field]


def test_the_same_patient_has_one_place_in_a_session(desk: Desk) -> None:
    patient = desk.centre.create_patient()
    group, individual = desk.create_session(), desk.create_individual(starts_at=at(2))
    for session in (group, individual):
        desk.create_participant(session, patient)
        path = f"/sessions/{session['id']}/participants"
        refused(desk, path, {"patient_id": patient}, 409, "already-enrolled")


@pytest.mark.parametrize("minutes", [-59, -1, 0, 1, 59])
@pytest.mark.parametrize("who", ["provider", "room", "patient"])
@pytest.mark.parametrize("path", ["/sessions", "/appointments"])
def test_nobody_is_in_two_places_at_once(desk: Desk, path: str, who: str, minutes: int) -> None:
    patient = desk.centre.create_patient()
    desk.create_appointment(room_id=desk.room["id"], patient_id=patient)
    second = desk.centre.create_provider(desk.clinic)
    placement = desk.placement(starts_at=at() + timedelta(minutes=minutes))
    if who != "provider":
        placement["provider_id"] = second["id"]
    if who == "room":
        placement["room_id"] = desk.room["id"]
    if path == "/appointments":
        placement["patient_id"] = patient if who == "patient" else desk.centre.create_patient()
        refused(desk, path, placement, 409, f"{who}-busy")
    elif who == "patient":
        session = desk.create_session(**placement)
        refused(desk, f"/sessions/{session['id']}/participants", {"patient_id": patient}, 409, "patient-busy")
    else:
        refused(desk, path, {**placement, "session_type": "GROUP", "max_capacity": 3}, 409, f"{who}-busy")


def test_the_longest_session_keeps_its_provider_and_room_to_its_last_minute(desk: Desk) -> None:
    desk.create_session(duration_minutes=MAX_MINUTES, room_id=desk.room["id"])
    end = at() + timedelta(minutes=MAX_MINUTES)
    late = desk.session_body(starts_at=end - timedelta(minutes=1), duration_minutes=1)
    refused(desk, "/sessions", late, 409, "provider-busy")
    other = desk.centre.create_provider(desk.clinic)["id"]
    refused(desk, "/sessions", {**late, "provider_id": other, "room_id": desk.room["id"]}, 409, "room-busy")
    assert desk.centre.post("/sessions", as_json({**late, "starts_at": end})).status_code == 201


@pytest.mark.parametrize("path", ["/sessions", "/appointments"])
def test_a_session_outside_the_providers_hours_is_refused(desk: Desk, path: str) -> None:
    week = [hours_on(day, desk.clinic, "09:00", "17:00") for day in range(7)]
    provider = desk.centre.create_provider(desk.clinic, hours=week)
    body = desk.session_body() if path == "/sessions" else desk.placement(patient_id=desk.centre.create_patient())
    body["provider_id"] = provider["id"]
    for hour, minute in ((5, 59), (13, 1), (22, 0)):  # 08:59, 16:01 and 01:00 in Riyadh
        refused(desk, path, {**body, "starts_at": at(1, hour, minute)}, 409, "outside-working-hours")
    assert desk.centre.post(path, as_json({**body, "starts_at": at(1, 13, 0)})).status_code == 201


def test_a_session_that_has_begun_takes_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    session = desk.create_session()
    patient = desk.centre.create_patient()
    began = at()
    monkeypatch.setattr(clock, "now", lambda: began)
    path = f"/sessions/{session['id']}/participants"
    refused(desk, path, {"patient_id": patient}, 409, "invalid-transition")


SETUP_BODIES: dict[str, dict[str, Any]] = {
    "/clinics": {"code": "OT", "name_en": "OT", "name_ar": "علاج"},
    "/rooms": {"clinic_id": "{clinic}", "name": "Blue"},
    "/providers": {
        "name_en": "A",
        "name_ar": "أ",
        "user_id": "a",
        "discipline": "OT",
        "clinic_ids": ["{clinic}"],
    },
    "/service-types": {
        "code": "X",
        "name_en": "X",
        "name_ar": "س",
        "discipline": "OT",
        "default_duration_minutes": 60,
    },
}
NAMES = [("/clinics", "name_en"), ("/rooms", "name"), ("/providers", "name_ar"), ("/providers", "user_id")]
SETUP_FIELDS: list[tuple[str, str, Any]] = [
    *((path, field, value) for path, field in NAMES for value in BAD_NAMES),
    ("/clinics", "code", "ot"),
    ("/clinics", "code", "OT\n"),
    ("/clinics", "code", "X" * 11),
    ("/clinics", "code", NUL),
    ("/clinics", "timezone", "Riyadh"),
    ("/clinics", "timezone", "../../etc/passwd"),
    ("/clinics", "timezone", NUL),
    ("/rooms", "clinic_id", "{unknown}"),
    ("/providers", "discipline", "MAGIC"),
    ("/providers", "clinic_ids", []),
    ("/providers", "clinic_ids", ["{clinic}", "{unknown}"]),
    ("/providers", "clinic_ids", "{clinic}"),
    ("/service-types", "default_duration_minutes", 0),
    ("/service-types", "default_duration_minutes", 481),
    ("/service-types", "buffer_before_minutes", -1),
    ("/service-types", "buffer_after_minutes", "5"),
    ("/service-types", "discipline", None),
]


@pytest.mark.parametrize(("path", "field", "value"), SETUP_FIELDS)
def test_a_setup_record_names_the_field_that_is_wrong(calm: Desk, path: str, field: str, value: Any) -> None:
    # ids are filled in at once, wherever they stand
    raw = json.dumps({**SETUP_BODIES[path], field: value})
    body = json.loads(raw.replace("{clinic}", calm.clinic["id"]).replace("{unknown}", str(uuid4())))
    assert list(refused(calm, path, body)) == [field]


@pytest.mark.parametrize(
    ("path", "code"), [("/clinics", "code-taken"), ("/rooms", "name-taken"), ("/service-types", "code-taken")]
)
def test_a_code_or_name_is_taken_once(calm: Desk, path: str, code: str) -> None:
    made = {"/clinics": calm.clinic, "/rooms": calm.room, "/service-types": calm.service_type}[path]
    body = {name: value for name, value in made.items() if name not in ("id", "active")}
    refused(calm, path, body, 409, code)


def test_a_login_belongs_to_one_provider(calm: Desk) -> None:
    body = {name: value for name, value in calm.provider.items() if name not in ("id", "active")}
    refused(calm, "/providers", body, 409, "user-taken")


BAD_HOURS: list[dict[str, Any]] = [
    {"end": "08:00"},
    {"end": "09:00"},
    {"start": "9 o'clock"},
    {"end": "24:00"},
    {"start": None},
    {"weekday": 7},
    {"weekday": -1},
    {"weekday": "1"},
    {"clinic_id": "x"},
    {"colour": "blue"},
]


@pytest.mark.parametrize("wrong", BAD_HOURS)
def test_working_hours_name_the_stretch_and_field_that_are_wrong(calm: Desk, wrong: dict[str, Any]) -> None:
    stretch = hours_on(1, calm.clinic, "09:00", "17:00")
    before = calm.centre.state()
    path = f"/providers/{calm.provider['id']}/working-hours"
    answer = calm.centre.client().put(path, {"items": [{**stretch, "weekday": 0}, {**stretch, **wrong}]})
    assert list(problem(answer, 422, "validation-error")["errors"]["items"]["1"]) == list(wrong)
    assert calm.centre.state() == before


@pytest.mark.parametrize("case", ["overlap", "midnight", "elsewhere", "too-many"])
def test_a_week_that_contradicts_itself_is_refused(desk: Desk, case: str) -> None:
    elsewhere = desk.centre.create_clinic()
    items = {
        "overlap": [hours_on(1, desk.clinic, "09:00", "12:00"), hours_on(1, desk.clinic, "11:59", "13:00")],
        "midnight": [hours_on(1, desk.clinic, "20:00", "00:00"), hours_on(1, desk.clinic, "23:00", "23:30")],
        "elsewhere": [hours_on(1, elsewhere, "09:00", "12:00")],
        "too-many": [hours_on(1, desk.clinic, f"{n // 60:02}:{n % 60:02}", "00:00") for n in range(101)],
    }[case]
    before = desk.centre.state()
    answer = desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": items})
    assert list(problem(answer, 422, "validation-error")["errors"]) == ["items"]
    assert desk.centre.state() == before


BODIES: list[tuple[str, bytes, str, int, str]] = [
    ("invalid-json", b'{"code": "OT",', "application/json", 400, "malformed-request"),
    ("two-values", b"{} {}", "application/json", 400, "malformed-request"),
    ("not-utf-8", b'{"code": "\xff\xfe"}', "application/json", 400, "malformed-request"),
    ("nested", b"[" * 50_000, "application/json", 400, "malformed-request"),
    ("nested-closed", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "application/json", 400, "malformed-request"),
    ("list", b"[]", "application/json", 422, "validation-error"),
    ("text", b'"OT"', "application/json", 422, "validation-error"),
    ("null", b"null", "application/json", 422, "validation-error"),
    ("empty", b"", "application/json", 422, "validation-error"),
    ("form", b"code=OT", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
    ("xml", b"<clinic/>", "application/xml", 415, "unsupported-media-type"),
    ("no-type", b"{}", "", 415, "unsupported-media-type"),
    ("too-large", b'{"code": "' + b"x" * (2 << 20) + b'"}', "application/json", 413, "request-entity-too-large"),
    ("huge-number", b'{"code": ' + b"9" * 5000 + b"}", "application/json", 400, "malformed-request"),
]


@pytest.mark.parametrize(("data", "kind", "status", "code"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES])
@pytest.mark.parametrize("path", ["/clinics", "/appointments"])
def test_a_body_that_can_not_be_read_is_refused(
    calm: Desk, path: str, data: bytes, kind: str, status: int, code: str
) -> None:
    before = calm.centre.state()
    answer = calm.centre.client().call("POST", path, data=data, content_type=kind)
    problem(answer, status, code)
    assert calm.centre.state() == before


def test_a_method_that_is_not_offered_says_which_are(calm: Desk) -> None:
    answer = calm.centre.client().call("DELETE", "/clinics")
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= {method.strip() for method in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("path", ["/nothing", "/clinics/not-an-id", "/sessions/1", "/clinics/%00"])
def test_an_unknown_address_is_not_found(calm: Desk, path: str) -> None:
    problem(calm.centre.get(path), 404, "not-found")
