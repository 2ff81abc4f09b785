"""Names are found and told apart as people take them, and one of which nothing is seen is none."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from .factories import Centre, Desk, created, ok, problem


def found(centre: Centre, words: str) -> set[str]:
    return {item["id"] for item in ok(centre.get("/sessions", text=words))["items"]}


@pytest.fixture
def speech(desk: Desk) -> tuple[Desk, str, str]:
    """A desk, a session with Arabic and French names in room 3, and another one in room 13."""
    centre = desk.centre
    clinic = centre.create_clinic(name_en="Children", name_ar="عيادة الأطفال")
    room = centre.create_room(clinic, name="قاعة ٣")
    provider = centre.create_provider(clinic, name_en="Élodie  Strauß", name_ar="أحـمد السَّيِّد")
    kind = centre.create_service_type(name_en="Speech", name_ar="علاج النطق")
    wanted = desk.create_session(
        clinic_id=clinic["id"], room_id=room["id"], provider_id=provider["id"], service_type=kind["code"]
    )
    other_room = centre.create_room(desk.clinic, name="قاعة ١٣")
    return desk, wanted["id"], desk.create_session(room_id=other_room["id"])["id"]


@pytest.mark.parametrize(
    "words",
    [
        *("احمد", "أحمد", "أحـمد", "السيد", "سيد احمد", "احمد سيد", "إحمد"),
        *("عياده", "عيادة", "الاطفال", "اطفال"),
        *("النطق", "«النطق»", "نطق", "نطق علاج", "العلاج نطق"),
        *("elodie", "ÉLODIE", "e\u0301lodie", "strauss elodie", "Elodie Strauß", "قاعة elodie", "\u202aelodie\u202c"),
        *("قاعة 3", "قاعة ٣", "قاعه ۳", '"قاعة 3"', "3 قاعة"),
    ],
)
def test_a_session_is_found_however_its_names_are_written(speech: tuple[Desk, str, str], words: str) -> None:
    desk, wanted, _ = speech
    assert found(desk.centre, words) == {wanted}


@pytest.mark.parametrize("words", ["علي", "elodie 4", "احمد ليلى", "قاعة 33", "%", "__", "%%", '""', "«»", "elod_e"])
def test_every_word_must_be_there_and_no_character_stands_for_others(speech: tuple[Desk, str, str], words: str) -> None:
    desk = speech[0]
    if len(words) > 1:
        assert found(desk.centre, words) == set()
    else:
        problem(desk.centre.get("/sessions", text=words), 422, "validation-error")


def test_a_number_is_no_part_of_a_greater_one(speech: tuple[Desk, str, str]) -> None:
    desk, _, other = speech
    assert found(desk.centre, "قاعة 13") == {other}
    assert found(desk.centre, "قاعة 1") == {other}  # as far as it is typed


def test_numbers_are_found_in_the_digits_of_every_keyboard(desk: Desk) -> None:
    session = desk.create_session()
    participant = desk.create_participant(session)
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    for number in (session["session_number"], participant["appointment_number"]):
        assert found(desk.centre, number.translate(arabic).lower()) == {session["id"]}
    items = ok(desk.centre.get("/appointments", text=participant["appointment_number"].translate(arabic)))["items"]
    assert [item["id"] for item in items] == [participant["id"]]


def test_a_renamed_provider_is_found_by_the_new_name_alone(desk: Desk) -> None:
    session, path = desk.create_session(), f"/providers/{desk.provider['id']}"
    ok(desk.centre.client().patch(path, {"name_en": "Zoë"}, desk.centre.get(path).headers["ETag"]))
    assert found(desk.centre, "zoe") == {session["id"]}
    assert found(desk.centre, "layla") == set()


@pytest.mark.parametrize("name", ["blue room", "BLUE  ROOM", "Blue\u00a0Room", "Blue\u200b Room", "Blué Room"])
def test_a_clinic_has_no_two_rooms_of_one_name(desk: Desk, name: str) -> None:
    centre = desk.centre
    centre.create_room(desk.clinic, name="Blue Room")
    problem(centre.post("/rooms", {"clinic_id": desk.clinic["id"], "name": name}), 409, "name-taken")
    path = f"/rooms/{desk.room['id']}"
    renamed = centre.client().patch(path, {"name": name}, centre.get(path).headers["ETag"])
    problem(renamed, 409, "name-taken")
    centre.create_room(centre.create_clinic(), name=name)


@pytest.mark.parametrize("login", ["Layla.Haddad", "LAYLA.HADDAD", "layla.haddad\u200e", "láyla.haddad"])
def test_no_two_providers_have_one_login(desk: Desk, login: str) -> None:
    desk.centre.create_provider(desk.clinic, user_id="layla.haddad")
    body = {"name_en": "X", "name_ar": "س", "discipline": "OT", "clinic_ids": [desk.clinic["id"]]}
    problem(desk.centre.post("/providers", {**body, "user_id": login}), 409, "user-taken")


@pytest.mark.parametrize("unseen", ["\u200e", "\u200b\ufeff", "\u3164", "\u00a0", "\u200d", "\u0301", "…"], ids=ascii)
def test_a_name_of_invisible_characters_is_refused(desk: Desk, unseen: str) -> None:
    centre, clinic = desk.centre, desk.clinic["id"]
    names = {"name_en": "X", "name_ar": "س"}
    provider = {**names, "discipline": "OT", "user_id": "x", "clinic_ids": [clinic]}
    service_type = {**names, "code": "X", "discipline": "OT", "default_duration_minutes": 30}
    holiday = {**names, "starts_on": "2030-01-01", "ends_on": "2030-01-01"}
    before = centre.state()
    bodies: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("/clinics", {**names, "code": "X"}, ("name_en", "name_ar")),
        ("/rooms", {"clinic_id": clinic, "name": "X"}, ("name",)),
        ("/providers", provider, ("name_en", "name_ar", "user_id")),
        ("/service-types", service_type, ("name_en", "name_ar")),
        ("/closures", holiday, ("name_en", "name_ar")),
    ]
    for path, body, fields in bodies:
        for field in fields:
            refused = problem(centre.post(path, {**body, field: unseen}), 422, "validation-error")
            assert list(refused["errors"]) == [field]
    assert centre.state() == before


def test_a_name_that_was_pasted_with_marks_is_stored_without_them(desk: Desk) -> None:
    body = {"clinic_id": desk.clinic["id"], "name": "\u202bقاعة\u00a0الألعاب\u202c\u200f"}
    assert created(desk.centre.post("/rooms", body))["name"] == "قاعة الألعاب"


def test_the_history_of_a_name_tells_nothing_of_how_it_is_looked_for(desk: Desk) -> None:
    for kind, record in (("room", desk.room), ("provider", desk.provider), ("clinic", desk.clinic)):
        [first, *_] = ok(desk.centre.get(f"/history/{kind}/{record['id']}"))["items"]
        assert {change["field"] for change in first["changes"]}.isdisjoint({"folded", "user_folded", "twin"})


def test_the_search_of_names_reads_what_is_stored_folded(desk: Desk) -> None:
    """Folding each name at each search would take as long as there are names."""
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        rows = db.execute(text("SELECT folded, fold(name_en || ' ' || name_ar) FROM providers")).all()
        generated = db.execute(
            text("SELECT count(*) FROM pg_attribute WHERE attname ~ 'folded$' AND attgenerated = 's'")
        ).scalar_one()
    assert rows
    assert all(stored == folded for stored, folded in rows)
    assert generated == 5


# Disciplines


def test_disciplines_are_served_with_their_names_and_every_one_can_be_a_providers_and_a_service_types(
    desk: Desk,
) -> None:
    listed = ok(desk.centre.client("clinician").get("/disciplines"))
    assert listed["next_cursor"] is None
    codes = [item["code"] for item in listed["items"]]
    assert {"PSYCHOLOGY", "OT", "ABA", "SLP", "MEDICAL", "NURSING"} < set(codes)
    assert {"PHYSIOTHERAPY", "SOCIAL_WORK", "SPECIAL_EDUCATION", "DIETETICS"} < set(codes)
    for item in listed["items"]:
        assert item["name_en"].isascii()
        assert not item["name_ar"].isascii()
        provider = desk.centre.create_provider(desk.clinic, discipline=item["code"])
        kind = desk.centre.create_service_type(discipline=item["code"])
        session = desk.create_session(provider_id=provider["id"], service_type=kind["code"])
        assert session["service_type"] == kind["code"]


def test_the_refusal_of_an_unknown_discipline_names_those_that_there_are(desk: Desk) -> None:
    body = {"name_en": "X", "name_ar": "س", "user_id": "x", "clinic_ids": [desk.clinic["id"]]}
    refused = problem(desk.centre.post("/providers", {**body, "discipline": "MAGIC"}), 422, "validation-error")
    assert "PHYSIOTHERAPY" in str(refused["errors"]["discipline"])


def test_whatever_asks_for_a_weekday_says_which_number_is_which_day(desk: Desk) -> None:
    document = desk.centre.kit.app.test_client().get("/v1/openapi.json").get_json()
    asked = dict(_weekdays(document))
    assert len(asked) >= 6
    assert {name: told for name, told in asked.items() if "0 = Sunday" not in told} == {}


def _weekdays(part: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every schema and parameter that is named after weekdays, with its description."""
    if isinstance(part, list):
        for n, member in enumerate(part):
            yield from _weekdays(member, f"{path}/{n}")
    elif isinstance(part, dict):
        for name, member in part.items():
            if name in ("weekday", "weekdays", "preferred_days") and isinstance(member, dict):
                yield f"{path}/{name}", member.get("description", "")
            yield from _weekdays(member, f"{path}/{name}")
        if part.get("name") in ("weekday", "weekdays", "preferred_days"):
            yield path, part.get("description", "")


@pytest.mark.parametrize("login", ["system:relay", "SYSTEM:x", "لَيلى", "\u0640"])
def test_a_login_that_no_token_may_name_is_refused_wherever_one_is_given(desk: Desk, login: str) -> None:
    names = {"name_en": "X", "name_ar": "س", "discipline": "OT", "clinic_ids": [desk.clinic["id"]]}
    assert list(
        problem(desk.centre.post("/providers", {**names, "user_id": login}), 422, "validation-error")["errors"]
    ) == ["user_id"]
    path = f"/providers/{desk.provider['id']}"
    tag = desk.centre.get(path).headers["ETag"]
    changed = desk.centre.client().patch(path, {"user_id": login, "reason": "r"}, tag)
    assert list(problem(changed, 422, "validation-error")["errors"]) == ["user_id"]
