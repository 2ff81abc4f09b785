"""Fields that are not for everybody: withheld wherever a schema writes them, and from a repeated answer, too."""

from typing import Any
from uuid import uuid4

import pytest
from flask import jsonify
from marshmallow import Schema, fields

from jalsa.dev.kit import Client, ServiceKit
from jalsa.http import Answer, Routes, check_if_match, json_with_etag, page_of, restricted
from jalsa.http.fields import EmptyBody
from jalsa.service.declaration import Service
from jalsa.service.policy import Readers

from .lamps import POLICY, MakeKit

OWN = uuid4()
ROLES = frozenset({"manager", "clinician"})


class Bulb(Answer):
    secret = restricted(Readers(frozenset({"manager"})), fields.String())


class Shelf(Answer):
    id = fields.UUID(data_key="shelf_id")
    owner_id = fields.UUID()
    note = restricted(Readers(ROLES), fields.String(allow_none=True, metadata={"description": "Words"}))
    why = restricted(Readers(frozenset({"manager"}), own="owner_id"), fields.String())
    by_hand = fields.Boolean()
    code = restricted(Readers(frozenset({"manager"}), only_if="by_hand"), fields.String())
    bulbs = fields.List(fields.Nested(Bulb()))
    first = fields.Nested(Bulb(), allow_none=True)


SHELF = Shelf()
STORED = {
    "id": uuid4(),
    "owner_id": OWN,
    "note": "NOTE",
    "why": "WHY",
    "by_hand": True,
    "code": "CODE",
    "bulbs": [{"secret": "BULB-1"}, {"secret": "BULB-2"}],
    "first": {"secret": "BULB-1"},
}
ALL = {"NOTE", "WHY", "CODE", "BULB-1", "BULB-2"}
calls: list[str] = []


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    routes = Routes("shelves", "Shelves")
    policy = {**POLICY, "shelves": frozenset({"manager", "clinician", "biller", "integration"})}

    @routes.view("/shelf", permission="shelves", response=SHELF)
    def one() -> Any:
        return json_with_etag(SHELF.dump(STORED))

    @routes.view("/shelves", permission="shelves", response=page_of(Shelf))
    def listed() -> Any:
        return {"items": [STORED, {**STORED, "owner_id": uuid4(), "by_hand": False}], "next_cursor": None}

    @routes.view("/shelf", "PATCH", permission="shelves", body=EmptyBody(), response=SHELF)
    def change(_: Any) -> Any:
        check_if_match(SHELF.dump(STORED))
        return jsonify({})

    @routes.view("/shelf", "POST", permission="shelves", body=EmptyBody(), response=SHELF, status=201)
    def make(_: Any) -> Any:
        calls.append("made")
        return json_with_etag(SHELF.dump(STORED), 201)

    @routes.view("/plan", "POST", permission="shelves", body=EmptyBody(), response=SHELF, kept=False)
    def plan(_: Any) -> Any:
        calls.append("planned")
        return STORED

    calls.clear()
    return make_kit(Service(name="alpha", title="Shelves", policy=policy, routes=(routes,)))


def words(document: Any) -> set[str]:
    text = str(document)
    return {word for word in ALL if word in text}


def test_a_field_is_withheld_from_whoever_may_not_read_it_in_a_record_and_in_a_list(
    kit: ServiceKit, tenant: str
) -> None:
    seen = {
        ("manager",): ALL,
        ("biller",): set[str](),
        ("clinician",): set[str](),
        ("integration", "biller"): set[str](),
        ("biller", "manager"): ALL,
    }
    for roles, expected in seen.items():
        client = kit.client(tenant, *roles)
        shelf = client.get("/shelf").get_json()
        assert words(shelf) == expected, roles
        assert words(client.get("/shelves").get_json()["items"][0]) == expected, roles
        assert shelf["withheld"] == ([] if expected else ["code", "note", "why"])
        assert shelf["bulbs"][1]["withheld"] == ([] if expected else ["secret"])
        assert set(shelf) == {*SHELF.fields, "shelf_id"} - {"id"}, "withheld fields are there, and null"


