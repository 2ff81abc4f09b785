"""What is published equals the golden examples, and what is read accepts them."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from clinical_notes.app import SERVICE
from jalsa.dev.kit import Client, ServiceKit, examples_read, golden, with_unknown_fields
from jalsa.events.envelope import parse
from jalsa.service import clock

from .factories import Story


@pytest.mark.parametrize("scope", ["individual", "group"])
def test_a_signature_is_published_as_the_golden_example(
    group: Story, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 23, 8, 15, tzinfo=UTC))
    note = group.create_signed_note(**(group.group_body() if scope == "group" else {}))

    (event,) = group.kit.events(group.tenant, "NoteSigned")
    published, expected = event.attributes(), golden("NoteSigned", scope)

    own = {"note_id": note["id"], "session_id": group.session_id}
    if scope == "individual":
        own["participant_id"] = group.participant_id
    assert published["data"] == {**expected["data"], **own}
    assert published["subject"] == f"note/{note['id']}"
    fresh = {"id", "subject", "tenantid", "position", "correlationid", "traceparent", "data"}
    assert {k: v for k, v in published.items() if k not in fresh} == {
        k: v for k, v in expected.items() if k not in fresh
    }
    assert published.keys() == expected.keys()


@pytest.mark.parametrize(("name", "example_name"), examples_read(SERVICE))
def test_every_golden_example_of_what_is_read_is_accepted_alsowith_unknown_fields(name: str, example_name: str) -> None:
    event, data = f"{name}.v1", golden(name, example_name)["data"]
    stream = next(s for s in SERVICE.streams if event in s.reads)
    assert stream.load(event, with_unknown_fields(data)) == stream.load(event, data)


def test_a_storywith_unknown_fields_ends_as_one_without(kit: ServiceKit, tenant: str) -> None:
    plain, story = Story(kit, tenant).told(), Story(kit, tenant)
    events = [story.clinic_saved(), story.provider_saved(), story.registered(), story.scheduled(), story.booked()]
    for event in [*events, story.confirmed()]:
        attributes = event.attributes()
        kit.inbox.receive(parse({**attributes, "data": with_unknown_fields(attributes["data"]), "newattribute": "x"}))
    assert story.state() == plain.state()


def test_what_is_known_and_means_nothing_here_is_passed_over_in_its_turn(kit: ServiceKit, tenant: str) -> None:
    story = Story(kit, tenant)
    filled = parse(
        {
            **story.session_cancelled().attributes(),
            "id": str(uuid4()),
            "type": "jalsa.scheduling.SessionFilled.v1",
            "data": {},
        }
    )
    assert kit.inbox.knows(filled)
    story.tell([story.session_cancelled(3), filled, story.scheduled()])
    assert [row["session"] for row in story.state()] == ["CANCELLED"]


def test_an_event_without_a_field_that_is_read_is_kept_as_dead_and_changes_nothing(
    kit: ServiceKit, tenant: str
) -> None:
    story = Story(kit, tenant)
    attributes = story.booked().attributes()
    del attributes["data"]["session"]["starts_at"]
    story.tell([parse(attributes), story.confirmed()])
    assert story.state() == []
    dead = kit.client(tenant).get("/events/inbox", state="dead").json["items"]
    assert [item["subject"] for item in dead] == [f"appointment/{story.participant_id}"]


def test_the_events_schema_is_public_and_names_no_content(kit: ServiceKit) -> None:
    schema = Client(kit.app, "").get("/events/schemas/NoteSigned.v1").json
    assert set(schema["properties"]) == {
        "note_id",
        "session_id",
        "participant_id",
        "discipline",
        "scope",
        "signed_by",
        "signed_at",
    }


def test_the_openapi_document_has_the_promised_surface(kit: ServiceKit) -> None:
    paths = Client(kit.app, "").get("/openapi.json").json["paths"]
    surface = {(method, path) for path, item in paths.items() for method in item if method in ("get", "post", "patch")}
    assert surface >= {
        ("post", "/v1/notes"),
        ("get", "/v1/notes"),
        ("get", "/v1/notes/{note_id}"),
        ("patch", "/v1/notes/{note_id}"),
        ("post", "/v1/notes/{note_id}/sign"),
        ("get", "/v1/sessions/{session_id}/notes"),
        ("get", "/v1/patients/{patient_id}/notes"),
        ("get", "/v1/worklist"),
    }
