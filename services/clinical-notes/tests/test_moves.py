"""Sessions and places are moved. Tests whose notes they are, and which can be written and signed."""

from itertools import permutations
from typing import Any
from uuid import uuid4

from jalsa.dev.kit import ServiceKit

from .factories import Story, created, refused


def roster(story: Story) -> list[str]:
    """The participants in the session's roster, as a manager sees them."""
    entries = story.manager.get("/worklist").json["items"]
    return [p["participant_id"] for e in entries if e["session_id"] == story.session_id for p in e["roster"]]


def given_to(story: Story, provider_id: str) -> None:
    """The session is given to another provider of the tenant."""
    story.tell([story.session_rescheduled(provider={**story.block["provider"], "id": provider_id})])


def shown(story: Story) -> list[tuple[str, Any]]:
    """What the worklist says of each note of the story's own participant's session."""
    entries = story.manager.get("/worklist").json["items"]
    [entry] = [e for e in entries if e["session_id"] == story.session_id]
    return [(entry["group_note"]["status"], p["note"]["status"]) for p in entry["roster"]]


def test_a_place_that_was_moved_is_in_the_other_sessions_roster_alone(group: Story) -> None:
    other = Story(group.kit, group.tenant).told()
    group.tell([group.rescheduled(other.block)])
    assert roster(group) == []
    assert sorted(roster(other)) == sorted([group.participant_id, other.participant_id])


def test_a_place_may_be_moved_to_a_session_that_has_not_been_heard_of_and_every_order_ends_alike(
    kit: ServiceKit, tenant: str
) -> None:
    for order in permutations(range(5)):
        story, other = Story(kit, tenant), Story(kit, tenant)
        moved = {**other.block, "session": {**other.block["session"], "starts_at": "2026-12-24T07:00:00Z"}}
        told = [
            story.scheduled(),
            story.booked(),
            story.rescheduled(moved, 2),
            other.scheduled(),
            other.session_rescheduled(),
        ]
        story.tell(told[i] for i in order)
        assert [row["participant"] for row in story.state()] == [None], order
        [there] = other.state()
        assert (there["participant"], there["session"], there["starts_at"].day) == ("BOOKED", "SCHEDULED", 24), order


def test_a_session_that_was_moved_goes_by_its_new_time(group: Story) -> None:
    group.tell([group.session_rescheduled()])
    [entry] = group.provider.get("/worklist").json["items"]
    assert (entry["starts_at"], entry["ends_at"]) == ("2026-11-24T07:00:00Z", "2026-11-24T08:00:00Z")


def test_a_draft_of_a_place_that_was_moved_can_not_be_signed_until_it_is_moved_back(group: Story) -> None:
    draft, other = group.create_note(), Story(group.kit, group.tenant).told()
    group.tell([group.rescheduled(other.block)])
    refused(group.provider.post(f"/notes/{draft['id']}/sign"), 409, "invalid-transition")
    group.tell([group.rescheduled(group.block, 4)])
    assert group.provider.post(f"/notes/{draft['id']}/sign").status_code == 200


def test_a_draft_of_the_session_before_does_not_stand_in_the_way_of_the_present_one(group: Story) -> None:
    group.create_note()
    other = Story(group.kit, group.tenant).told()
    group.tell([group.rescheduled(other.block)])
    body = other.note_body(participant_id=group.participant_id)
    assert created(other.provider.post("/notes", body))["status"] == "DRAFT"
    refused(other.provider.post("/notes", body), 409, "note-exists")


def test_a_session_that_was_given_to_another_provider_is_documented_by_that_one(group: Story) -> None:
    drafts = [group.create_note(), created(group.provider.post("/notes", group.group_body()))]
    former, present = group.provider, group.clinician(provider_id := str(uuid4()))
    given_to(group, provider_id)

    for draft in drafts:
        refused(former.post(f"/notes/{draft['id']}/sign"), 403, "forbidden")
        assert former.get(f"/notes/{draft['id']}").status_code == 200
        refused(present.get(f"/notes/{draft['id']}"), 404, "not-found")
    assert shown(group) == [("MISSING", "MISSING")]
    for body in (group.note_body(), group.group_body()):
        note = created(present.post("/notes", body))
        assert present.post(f"/notes/{note['id']}/sign").status_code == 200
        refused(present.post("/notes", body), 409, "note-exists")
    assert shown(group) == [("SIGNED", "SIGNED")]


def test_what_the_former_provider_signed_counts_until_the_present_one_begins_a_note(group: Story) -> None:
    group.create_signed_note(**group.group_body())
    present = group.clinician(provider_id := str(uuid4()))
    given_to(group, provider_id)
    assert shown(group) == [("SIGNED", "MISSING")]
    created(present.post("/notes", group.group_body()))
    assert shown(group) == [("DRAFT", "MISSING")]


def test_who_did_not_come_has_no_place_in_the_roster_and_who_came_late_has(group: Story) -> None:
    group.tell([group.no_show()])
    assert roster(group) == []
    refused(group.provider.post("/notes", group.note_body()), 409, "invalid-transition")
    group.tell([group.arrived(4)])
    assert roster(group) == [group.participant_id]
    group.create_signed_note()
