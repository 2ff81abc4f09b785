"""Who may do what: roles, providers, tenants."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from clinical_notes.app import SERVICE
from clinical_notes.models import Note
from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.loading import assert_what_is_loaded_fits
from jalsa.dev.surface import assert_each_role_is_told_its_permissions, assert_no_read_takes_an_unknown_parameter
from jalsa.service.policy import AUTHENTICATED, PUBLIC

from .factories import Json, Story, refused

OTHER_ROLES = ("front-desk", "biller", "records", "integration", "subscriber")


def calls(story: Story, note: Json) -> dict[str, Callable[[Client], TestResponse]]:
    """Everything that can be done with a note."""
    path = f"/notes/{note['id']}"
    return {
        "list": lambda c: c.get("/notes"),
        "read": lambda c: c.get(path),
        "of the session": lambda c: c.get(f"/sessions/{story.session_id}/notes"),
        "of the patient": lambda c: c.get(f"/patients/{story.patient_id}/notes"),
        "worklist": lambda c: c.get("/worklist"),
        "write": lambda c: c.post("/notes", story.group_body()),
        "change": lambda c: c.patch(path, {"content": "changed"}, note["etag"]),
        "sign": lambda c: c.post(f"{path}/sign"),
    }


@pytest.mark.parametrize("role", OTHER_ROLES)
def test_other_roles_can_do_nothing_with_notes(group: Story, role: str) -> None:
    note = group.create_note()
    stranger = group.kit.client(group.tenant, role, provider_id=group.provider_id)
    for call in calls(group, note).values():
        refused(call(stranger), 403, "forbidden")
    assert group.provider.get(f"/notes/{note['id']}").json["status"] == "DRAFT"


def test_a_manager_reads_every_note_and_writes_none(group: Story) -> None:
    note = group.create_note()
    for name, call in calls(group, note).items():
        answer = call(group.manager)
        if name in ("write", "change", "sign"):
            refused(answer, 403, "forbidden")
        else:
            assert answer.status_code == 200, name
    assert group.manager.get("/notes").json["items"][0]["status"] == "DRAFT"


def test_another_clinician_does_not_learn_of_a_draft(group: Story) -> None:
    note = group.create_note()
    other = group.clinician()
    path = f"/notes/{note['id']}"
    refused(other.get(path), 404, "not-found")
    refused(other.patch(path, {"content": "x"}, note["etag"]), 404, "not-found")
    refused(other.post(f"{path}/sign"), 404, "not-found")
    for listed in ("/notes", f"/sessions/{group.session_id}/notes", f"/patients/{group.patient_id}/notes"):
        assert other.get(listed).json["items"] == [], listed


def test_another_clinician_reads_a_signed_note_and_can_not_touch_it(group: Story) -> None:
    note = group.create_signed_note()
    other = group.clinician()
    path = f"/notes/{note['id']}"
    assert other.get(path).json["content"] == note["content"]
    for listed in ("/notes", f"/sessions/{group.session_id}/notes", f"/patients/{group.patient_id}/notes"):
        assert [item["id"] for item in other.get(listed).json["items"]] == [note["id"]], listed
    refused(other.patch(path, {"content": "x"}, note["etag"]), 403, "forbidden")
    refused(other.post(f"{path}/sign"), 403, "forbidden")


def test_another_clinician_does_not_write_in_a_colleagues_session(group: Story) -> None:
    refused(group.clinician().post("/notes", group.note_body()), 403, "forbidden")
    assert group.kit.count(group.tenant, Note) == 0


@pytest.mark.parametrize("claim", [None, "layla", ""])
def test_a_clinician_whose_token_names_no_provider_reads_what_is_signed_and_no_more(
    group: Story, claim: str | None
) -> None:
    draft, signed = group.create_note(), group.create_signed_note(**group.group_body())
    nobody = group.kit.client(group.tenant, "clinician", provider_id=claim)
    assert [note["id"] for note in nobody.get("/notes").json["items"]] == [signed["id"]]
    refused(nobody.get(f"/notes/{draft['id']}"), 404, "not-found")
    refused(nobody.post("/notes", group.note_body()), 403, "forbidden")
    refused(nobody.post(f"/notes/{draft['id']}/sign"), 403, "forbidden")
    refused(nobody.get("/worklist"), 403, "forbidden")


def test_a_clinician_who_is_also_a_manager_reads_all_and_signs_the_own(group: Story, individual: Story) -> None:
    own, colleagues = group.create_note(), individual.create_note()
    both = group.kit.client(group.tenant, "clinician", "manager", provider_id=group.provider_id)
    assert {note["id"] for note in both.get("/notes").json["items"]} == {own["id"], colleagues["id"]}
    assert both.post(f"/notes/{own['id']}/sign").status_code == 200
    refused(both.post(f"/notes/{colleagues['id']}/sign"), 403, "forbidden")


def test_another_tenant_sees_nothing_even_with_the_same_provider(group: Story) -> None:
    note = group.create_signed_note(**group.group_body())
    draft = group.create_note()
    foreign = f"t{uuid4().hex[:12]}"
    for client in (
        group.kit.client(foreign, "manager"),
        group.kit.client(foreign, "clinician", provider_id=group.provider_id),
    ):
        refused(client.get(f"/notes/{note['id']}"), 404, "not-found")
        refused(client.get(f"/sessions/{group.session_id}/notes"), 404, "not-found")
        refused(client.get(f"/patients/{group.patient_id}/notes"), 404, "not-found")
        assert client.get("/notes").json["items"] == []
        assert client.get("/worklist").json["items"] == []
    assert group.kit.client(foreign, "manager").get("/events").json["items"] == []
    clinician = group.kit.client(foreign, "clinician", provider_id=group.provider_id)
    refused(clinician.patch(f"/notes/{draft['id']}", {"content": "x"}, draft["etag"]), 404, "not-found")
    refused(clinician.post(f"/notes/{draft['id']}/sign"), 404, "not-found")
    problem = refused(clinician.post("/notes", group.note_body()), 422, "validation-error")
    assert list(problem["errors"]) == ["session_id"]


def test_the_same_note_may_exist_in_two_tenants(kit: ServiceKit, group: Story) -> None:
    """A unique key that forgot the tenant would tell of the other's note."""
    elsewhere = Story(kit, f"t{uuid4().hex[:12]}").told()
    group.create_note(**group.group_body())
    elsewhere.create_note(**elsewhere.group_body())