def test_a_clinician_counts_as_one_as_a_provider_alone_and_reads_what_is_of_the_own(
    kit: ServiceKit, tenant: str
) -> None:
    own = kit.client(tenant, "clinician", provider_id=str(OWN).upper())
    other = kit.client(tenant, "clinician", provider_id=str(uuid4()))
    assert words(own.get("/shelf").get_json()) == {"NOTE", "WHY"}
    assert words(other.get("/shelf").get_json()) == {"NOTE"}
    for name in (None, "", "layla", str(OWN) + "0"):
        assert words(kit.client(tenant, "clinician", provider_id=name).get("/shelf").get_json()) == set(), name


def test_a_rule_may_hold_for_some_records_alone(kit: ServiceKit, tenant: str) -> None:
    first, second = kit.client(tenant, "biller").get("/shelves").get_json()["items"]
    assert (first["code"], second["code"]) == (None, "CODE")
    assert ("code" in first["withheld"], "code" in second["withheld"]) == (True, False)


def test_the_tag_that_a_role_reads_is_the_one_with_which_it_changes(kit: ServiceKit, tenant: str) -> None:
    tags = set()
    for role in ("manager", "biller"):
        client = kit.client(tenant, role)
        tag = client.get("/shelf").headers["ETag"]
        assert client.patch("/shelf", {}, tag).status_code == 200
        tags.add(tag)
    assert len(tags) == 2


def repeat(kit: ServiceKit, tenant: str, *roles: str) -> Any:
    return kit.client(tenant, *roles).post("/shelf", Idempotency_Key="k")


def test_a_repeated_answer_shows_what_its_caller_may_see_by_then(kit: ServiceKit, tenant: str) -> None:
    first = repeat(kit, tenant, "manager")
    assert (first.status_code, words(first.get_json())) == (201, ALL)
    again = repeat(kit, tenant, "manager")
    assert (again.get_data(), again.headers["ETag"]) == (first.get_data(), first.headers["ETag"])
    demoted = repeat(kit, tenant, "biller")
    assert (demoted.status_code, demoted.headers["Idempotent-Replayed"]) == (201, "true")
    assert words(demoted.get_json()) == set()
    assert demoted.get_json()["withheld"] == ["code", "note", "why"]
    assert "ETag" not in demoted.headers, "it was of another view of the record"
    assert demoted.get_json()["shelf_id"] == first.get_json()["shelf_id"]
    assert repeat(kit, tenant, "front-desk").status_code == 403
    assert calls == ["made"]


def test_what_was_withheld_at_first_is_said_to_be_so_in_a_repeat(kit: ServiceKit, tenant: str) -> None:
    repeat(kit, tenant, "biller")
    promoted = repeat(kit, tenant, "manager").get_json()
    assert (words(promoted), promoted["withheld"]) == (set(), ["code", "note", "why"])


def test_an_answer_that_is_not_kept_is_made_again_and_stored_nowhere(kit: ServiceKit, tenant: str) -> None:
    client = kit.client(tenant, "manager")
    for _ in range(2):
        assert "Idempotent-Replayed" not in client.post("/plan", Idempotency_Key="k").headers
    assert calls == ["planned", "planned"]
    with kit.transaction(tenant) as db:
        assert db.connection().exec_driver_sql("SELECT count(*) FROM idempotency_keys").scalar() == 0
    paths = client.get("/openapi.json").get_json()["paths"]
    named = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert named in paths["/v1/shelf"]["post"]["parameters"]
    assert named not in paths["/v1/plan"]["post"].get("parameters", [])


def test_the_document_says_who_reads_a_field(kit: ServiceKit) -> None:
    schema = Client(kit.app, "").get("/openapi.json").get_json()["components"]["schemas"]["Shelf"]["properties"]
    assert (schema["note"]["x-readers"], schema["note"]["description"]) == (["clinician", "manager"], "Words")
    assert "x-readers" not in schema["owner_id"]


def test_a_restricted_field_that_nothing_would_withhold_is_refused_at_the_start() -> None:
    class Careless(Schema):
        note = restricted(Readers(ROLES), fields.String())

    class Around(Schema):
        shelves = fields.List(fields.Nested(Careless()))

    for schema in (Careless(), Around(), page_of(Around)):
        with pytest.raises(TypeError, match="Careless"):
            Routes("x", "x").view("/x", permission="x", response=schema)
    Routes("x", "x").view("/x", permission="x", response=page_of(Shelf))
