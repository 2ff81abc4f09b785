"""Every GET of every role is asked. No note's content reaches whom it is not for."""

import secrets

from jalsa.dev.canaries import seen_by_role
from jalsa.dev.kit import Client
from jalsa.service.policy import ROLES

from .factories import Story


def reached(story: Story, clinician: Client, ids: dict[str, str], words: dict[str, str]) -> dict[str, set[str]]:
    clients = {role: story.kit.client(story.tenant, role) for role in ROLES} | {"clinician": clinician}
    found = seen_by_role(lambda role: clients[role], ids, {}, words)
    return {role: names for role, paths in found.items() if (names := set[str]().union(*paths.values()))}


def test_what_is_written_reaches_its_provider_and_managers_and_when_signed_every_therapist(group: Story) -> None:
    draft, signed = (f"canary{secrets.token_hex(6)}" for _ in range(2))
    words = {draft: "draft", signed: "signed"}
    note = group.create_note(content=f"{draft} was here")
    group.create_signed_note(**group.group_body(content=f"{signed} was here"))
    group.kit.events(group.tenant)
    ids = {
        "note_id": note["id"],
        "session_id": group.session_id,
        "patient_id": group.patient_id,
        "event": "NoteSigned.v1",
    }
    everything = {draft, signed}
    assert reached(group, group.provider, ids, words) == {"clinician": everything, "manager": everything}
    assert reached(group, group.clinician(), ids, words) == {"clinician": {signed}, "manager": everything}
