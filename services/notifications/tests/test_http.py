"""Preferences, the inbox, who may do what, and one tenant's view."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, select, text

from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.dev.loading import assert_what_is_loaded_fits
from jalsa.dev.servers import Servers
from jalsa.dev.surface import assert_each_role_is_told_its_permissions, assert_no_read_takes_an_unknown_parameter
from jalsa.service.ids import new_id
from jalsa.service.policy import ROLES
from notifications.models import (
    Appointment,
    Attempt,
    Message,
    Notice,
    NoticeRead,
    PatientProjection,
    Preferences,
    Reminder,
)

from .factories import Json, World, items


def calls(world: World) -> dict[str, Callable[[Client], Any]]:
    """Everything that can be asked of the service, about one patient with one booking."""
    patient_id = world.patient()
    booking = world.book(patient_id)
    world.dispatch()
    message, reminder = world.confirmation(booking), world.reminders(booking)["2H"]
    return {
        "reminders": lambda c: c.get("/reminders", appointment_number=booking.number),
        "reminder": lambda c: c.get(f"/reminders/{reminder['id']}"),
        "messages": lambda c: c.get("/messages", patient_id=patient_id),
        "message": lambda c: c.get(f"/messages/{message['id']}"),
        "preferences": lambda c: c.get(f"/preferences/{patient_id}"),
        "prefer": lambda c: c.put(f"/preferences/{patient_id}", {"sms_enabled": True}),
        "inbox": lambda c: c.get("/inbox"),
        "events": lambda c: c.get("/events"),
        "kept": lambda c: c.get("/events/inbox"),
    }


MAY = {
    "front-desk": {"reminders", "reminder", "messages", "message", "preferences", "prefer", "inbox"},
    "clinician": {"inbox"},
    "biller": {"inbox"},
    "records": {"preferences", "prefer", "inbox"},
    "manager": {
        "reminders", "reminder", "messages", "message", "preferences", "prefer", "inbox", "events", "kept",
    },
    "integration": {"reminders", "reminder", "inbox", "events"},
    "subscriber": {"events"},
}  # fmt: skip


def test_each_role_may_do_what_its_work_needs_and_nothing_else(world: World) -> None:
    assert set(MAY) == ROLES
    asked = calls(world)
    for role, allowed in MAY.items():
        client = world.kit.client(world.tenant, role)
        answers = {name: call(client).status_code for name, call in asked.items()}
        assert answers == {name: 200 if name in allowed else 403 for name in asked}, role


def test_preferences_are_everything_in_the_patients_language_until_they_are_set(world: World) -> None:
    patient_id = world.patient(preferred_language="ar")
    path = f"/preferences/{patient_id}"
    default = {"whatsapp_enabled": True, "sms_enabled": True, "email_enabled": True, "quiet_hours": None}
    assert world.desk.get(path).json == {"patient_id": str(patient_id), "language": "ar", **default}

    wanted: Json = {
        "whatsapp_enabled": False,
        "sms_enabled": True,
        "email_enabled": False,
        "language": "en",
        "quiet_hours": {"start": "22:00", "end": "07:30"},
    }
    answer = world.desk.put(path, wanted)
    assert (answer.status_code, answer.json) == (200, {"patient_id": str(patient_id), **wanted})
    assert world.desk.get(path).json == answer.json
    assert world.desk.put(path, {}).json == {"patient_id": str(patient_id), "language": "ar", **default}


def test_preferences_that_changed_meanwhile_are_not_overwritten(world: World) -> None:
    path = f"/preferences/{world.patient()}"
    etag = world.desk.get(path).headers["ETag"]
    assert world.desk.call("PUT", path, json={"sms_enabled": False}, headers={"If-Match": etag}).status_code == 200
    stale = world.desk.call("PUT", path, json={"sms_enabled": True}, headers={"If-Match": etag})
    assert (stale.status_code, (stale.json or {})["code"]) == (412, "precondition-failed")
    assert (world.desk.get(path).json or {})["sms_enabled"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"language": "fr"}, "language"),
        ({"whatsapp_enabled": "perhaps"}, "whatsapp_enabled"),
        ({"quiet_hours": {"start": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"start": "22:00", "end": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"start": "25:00", "end": "07:00"}}, "quiet_hours"),
        ({"fax_enabled": True}, "fax_enabled"),
    ],
)
def test_preferences_that_make_no_sense_are_refused(world: World, body: Json, field: str) -> None:
    path = f"/preferences/{world.patient()}"
    before = world.desk.get(path).json
    answer = world.desk.put(path, body)
    assert answer.status_code == 422
    assert field in (answer.json or {})["errors"]
    assert world.desk.get(path).json == before


def test_an_unknown_patient_has_no_preferences(world: World) -> None:
    path = f"/preferences/{new_id()}"
    for answer in (world.desk.get(path), world.desk.put(path, {"sms_enabled": True})):
        assert (answer.status_code, (answer.json or {})["code"]) == (404, "not-found")


def test_every_change_of_preferences_leaves_an_audit_row(world: World) -> None:
    patient_id = world.patient()
    world.prefer(patient_id, sms_enabled=True)
    world.prefer(patient_id, sms_enabled=False)
    with world.kit.transaction(world.tenant) as db:
        rows = db.execute(
            text("SELECT action, actor, after->>'sms_enabled' FROM audit_log WHERE row_id = :id ORDER BY id"),
            {"id": str(patient_id)},
        )
        assert [tuple(row) for row in rows] == [("INSERT", "tester", "true"), ("UPDATE", "tester", "false")]


def test_the_inbox_holds_ones_own_notices_newest_first_page_by_page(world: World) -> None:
    made = [world.book(world.patient()) for _ in range(5)]
    layla = world.kit.client(world.tenant, "clinician", subject="layla")
    first = layla.get("/inbox", limit=3).json or {}
    second = layla.get("/inbox", limit=3, cursor=first["next_cursor"]).json or {}
    assert [n["appointment_number"] for n in first["items"] + second["items"]] == [b.number for b in reversed(made)]
    assert (first["unread_count"], second["next_cursor"]) == (5, None)
    assert "العلاج الوظيفي" in first["items"][0]["text_ar"]
    assert "Occupational therapy" in first["items"][0]["text_en"]
    assert (world.kit.client(world.tenant, "clinician", subject="omar").get("/inbox").json or {}) == {
        "items": [],
        "next_cursor": None,
        "unread_count": 0,
    }


def test_a_notice_is_read_once_and_by_its_owner_alone(world: World) -> None:
    world.book(world.patient())
    layla, omar = (world.kit.client(world.tenant, "clinician", subject=name) for name in ("layla", "omar"))
    [notice] = items(layla.get("/inbox"))
    path = f"/inbox/{notice['id']}"
    assert [omar.post(f"{path}/read").status_code, omar.get(path).status_code] == [404, 404]
    assert (layla.get("/inbox").json or {})["unread_count"] == 1

    read = layla.post(f"{path}/read").json or {}
    again = layla.post(f"{path}/read").json or {}
    assert read["read_at"] == again["read_at"] is not None
    assert (layla.get("/inbox").json or {})["unread_count"] == 0
    assert layla.get(path).json == read


def test_messages_of_one_patient_come_page_by_page(world: World) -> None:
    patient_id = world.patient()
    for _ in range(3):
        world.book(patient_id)
    world.book(world.patient())
    seen, cursor = [], None
    while True:
        answer = world.desk.get("/messages", patient_id=patient_id, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += items(answer)
        cursor = (answer.json or {})["next_cursor"]
        if cursor is None:
            break
    assert len({m["id"] for m in seen}) == len(seen) == 3
    assert {m["patient_id"] for m in seen} == {str(patient_id)}


@pytest.mark.parametrize("path", ["/messages", "/reminders", "/inbox"])
def test_a_cursor_of_nobodys_is_refused(world: World, path: str) -> None:
    assert world.desk.get(path, cursor="bm90IG9uZQ").status_code == 422


@pytest.mark.parametrize("path", ["/messages", "/reminders", "/inbox"])
def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    assert world.desk.get(f"{path}/{new_id()}").status_code == 404


def test_another_tenant_finds_nothing(world: World) -> None:
    asked = calls(world)
    stranger = world.kit.client(f"{world.tenant}-b", subject="layla")
    for name, call in asked.items():
        answer = call(stranger)
        if name in ("reminder", "message", "preferences", "prefer"):
            assert (answer.status_code, answer.json["code"]) == (404, "not-found"), name
        else:
            assert (answer.status_code, answer.json["items"]) == (200, []), name


def test_the_database_shows_one_tenants_rows_to_queries_that_filter_nothing(world: World, servers: Servers) -> None:
    patient_id = world.patient()
    world.prefer(patient_id, sms_enabled=True)
    world.book(patient_id)
    world.dispatch()
    world.grant()
    [notice] = items(world.kit.client(world.tenant).get("/inbox"))
    world.kit.client(world.tenant).post(f"/inbox/{notice['id']}/read")
    models = (PatientProjection, Appointment, Preferences, Message, Attempt, Reminder, Notice, NoticeRead)
    with world.kit.transaction(f"{world.tenant}-b") as db:
        assert [len(db.scalars(select(model)).all()) for model in models] == [0] * 8
    with world.kit.transaction(world.tenant) as db:
        assert [len(db.scalars(select(model)).all()) for model in models] == [1, 1, 1, 1, 1, 2, 2, 1]

    # the control: who bypasses row-level security finds the rows under the stranger's tenant, too
    name = make_url(world.kit.config.database_url).database
    superuser = create_engine(make_url(servers.postgres.url).set(database=name))
    with superuser.begin() as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": f"{world.tenant}-b"})
        for model in models:
            found = conn.execute(
                text(f"SELECT count(*) FROM {model.__tablename__} WHERE tenant_id = :t"), {"t": world.tenant}
            )
            assert found.scalar_one() > 0, model
    superuser.dispose()


def test_the_same_ids_in_two_tenants_are_two_records(kit: ServiceKit, tenant: str) -> None:
    for name in (tenant, f"{tenant}-b"):
        kit.inbox.receive(example("PatientRegistered", "default", name, preferred_language="en"))
        kit.inbox.receive(example("AppointmentBooked", "individual", name))
    for name in (tenant, f"{tenant}-b"):
        assert (kit.count(name, Appointment), kit.count(name, PatientProjection)) == (1, 1)


def test_the_application_can_not_delete_what_was_said(world: World) -> None:
    with world.kit.database.engine.connect() as conn:
        rights = conn.execute(
            text("""
                SELECT table_name FROM information_schema.role_table_grants
                WHERE grantee = 'notifications_app' AND privilege_type IN ('DELETE', 'TRUNCATE')
            """)
        )
        # of events and of merges, which is forgotten once it was applied or undone
        assert set(rights.scalars()) == {"aliases", "inbox"}


def test_views_and_handlers_take_what_is_loaded_for_them(kit: ServiceKit) -> None:
    assert_what_is_loaded_fits(kit)


def test_no_read_takes_a_parameter_that_does_not_exist(kit: ServiceKit, tenant: str) -> None:
    assert_no_read_takes_an_unknown_parameter(kit, tenant)


def test_each_role_is_told_its_permissions(kit: ServiceKit, tenant: str) -> None:
    assert_each_role_is_told_its_permissions(kit, tenant)
