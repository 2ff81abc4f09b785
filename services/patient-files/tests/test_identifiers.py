"""Identifiers beside the registration: added, corrected, withdrawn, and raced for."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit, service_kit
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE

Json = dict[str, Any]
Register = Callable[..., Json]
Weakened = Callable[..., AbstractContextManager[ServiceKit]]

CARD, OTHER_CARD = "1065432195", "1010101010"
NO_UNIQUE_VALUE = "DROP INDEX identifiers_value_key"
NO_SINGLE_TYPE = "DROP INDEX identifiers_single_key"
#: Whoever ends an identifier, or gives one, takes a moment longer, so that others come in between.
SLOWLY = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
CREATE TRIGGER a_pause BEFORE INSERT OR UPDATE ON identifiers FOR EACH ROW EXECUTE FUNCTION pause();
"""


@pytest.fixture
def weakened(servers: Servers, issuer: Issuer) -> Weakened:
    """The service with a database of its own, in slow motion, and with mechanisms taken away."""

    @contextmanager
    def make(*statements: str) -> Iterator[ServiceKit]:
        with service_kit(SERVICE, servers, issuer) as kit:
            owner = create_engine(kit.config.database_owner_url)
            with owner.begin() as conn:
                for statement in (SLOWLY, *statements):
                    conn.execute(text(statement))
            owner.dispose()
            yield kit

    return make


def holders(kit: ServiceKit, tenant: str, value: str) -> int:
    """How many patients have a number now."""
    with kit.transaction(tenant) as db:
        counted = text("SELECT count(*) FROM identifiers WHERE value = :value AND ended_at IS NULL")
        found: int = db.execute(counted, {"value": value}).scalar_one()
        return found


def test_a_patient_gets_further_identifiers(kit: ServiceKit, tenant: str, desk: Client, register: Register) -> None:
    path = f"/patients/{register(desk)['id']}"
    passport = {"type": "PASSPORT", "issuing_country": "EG", "value": "a-123 4567"}

    added = desk.post(f"{path}/identifiers", passport)
    assert (added.status_code, added.json["value"], added.json["ended_at"]) == (201, "A1234567", None)
    assert desk.get(f"/identifiers/{added.json['id']}").headers["ETag"] == added.headers["ETag"]
    assert desk.get(path).json["national_id"] == "A1234567"
    assert desk.post(f"{path}/identifiers", {"type": "IQAMA", "value": "2000000006"}).status_code == 201
    assert [each["type"] for each in desk.get(f"{path}/identifiers").json["items"]] == ["PASSPORT", "IQAMA"]
    another = desk.post(f"{path}/identifiers", {"type": "IQAMA", "value": "2345678904"})
    assert (another.status_code, another.json["code"]) == (409, "identifier-exists")
    taken = desk.post(f"/patients/{register(desk)['id']}/identifiers", passport)
    assert (taken.status_code, taken.json["code"]) == (409, "national-id-taken")
    assert [e.data["id_type"] for e in kit.events(tenant, "PatientIdentityChanged")] == ["PASSPORT", "IQAMA"]


def test_an_identifier_fits_the_nationality(desk: Client, register: Register) -> None:
    path = f"/patients/{register(desk, nationality='EG')['id']}/identifiers"
    refused = desk.post(path, {"type": "NAT", "value": CARD})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["nationality"])


def test_a_corrected_identifier_ends_with_its_reason_and_another_one_begins(desk: Client, body: Json) -> None:
    [wrong] = desk.post("/patients", body).json["identifiers"]
    path = f"/identifiers/{wrong['id']}/correct"
    right = {"type": "NAT", "value": OTHER_CARD, "reason": "Two digits were swapped"}

    assert list(desk.post(path, {**right, "value": CARD}).json["errors"]) == ["value"]
    corrected = desk.post(path, right)
    again = desk.post(path, {**right, "value": "1122334459"})

    assert (corrected.status_code, corrected.json["value"]) == (201, OTHER_CARD)
    assert (again.status_code, again.json["code"]) == (409, "invalid-transition")
    assert desk.get(f"/identifiers/{wrong['id']}").json["end_reason"] == "Two digits were swapped"
    assert desk.post("/patients", body).status_code == 201, "the old number is free"


def test_a_withdrawn_identifier_is_history(desk: Client, body: Json) -> None:
    patient = desk.post("/patients", body).json
    path = f"/identifiers/{patient['identifiers'][0]['id']}/withdraw"

    assert list(desk.post(path).json["errors"]) == ["reason"]
    withdrawn = desk.post(path, {"reason": "It is the brother's"})
    assert (withdrawn.status_code, withdrawn.json["ended_by"]) == (200, "tester")
    assert desk.get(f"/patients/{patient['id']}").json["national_id"] is None
    assert desk.post(path, {"reason": "Once more"}).json["code"] == "invalid-transition"