def test_every_table_of_a_tenant_is_forced_behind_row_level_security(kit: ServiceKit, tenant: str) -> None:
    query = text("""
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id'
    """)
    with kit.transaction(tenant) as db:
        forced = {row.relname: row.forced for row in db.execute(query)}
    assert {"notes", "sessions", "participants", "patients", "clinics", "providers"} <= forced.keys()
    assert all(forced.values()), forced


def test_plain_sql_of_another_tenant_finds_no_note(group: Story, kit: ServiceKit) -> None:
    group.create_note()
    count = text("SELECT count(*) FROM notes")
    with kit.transaction(group.tenant) as db:
        assert db.execute(count).scalar_one() == 1
    with kit.transaction(f"t{uuid4().hex[:12]}") as db:
        assert db.execute(count).scalar_one() == 0


def test_the_event_log_is_for_managers_and_subscribers(group: Story) -> None:
    group.create_signed_note()
    for role, status in {
        "manager": 200,
        "integration": 200,
        "subscriber": 200,
        "system": 200,
        "clinician": 403,
        "front-desk": 403,
    }.items():
        assert group.kit.client(group.tenant, role).get("/events").status_code == status, role
    for role, status in {"manager": 200, "integration": 403, "clinician": 403}.items():
        assert group.kit.client(group.tenant, role).get("/events/inbox").status_code == status, role


def test_without_a_token_nothing_is_answered_but_what_is_public(group: Story) -> None:
    client = Client(group.kit.app, "")
    for path in ("/notes", "/worklist", f"/sessions/{group.session_id}/notes"):
        refused(client.get(path), 401, "unauthenticated")


def test_every_route_names_a_permission_of_the_policy(kit: ServiceKit) -> None:
    for endpoint, view in kit.app.view_functions.items():
        permission = getattr(view, "permission", None)
        assert permission in {PUBLIC, AUTHENTICATED, *SERVICE.policy}, endpoint


def test_views_and_handlers_take_what_is_loaded_for_them(kit: ServiceKit) -> None:
    assert_what_is_loaded_fits(kit)


def test_no_read_takes_a_parameter_that_does_not_exist(kit: ServiceKit, tenant: str) -> None:
    assert_no_read_takes_an_unknown_parameter(kit, tenant)


@pytest.mark.parametrize("claim", [None, "layla", "another"])
def test_a_draft_is_not_told_to_the_same_login_as_another_provider_by_a_repeat(group: Story, claim: str | None) -> None:
    body = group.note_body()
    first = group.clinician(group.provider_id, "layla").post("/notes", body, Idempotency_Key="k")
    assert first.status_code == 201
    provider_id = str(uuid4()) if claim == "another" else claim
    stranger = group.kit.client(group.tenant, "clinician", subject="layla", provider_id=provider_id)
    refused(stranger.post("/notes", body, Idempotency_Key="k"), 422, "idempotency-key-reused")
    again = group.clinician(group.provider_id.upper(), "layla").post("/notes", body, Idempotency_Key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"], again.json) == (201, "true", first.json)


def test_each_role_is_told_its_permissions(kit: ServiceKit, tenant: str) -> None:
    assert_each_role_is_told_its_permissions(kit, tenant)
