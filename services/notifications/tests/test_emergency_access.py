"""Whoever may review emergency access is told of it once, and whoever opened it is never told."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import ColumnElement, and_, select, text
from sqlalchemy.exc import IntegrityError

from jalsa.dev.kit import Client, ServiceKit, renamed
from jalsa.service import clock
from jalsa.service.ids import new_id
from jalsa.service.policy import Principal
from notifications import queries
from notifications.models import Notice, NoticeRead
from notifications.operations import notices

from .factories import Json, World, at
from .test_flow import LAYLA
from .test_races import owner_executes, together

EVENTS = {
    "EmergencyAccessOpened": "EMERGENCY_ACCESS_OPENED",
    "EmergencyAccessReviewDue": "EMERGENCY_ACCESS_REVIEW_DUE",
    "EmergencyAccessReviewed": "EMERGENCY_ACCESS_REVIEWED",
}
OPENER = "dr.huda"


def client(world: World, subject: str, *roles: str) -> Client:
    return world.kit.client(world.tenant, *roles, subject=subject)


def unread(asked: Client) -> int:
    count: int = (asked.get("/inbox").json or {})["unread_count"]
    return count


def told(world: World, grant_id: object) -> list[Json]:
    """What a manager is told of a grant, the newest first."""
    return [notice for notice in world.inbox("manager", subject="mona") if notice["grant_id"] == str(grant_id)]


@pytest.mark.parametrize("event", EVENTS)
def test_everybody_with_the_role_records_or_manager_is_told_and_nobody_else(world: World, event: str) -> None:
    grant_id = world.grant(event)
    for subject, roles in {"mona": ["manager"], "rami": ["records"], "salma": ["records", "manager"]}.items():
        [notice] = world.inbox(*roles, subject=subject)
        assert (notice["kind"], notice["grant_id"]) == (EVENTS[event], str(grant_id))
        assert (notice["appointment_id"], notice["package_id"], notice["read_at"]) == (None, None, None)
        for language in ("text_en", "text_ar"):
            assert "EMERGENCY" in notice[language]
            assert str(grant_id) in notice[language]
    for role in ("front-desk", "clinician", "biller", "integration"):
        assert world.inbox(role, subject=f"a-{role}") == []
        assert unread(client(world, f"a-{role}", role)) == 0
    assert client(world, "a-subscriber", "subscriber").get("/inbox").status_code == 403
    assert world.kit.client(f"{world.tenant}-b", "manager").get("/inbox").get_json()["items"] == []


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("roles", [("manager",), ("records",), ("manager", "records", "clinician")])
def test_who_opened_a_grant_is_never_told_of_it(
    world: World, event: str, roles: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_id = world.grant(event)
    [notice] = told(world, grant_id)
    opener = client(world, OPENER, *roles)
    assert opener.get("/inbox").json == {"items": [], "next_cursor": None, "unread_count": 0}
    path = f"/inbox/{notice['id']}"
    assert [opener.get(path).status_code, opener.post(f"{path}/read").status_code] == [404, 404]
    assert world.kit.count(world.tenant, NoticeRead) == 0

    # the control: without the exception the role alone decides
    monkeypatch.setattr(queries, "_for_roles", _whoever_opened_it)
    assert [found["id"] for found in world.inbox(*roles, subject=OPENER)] == [notice["id"]]


def _whoever_opened_it(person: Principal) -> ColumnElement[bool]:
    return and_(Notice.roles.overlap(sorted(person.roles)))


def test_each_is_told_of_the_grants_of_the_others(world: World) -> None:
    by_mona, by_rami = world.grant(opened_by="mona"), world.grant(opened_by="rami")
    assert [n["grant_id"] for n in world.inbox("manager", subject="mona")] == [str(by_rami)]
    assert [n["grant_id"] for n in world.inbox("records", subject="rami")] == [str(by_mona)]


def test_a_notice_for_roles_is_read_by_each_alone_and_the_first_reading_counts(world: World) -> None:
    [notice] = told(world, world.grant())
    mona, rami = client(world, "mona", "manager"), client(world, "rami", "records")
    path = f"/inbox/{notice['id']}"
    assert [unread(mona), unread(rami)] == [1, 1]

    read = mona.post(f"{path}/read").json or {}
    again = mona.post(f"{path}/read").json or {}
    assert read["read_at"] == again["read_at"] is not None
    assert mona.get(path).json == read
    assert [unread(mona), unread(rami)] == [0, 1]
    assert (rami.get(path).json or {})["read_at"] is None

    rami.post(f"{path}/read")
    assert [unread(mona), unread(rami)] == [0, 0]
    assert world.kit.count(world.tenant, NoticeRead) == 2


def test_who_presses_twice_at_once_has_read_a_notice_once(world: World) -> None:
    [notice] = told(world, world.grant())
    mona, answers = client(world, "mona", "manager"), []
    together(lambda: answers.append(mona.post(f"/inbox/{notice['id']}/read")), 4)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.get_json()["read_at"] for answer in answers}) == 1
    assert world.kit.count(world.tenant, NoticeRead) == 1


def test_without_its_constraint_a_notice_would_be_read_twice(scratch_kit: ServiceKit, tenant: str) -> None:
    world = World(scratch_kit, tenant)
    world.grant()
    owner_executes(scratch_kit, "ALTER TABLE notice_reads DROP CONSTRAINT notice_reads_tenant_id_notice_id_user_id_key")
    with scratch_kit.transaction(tenant) as db:
        notice = db.scalars(select(Notice)).one()
        for _ in range(2):
            notices.mark_read(db, notice, "mona", now=clock.now())
    assert scratch_kit.count(tenant, NoticeRead) == 2


def test_notices_for_the_login_and_for_its_roles_come_together_newest_first_page_by_page(world: World) -> None:
    made: list[str] = []
    for _ in range(3):
        made += [world.book(world.patient()).number, str(world.grant())]
    layla = client(world, "layla", "clinician", "manager", "records")
    assert unread(layla) == 6
    seen: list[Any] = []
    page = layla.get("/inbox", limit=2).json or {}
    while True:
        seen += [notice["grant_id"] or notice["appointment_number"] for notice in page["items"]]
        if page["next_cursor"] is None:
            break
        page = layla.get("/inbox", limit=2, cursor=page["next_cursor"]).json or {}
    assert seen == made[::-1]


def test_a_login_that_is_corrected_takes_no_notice_for_roles_along(world: World) -> None:
    world.book(world.patient())
    world.grant(opened_by="layla")
    world.kit.inbox.receive(world.event("ProviderSaved", "default", LAYLA, provider_id=LAYLA, user_id="layla.haddad"))
    assert [n["kind"] for n in world.inbox("manager", subject="layla.haddad")] == [
        "EMERGENCY_ACCESS_OPENED",
        "APPOINTMENT_BOOKED",
    ]
    assert world.inbox("manager", subject="layla") == []


@pytest.mark.parametrize("event", EVENTS)
def test_nobody_is_told_of_what_is_more_than_a_day_old(world: World, event: str) -> None:
    with at(clock.now()):
        old = world.grant(event, time=clock.now() - timedelta(days=1, seconds=1))
        recent = world.grant(event, time=clock.now() - timedelta(days=1))
    assert (len(told(world, old)), len(told(world, recent))) == (0, 1)


def test_each_news_of_a_grant_is_told_once_and_in_order_however_it_comes(world: World) -> None:
    grant_id = new_id()
    story = [world.granted(grant_id, event) for event in EVENTS]
    for index in (2, 0, 1, 0, 2, 1):
        world.kit.inbox.receive(story[index])
    assert [notice["kind"] for notice in reversed(told(world, grant_id))] == list(EVENTS.values())


def test_what_a_restored_source_says_again_is_not_told_again(world: World) -> None:
    grant_id = world.grant()
    world.grant(grant_id=grant_id)
    assert len(told(world, grant_id)) == 1


def test_without_its_index_it_would_be_told_again(scratch_kit: ServiceKit, tenant: str) -> None:
    world = World(scratch_kit, tenant)
    owner_executes(scratch_kit, "DROP INDEX notices_grant_once")
    grant_id = world.grant()
    world.grant(grant_id=grant_id)
    assert len(told(world, grant_id)) == 2


def test_a_notice_knows_neither_the_patient_nor_the_reason_in_words(world: World) -> None:
    patient_id = world.patient()
    event = world.granted(new_id(), patient_id=patient_id)
    world.kit.inbox.receive(
        renamed(event, "EmergencyAccessOpened.v1", **event.data, reason="Sara fainted in the corridor")
    )
    with world.kit.transaction(world.tenant) as db:
        [row] = db.execute(text("SELECT to_jsonb(n)::text FROM notices n")).scalars()
        [audited] = db.execute(text("SELECT after::text FROM audit_log WHERE table_name = 'notices'")).scalars()
    assert "EMERGENCY" in row
    for stored in (row, audited):
        assert [word for word in (str(patient_id), "Sara", "سارة", "fainted") if word in stored] == []
    assert OPENER not in str(told(world, event.data["grant_id"]))


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"except_user_id": None}, "notices_but_for"),
        ({"user_id": "mona"}, "notices_for_one"),
        ({"roles": None, "except_user_id": None}, "notices_for_one"),
        ({"user_id": "mona", "roles": None, "except_user_id": None}, "notices_grants_for_roles"),
        ({"read_at": clock.now()}, "notices_read_by_one"),
        ({"grant_id": None}, "notices_about_one"),
    ],
)
def test_the_database_keeps_no_notice_for_roles_that_is_addressed_wrongly(
    world: World, wrong: dict[str, Any], constraint: str
) -> None:
    right = {
        "roles": ["manager"],
        "except_user_id": OPENER,
        "kind": "EMERGENCY_ACCESS_OPENED",
        "grant_id": new_id(),
        "text_en": "-",
        "text_ar": "-",
        "created_at": clock.now(),
    }
    with world.kit.transaction(world.tenant) as db:
        db.add(Notice(**right))
        db.flush()
        db.add(Notice(**{**right, "grant_id": new_id(), **wrong}))
        with pytest.raises(IntegrityError, match=constraint):
            db.flush()
        db.rollback()
