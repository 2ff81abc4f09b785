"""The worklist says what is to be written, by whom and of whom."""

from uuid import uuid4

import pytest

from jalsa.dev.kit import ServiceKit, example

from .factories import Json, Story, refused


def item(story: Story) -> Json:
    """The story's session in its provider's worklist."""
    (found,) = (i for i in story.provider.get("/worklist").json["items"] if i["session_id"] == story.session_id)
    entry: Json = found
    return entry


def test_a_session_is_listed_with_its_roster_clinic_and_provider(group: Story) -> None:
    entry = item(group)
    assert (entry["session_number"], entry["session_type"]) == ("SES-AGDAR-2026-00001", "GROUP")
    assert (entry["starts_at"], entry["timezone"]) == ("2026-11-23T07:00:00Z", "Asia/Riyadh")
    assert entry["clinic"] == {
        "id": group.clinic_id,
        "code": "OT",
        "name_en": "Occupational therapy",
        "name_ar": "العلاج الوظيفي",
    }
    assert entry["provider"] == {"id": group.provider_id, "name_en": "Layla Haddad", "name_ar": "ليلى حداد"}
    (place,) = entry["roster"]
    assert place == {
        "participant_id": group.participant_id,
        "appointment_number": "APT-AGDAR-2026-00001",
        "patient_id": group.patient_id,
        "file_number": "FILE-2026-000001",
        "status": "CONFIRMED",
        "note": {"id": None, "status": "MISSING"},
    }


def test_a_corrected_zone_of_the_clinic_is_the_sessions_too_whatever_comes_last(kit: ServiceKit, tenant: str) -> None:
    """Nothing orders the clinic's events and those of its sessions, which name the zone of their own time."""
    story = Story(kit, tenant).told()
    clinic_id = story.clinic_id
    corrected = example(
        "ClinicSaved", "default", tenant, sequence=2, subject_id=clinic_id, clinic_id=clinic_id, timezone="Asia/Dubai"
    )
    story.tell([corrected, story.session_rescheduled()])
    assert item(story)["timezone"] == "Asia/Dubai"


@pytest.mark.parametrize(
    "discipline", ["PHYSIOTHERAPY", "SOCIAL_WORK", "SPECIAL_EDUCATION", "DIETETICS", "YET_ANOTHER"]
)
def test_a_session_of_any_discipline_is_followed(kit: ServiceKit, tenant: str, discipline: str) -> None:
    story = Story(kit, tenant)
    block = {**story.block, "session": {**story.block["session"], "discipline": discipline}}
    story.tell([story.session_rescheduled(1, **block)])
    assert item(story)["discipline"] == discipline
    assert kit.client(tenant).get("/events/inbox", state="dead").json["items"] == []


def test_a_worklist_says_which_notes_are_missing_begun_and_signed(group: Story) -> None:
    other = group.joined_by()
    draft, signed = group.create_note(participant_id=other), group.create_signed_note(**group.group_body())
    entry = item(group)
    assert entry["group_note"] == {"id": signed["id"], "status": "SIGNED"}
    assert {place["participant_id"]: place["note"] for place in entry["roster"]} == {
        group.participant_id: {"id": None, "status": "MISSING"},
        other: {"id": draft["id"], "status": "DRAFT"},
    }


def test_an_individual_session_asks_for_no_group_note(individual: Story) -> None:
    assert item(individual)["group_note"] is None


def test_who_gave_the_place_up_is_not_in_the_roster(group: Story) -> None:
    other = group.joined_by()
    group.tell([group.cancelled()])
    assert [place["participant_id"] for place in item(group)["roster"]] == [other]


def test_a_cancelled_session_is_not_listed(group: Story) -> None:
    group.tell([group.session_cancelled()])
    assert group.provider.get("/worklist").json["items"] == []


def test_what_is_not_known_yet_is_null(kit: ServiceKit, tenant: str) -> None:
    story = Story(kit, tenant)
    story.tell([story.booked()])
    entry = item(story)
    assert (entry["clinic"], entry["provider"], entry["roster"][0]["file_number"]) == (None, None, None)


def test_a_clinician_has_the_own_worklist_and_no_other(group: Story, individual: Story) -> None:
    assert [i["session_id"] for i in group.provider.get("/worklist").json["items"]] == [group.session_id]
    own = group.provider.get("/worklist", provider_id=group.provider_id)
    assert [i["session_id"] for i in own.json["items"]] == [group.session_id]
    refused(group.provider.get("/worklist", provider_id=individual.provider_id), 403, "forbidden")


def test_a_manager_has_everybodys_or_one_providers_worklist(group: Story, individual: Story) -> None:
    everybodys = group.manager.get("/worklist").json["items"]
    assert {i["session_id"] for i in everybodys} == {group.session_id, individual.session_id}
    one = group.manager.get("/worklist", provider_id=individual.provider_id).json["items"]
    assert [i["session_id"] for i in one] == [individual.session_id]
    refused(group.manager.get("/worklist", provider_id="x"), 422, "validation-error")


def test_a_worklist_goes_by_start_page_by_page_within_its_bounds(group: Story) -> None:
    stories = [Story(group.kit, group.tenant) for _ in range(5)]
    for day, story in zip((7, 3, 5, 5, 1), stories, strict=True):
        story.provider_id = group.provider_id
        start = {"starts_at": f"2026-12-0{day}T07:00:00Z", "ends_at": f"2026-12-0{day}T08:00:00Z"}
        block = {**story.block, "session": {**story.block["session"], **start}}
        group.kit.inbox.receive(
            example(
                "SessionScheduled",
                "default",
                group.tenant,
                subject_id=story.session_id,
                session_id=story.session_id,
                **block,
            )
        )

    bounds = {"from": "2026-12-01T10:00:00+03:00", "to": "2026-12-07T10:00:00+03:00"}
    seen: list[tuple[str, str]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = group.provider.get("/worklist", limit=2, **bounds, **cursor).json
        seen += [(i["starts_at"], i["session_id"]) for i in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert [start[8:10] for start, _ in seen] == ["01", "03", "05", "05"]
    assert seen == sorted(set(seen))
    refused(group.provider.get("/worklist", **{"from": "2026-12-01T10:00:00"}), 422, "validation-error")


def test_an_unknown_providers_worklist_is_empty(group: Story) -> None:
    assert group.manager.get("/worklist", provider_id=str(uuid4())).json["items"] == []
