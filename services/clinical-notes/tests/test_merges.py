"""Merged patients: notes and rosters are read under the survivor, and go back when the merge is undone."""

from itertools import permutations

import pytest

from jalsa.dev.kit import Client, ServiceKit

from .factories import Story


def noted(client: Client, patient_id: str) -> set[str]:
    """The notes of a patient, by both ways to ask for them."""
    listed = client.get("/notes", patient_id=patient_id).json["items"]
    assert client.get(f"/patients/{patient_id}/notes").json["items"] == listed
    return {note["id"] for note in listed}


def roster(story: Story) -> list[tuple[str, str | None]]:
    """Who is in the session: patients and the numbers of their files."""
    [session] = story.provider.get("/worklist").json["items"]
    return [(place["patient_id"], place["file_number"]) for place in session["roster"]]


@pytest.fixture
def survivor(kit: ServiceKit, tenant: str) -> Story:
    """The story of the patient into whom the other one is merged."""
    return Story(kit, tenant).tell([])


@pytest.fixture
def known(survivor: Story) -> Story:
    story = survivor
    return story.tell([story.registered(file_number="FILE-2026-000777"), story.scheduled(), story.booked()])


def test_the_notes_of_both_are_found_under_either_id_and_go_back_when_the_merge_is_undone(
    group: Story, known: Story
) -> None:
    own, others = group.create_signed_note()["id"], known.create_signed_note()["id"]
    shared = group.create_signed_note(**group.group_body())["id"]
    group.tell([group.merged_into(known.patient_id)])
    for patient_id in (group.patient_id, known.patient_id):
        assert noted(group.manager, patient_id) == {own, others, shared}
    group.tell([group.unmerged_from(known.patient_id)])
    assert noted(group.manager, group.patient_id) == {own, shared}
    assert noted(group.manager, known.patient_id) == {others}


def test_a_worklist_names_the_file_that_is_in_use_and_the_patient_as_booked(group: Story, known: Story) -> None:
    [(patient_id, first)] = roster(group)
    group.tell([group.merged_into(known.patient_id)])
    assert roster(group) == [(patient_id, "FILE-2026-000777")]
    group.tell([group.unmerged_from(known.patient_id)])
    assert roster(group) == [(patient_id, first)]


def test_the_survivor_may_become_known_later_than_the_merge(group: Story, survivor: Story) -> None:
    own = group.create_signed_note()["id"]
    group.tell([group.merged_into(survivor.patient_id)])
    assert (noted(group.manager, group.patient_id), roster(group)) == ({own}, [(group.patient_id, None)])
    group.tell([survivor.registered(file_number="FILE-2026-000777")])
    assert noted(group.manager, survivor.patient_id) == {own}
    assert roster(group) == [(group.patient_id, "FILE-2026-000777")]


def test_merges_and_their_undoing_are_read_alike_in_whatever_order_their_streams_arrive(
    kit: ServiceKit, tenant: str
) -> None:
    for order in permutations(range(3)):
        a, b, c = (Story(kit, tenant).told() for _ in range(3))
        # a into b, which was undone. Then b into c, and c into a, which was undone as well
        streams = [
            [a.merged_into(b.patient_id), a.unmerged_from(b.patient_id)],
            [b.merged_into(c.patient_id)],
            [c.merged_into(a.patient_id), c.unmerged_from(a.patient_id)],
        ]
        notes = {story.create_signed_note()["id"]: story for story in (a, b, c)}
        for step in range(2):
            for which in order:
                a.tell(streams[which][step : step + 1])
        of = {story.patient_id: note for note, story in notes.items()}
        both = {of[b.patient_id], of[c.patient_id]}
        assert [noted(a.manager, each.patient_id) for each in (a, b, c)] == [{of[a.patient_id]}, both, both]
    assert kit.client(tenant).get("/events/inbox").json["items"] == []
