"""Writing, changing, reading and signing notes over HTTP."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from clinical_notes.models import Note
from jalsa.dev.kit import Reply, ServiceKit
from jalsa.service.ids import new_id

from .factories import CONTENT, Story, created, refused


def test_a_provider_writes_changes_and_signs_a_note(group: Story) -> None:
    draft = created(group.provider.post("/notes", group.note_body()))

    assert (draft["status"], draft["version"], draft["content"]) == ("DRAFT", 1, CONTENT)
    assert (draft["discipline"], draft["scope"], draft["session_id"]) == ("OT", "INDIVIDUAL", group.session_id)
    assert (draft["participant_id"], draft["provider_id"]) == (group.participant_id, group.provider_id)
    assert (draft["signed_by"], draft["signed_at"], draft["addenda"]) == (None, None, [])

    changed = group.provider.patch(f"/notes/{draft['id']}", {"content": "سطر\nLine two"}, draft["etag"])
    assert changed.status_code == 200
    assert (changed.json["content"], changed.json["version"]) == ("سطر\nLine two", 2)

    signed = group.provider.post(f"/notes/{draft['id']}/sign")
    assert signed.status_code == 200
    assert (signed.json["status"], signed.json["signed_by"], signed.json["version"]) == ("SIGNED", "layla", 2)
    assert datetime.fromisoformat(signed.json["signed_at"]).tzinfo is not None
    assert group.provider.get(f"/notes/{draft['id']}").json == signed.json


def test_a_group_session_has_one_shared_note_and_one_of_each_participant(group: Story) -> None:
    other = group.joined_by()
    for body in (group.group_body(), group.note_body(), group.note_body(participant_id=other)):
        created(group.provider.post("/notes", body))
        refused(group.provider.post("/notes", body), 409, "note-exists")
    assert len(group.provider.get(f"/sessions/{group.session_id}/notes").json["items"]) == 3


def test_an_individual_session_has_an_individual_note_and_no_group_note(individual: Story) -> None:
    created(individual.provider.post("/notes", individual.note_body()))
    problem = refused(individual.provider.post("/notes", individual.group_body()), 422, "validation-error")
    assert list(problem["errors"]) == ["scope"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("content", ""),
        ("content", " \n\t "),
        ("content", None),
        ("content", 7),
        ("content", "x" * 20_001),
        ("content", "nul \x00"),
        ("content", "override \u202e"),
        ("content", "control \x9b"),
        ("content", "\u200b\u3164\n\u00a0"),
        ("discipline", "DENTAL"),
        ("discipline", None),
        ("scope", "BOTH"),
        ("scope", "GROUP"),
        ("participant_id", None),
        ("participant_id", "not an id"),
        ("participant_id", "019a1f00-0000-7000-8000-0000000000aa"),
        ("session_id", "not an id"),
        ("session_id", "019a1f00-0000-7000-8000-0000000000ab"),
        ("status", "SIGNED"),
        ("signed_by", "somebody"),
    ],
)
def test_a_note_that_does_not_fit_is_refused_by_field_and_stores_nothing(
    group: Story, field: str, value: object
) -> None:
    problem = refused(group.provider.post("/notes", group.note_body(**{field: value})), 422, "validation-error")
    named = "participant_id" if value == "GROUP" else field
    assert list(problem["errors"]) == [named]
    assert group.kit.count(group.tenant, Note) == 0


@pytest.mark.parametrize("discipline", ["PHYSIOTHERAPY", "SOCIAL_WORK", "SPECIAL_EDUCATION", "DIETETICS"])
def test_a_note_is_written_of_every_discipline(group: Story, discipline: str) -> None:
    assert group.create_signed_note(discipline=discipline)["discipline"] == discipline


@pytest.mark.parametrize("field", ["discipline", "scope", "session_id", "content"])
def test_a_note_without_a_required_field_is_refused(group: Story, field: str) -> None:
    body = group.note_body()
    del body[field]
    assert field in refused(group.provider.post("/notes", body), 422, "validation-error")["errors"]


def test_a_note_of_20000_arabic_characters_is_kept_to_the_letter(group: Story) -> None:
    content = "جلسة\n" * 4_000
    note = created(group.provider.post("/notes", group.note_body(content=content)))
    assert group.provider.get(f"/notes/{note['id']}").json["content"] == content


def test_bodies_that_are_no_json_object_are_refused(group: Story) -> None:
    post = group.provider.call
    refused(post("POST", "/notes", data=b"{", content_type="application/json"), 400, "malformed-request")
    refused(post("POST", "/notes", data=b"x", content_type="text/plain"), 415, "unsupported-media-type")
    refused(group.provider.post("/notes", ["a"]), 422, "validation-error")
    answer = post("POST", "/notes", data=b"x" * (2 << 20), content_type="application/json")
    refused(answer, 413, "request-entity-too-large")


def test_a_participant_of_another_session_is_not_documented_in_this_one(group: Story) -> None:
    elsewhere = Story(group.kit, group.tenant).told()
    body = group.note_body(participant_id=elsewhere.participant_id)
    assert list(refused(group.provider.post("/notes", body), 422, "validation-error")["errors"]) == ["participant_id"]


def test_a_cancelled_place_is_neither_documented_nor_signed_for(group: Story) -> None:
    other = group.joined_by()
    note, others = group.create_note(), group.create_note(participant_id=other)
    group.tell([group.cancelled()])
    refused(group.provider.post(f"/notes/{note['id']}/sign"), 409, "invalid-transition")
    assert group.provider.post(f"/notes/{others['id']}/sign").status_code == 200


def test_a_participant_who_cancelled_before_is_not_documented(group: Story) -> None:
    group.tell([group.cancelled()])
    refused(group.provider.post("/notes", group.note_body()), 409, "invalid-transition")


def test_a_cancelled_session_is_neither_documented_nor_signed_for(group: Story) -> None:
    note = group.create_note()
    group.tell([group.session_cancelled()])
    refused(group.provider.post("/notes", group.group_body()), 409, "invalid-transition")
    refused(group.provider.post(f"/notes/{note['id']}/sign"), 409, "invalid-transition")
    assert group.kit.events(group.tenant, "NoteSigned") == []


def test_a_change_needs_the_entity_tag_of_what_was_read(group: Story) -> None:
    note = group.create_note()
    path, content = f"/notes/{note['id']}", {"content": "later"}
    refused(group.provider.patch(path, content), 428, "precondition-required")
    refused(group.provider.patch(path, content, '"stale"'), 412, "precondition-failed")
    assert group.provider.patch(path, content, note["etag"]).status_code == 200
    refused(group.provider.patch(path, {"content": "again"}, note["etag"]), 412, "precondition-failed")
    answer = group.provider.post(f"{path}/sign", If_Match=note["etag"])
    refused(answer, 412, "precondition-failed")


def test_a_change_is_checked_like_a_new_note(group: Story) -> None:
    note = group.create_note()
    for body in ({}, {"content": " "}, {"content": "x" * 20_001}, {"content": "x", "scope": "GROUP"}):
        refused(group.provider.patch(f"/notes/{note['id']}", body, note["etag"]), 422, "validation-error")
    assert group.provider.get(f"/notes/{note['id']}").json["content"] == CONTENT


def test_a_signed_note_is_neither_changed_nor_signed_again(group: Story) -> None:
    note = group.create_signed_note()
    path = f"/notes/{note['id']}"
    for etag in (note["etag"], '"stale"', None):
        refused(group.provider.patch(path, {"content": "other"}, etag), 409, "invalid-transition")
    refused(group.provider.post(f"{path}/sign"), 409, "invalid-transition")
    assert group.provider.get(path).json["content"] == CONTENT
    assert len(group.kit.events(group.tenant, "NoteSigned")) == 1


def test_a_repeated_request_with_one_key_writes_one_note(group: Story) -> None:
    first = group.provider.post("/notes", group.note_body(), Idempotency_Key="k1")
    again = group.provider.post("/notes", group.note_body(), Idempotency_Key="k1")
    assert (again.status_code, again.json) == (201, first.json)
    refused(group.provider.post("/notes", group.group_body(), Idempotency_Key="k1"), 422, "idempotency-key-reused")
    assert group.kit.count(group.tenant, Note) == 1


def test_of_many_who_begin_the_same_note_at_once_one_does(group: Story) -> None:
    answers = at_once(lambda: group.provider.post("/notes", group.group_body()))
    assert sorted(a.status_code for a in answers) == [201] + [409] * (len(answers) - 1)
    assert {a.json["code"] for a in answers if a.status_code == 409} == {"note-exists"}


def test_of_many_who_sign_at_once_one_does_and_one_event_says_so(group: Story) -> None:
    note = group.create_note()
    answers = at_once(lambda: group.provider.post(f"/notes/{note['id']}/sign"))
    assert sorted(a.status_code for a in answers) == [200] + [409] * (len(answers) - 1)
    assert len(group.kit.events(group.tenant, "NoteSigned")) == 1


def test_every_change_leaves_an_audit_row_with_its_author(kit: ServiceKit, group: Story) -> None:
    note = group.create_signed_note()
    with kit.transaction(group.tenant) as db:
        rows = db.execute(
            text("SELECT action, actor, after->>'status' AS status FROM audit_log WHERE row_id = :id ORDER BY id"),
            {"id": note["id"]},
        ).all()
    assert [tuple(row) for row in rows] == [("INSERT", "layla", "DRAFT"), ("UPDATE", "layla", "SIGNED")]


def test_notes_are_listed_by_what_they_are_about_page_by_page(group: Story, individual: Story) -> None:
    other = group.joined_by()
    mine = [group.create_note(), group.create_note(participant_id=other), group.create_note(**group.group_body())]
    individual.create_signed_note()

    def ids(**query: Any) -> list[str]:
        return [note["id"] for note in group.manager.get("/notes", **query).json["items"]]

    assert ids(session_id=group.session_id) == [note["id"] for note in mine]
    assert ids(participant_id=other) == [mine[1]["id"]]
    assert ids(scope="GROUP") == [mine[2]["id"]]
    assert len(ids(status="SIGNED")) == 1
    assert ids(discipline="SLP") == []

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = group.manager.get("/notes", limit=3, **cursor).json
        seen += [note["id"] for note in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert seen == ids()
    assert len(seen) == 4


def test_a_patients_notes_are_the_own_and_the_group_notes_of_the_own_sessions(group: Story) -> None:
    other = group.joined_by()
    own, shared = group.create_note(), group.create_note(**group.group_body())
    group.create_note(participant_id=other)
    path = f"/patients/{group.patient_id}/notes"
    assert [note["id"] for note in group.manager.get(path).json["items"]] == [own["id"], shared["id"]]
    group.tell([group.cancelled()])
    assert [note["id"] for note in group.manager.get(path).json["items"]] == [own["id"]]


@pytest.mark.parametrize("path", ["/notes/{}", "/sessions/{}/notes", "/patients/{}/notes"])
def test_what_is_not_there_is_not_found(group: Story, path: str) -> None:
    refused(group.manager.get(path.format(new_id())), 404, "not-found")


@pytest.mark.parametrize("path", ["/notes", "/worklist"])
@pytest.mark.parametrize("query", [{"cursor": "§"}, {"cursor": "eHg"}, {"limit": 0}, {"limit": 201}])
def test_a_list_refuses_a_cursor_or_limit_that_is_not_its_own(group: Story, path: str, query: dict[str, Any]) -> None:
    refused(group.manager.get(path, **query), 422, "validation-error")


def at_once(call: Callable[[], Reply], times: int = 8) -> list[Reply]:
    """The answers of calls that start together."""
    start = threading.Barrier(times)

    def one(_: int) -> Reply:
        start.wait(10)
        answer = call()
        return answer

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