def race(kit: ServiceKit, tenant: str, body: Json) -> list[int]:
    """A correction to a card and strangers who take it meanwhile: the answers, the first of them the correction's."""
    desk = kit.client(tenant, "front-desk")
    plain = {**body, "national_id": None}
    [mistaken] = desk.post("/patients", {**plain, "national_id": OTHER_CARD}).json["identifiers"]
    right = {"type": "NAT", "value": CARD, "reason": "As the card says"}

    def stranger(_: int) -> int:
        return desk.post("/patients", {**plain, "national_id": CARD}).status_code

    with ThreadPoolExecutor(8) as pool:
        correction = pool.submit(desk.post, f"/identifiers/{mistaken['id']}/correct", right)
        strangers = list(pool.map(stranger, range(4)))
        return [correction.result().status_code, *strangers]


def test_of_a_correction_and_strangers_who_take_the_number_one_has_it(
    weakened: Weakened, tenant: str, body: Json
) -> None:
    with weakened() as kit:
        answers = race(kit, tenant, body)
        assert sorted(answers) == [201] + [409] * 4
        assert holders(kit, tenant, CARD) == 1


def test_without_the_constraint_several_would_have_the_number(weakened: Weakened, tenant: str, body: Json) -> None:
    with weakened(NO_UNIQUE_VALUE) as kit:
        race(kit, tenant, body)
        assert holders(kit, tenant, CARD) > 1


def test_a_stranger_may_take_the_number_as_soon_as_a_correction_has_freed_it(
    weakened: Weakened, tenant: str, body: Json
) -> None:
    with weakened() as kit:
        desk = kit.client(tenant, "front-desk")
        [mistaken] = desk.post("/patients", {**body, "national_id": CARD}).json["identifiers"]
        right = {"type": "NAT", "value": OTHER_CARD, "reason": "As the card says"}
        with ThreadPoolExecutor(8) as pool:
            correction = pool.submit(desk.post, f"/identifiers/{mistaken['id']}/correct", right)
            strangers = list(pool.map(lambda _: desk.post("/patients", body).status_code, range(4)))
        assert correction.result().status_code == 201
        assert strangers.count(201) <= 1
        assert set(strangers) <= {201, 409}
        assert holders(kit, tenant, CARD) == strangers.count(201)


def two_corrections(kit: ServiceKit, tenant: str, body: Json) -> tuple[list[int], int]:
    """Two people correct one card at the same time: their answers, and how many cards the patient has then."""
    desk = kit.client(tenant, "front-desk")
    patient = desk.post("/patients", body).json
    path = f"/identifiers/{patient['identifiers'][0]['id']}/correct"

    def correct(value: str) -> int:
        return desk.post(path, {"type": "NAT", "value": value, "reason": "As the card says"}).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(correct, [OTHER_CARD, "1122334459"]))
    return answers, len(desk.get(f"/patients/{patient['id']}").json["identifiers"])


def test_of_two_corrections_of_one_card_the_second_finds_that_it_has_ended(
    weakened: Weakened, tenant: str, body: Json
) -> None:
    with weakened(NO_SINGLE_TYPE) as kit:
        assert two_corrections(kit, tenant, body) == ([201, 409], 1)


def test_without_the_patients_lock_both_corrections_would_be_made(
    weakened: Weakened, tenant: str, body: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patient_files.patients import queries

    find = queries.find_patient
    monkeypatch.setattr(queries, "find_patient", lambda db, patient_id, *, lock=False: find(db, patient_id))
    monkeypatch.setattr(queries, "lock_rows", lambda *_: None)
    with weakened(NO_SINGLE_TYPE) as kit:
        assert two_corrections(kit, tenant, body) == ([201, 201], 2)


def test_a_person_has_one_card_at_a_time_even_if_two_are_added_at_once(
    weakened: Weakened, tenant: str, body: Json
) -> None:
    for statements, cards in (((), 1), ((NO_SINGLE_TYPE,), 2)):
        with weakened(*statements) as kit:
            desk = kit.client(tenant, "front-desk")
            path = f"/patients/{desk.post('/patients', {**body, 'national_id': None}).json['id']}"
            given = [{"type": "NAT", "value": value} for value in (CARD, OTHER_CARD)]
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda each, at=path, by=desk: by.post(f"{at}/identifiers", each), given))
            assert len(desk.get(path).json["identifiers"]) == cards
