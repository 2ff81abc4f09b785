"""Break-glass: who takes a grant, how it ends, and that another person reviews it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit
from jalsa.service.policy import ROLES
from jalsa.work.jobs import JobTools
from patient_files import jobs
from patient_files.access import queries

from .conftest import Json, Register, take_grant

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SetClock = Callable[[datetime], None]


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


@pytest.fixture
def doctor(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "clinician", subject="dr.huda", provider_id=str(uuid4()))


@pytest.fixture
def reviewer(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "records", subject="layla")


def body(patient: Json, **fields: object) -> Json:
    grant = {"patient_id": patient["id"], "reason_code": "EMERGENCY", "reason": "Brought in unconscious"}
    return {**grant, "scope": "RECORD", **fields}


def state(client: Client, grant: Json) -> str:
    return str(client.get(f"/break-glass/{grant['id']}").json["state"])


# Taking one


def test_a_grant_holds_for_an_hour_and_is_announced_without_its_words(
    kit: ServiceKit, tenant: str, doctor: Client, patient: Json, set_clock: SetClock
) -> None:
    set_clock(NOW)
    grant = take_grant(doctor, patient)
    assert (grant["opened_by"], grant["state"], grant["until"]) == ("dr.huda", "OPEN", "2026-11-20T10:00:00Z")
    [event] = kit.events(tenant, "EmergencyAccessOpened")
    assert event.subject == f"break-glass/{grant['id']}"
    assert grant["reason"] not in str(event.attributes())


def test_clinicians_and_managers_take_grants_and_nobody_else(kit: ServiceKit, tenant: str, patient: Json) -> None:
    for role in sorted(ROLES):
        answer = kit.client(tenant, role).post("/break-glass", body(patient))
        assert answer.status_code == (201 if role in ("clinician", "manager") else 403), role


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"reason": "too short"}, "reason"),
        ({"reason": "a          b          c"}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason_code": "CURIOSITY"}, "reason_code"),
        ({"scope": "EVERYTHING"}, "scope"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 241}, "minutes"),
        ({"minutes": "60"}, "minutes"),
    ],
)
def test_a_grant_that_says_too_little_or_asks_too_much_is_refused(
    doctor: Client, patient: Json, fields: Json, wrong: str
) -> None:
    answer = doctor.post("/break-glass", body(patient, **fields))
    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])


def test_240_minutes_are_granted(doctor: Client, patient: Json, set_clock: SetClock) -> None:
    set_clock(NOW)
    assert take_grant(doctor, patient, minutes=240)["until"] == "2026-11-20T13:00:00Z"


def test_nobody_takes_a_grant_for_an_unknown_patient_or_one_of_another_tenant(
    kit: ServiceKit, tenant: str, doctor: Client, patient: Json
) -> None:
    stranger = kit.client(f"{tenant}-b", "clinician")
    for client, asked in ((doctor, {"id": str(uuid4())}), (stranger, patient)):
        answer = client.post("/break-glass", body(asked))
        assert (answer.status_code, answer.json["code"]) == (422, "unknown-patient")


def test_five_grants_of_a_person_hold_at_once_and_not_six(
    kit: ServiceKit, tenant: str, doctor: Client, patient: Json, set_clock: SetClock
) -> None:
    set_clock(NOW)
    grants = [take_grant(doctor, patient) for _ in range(5)]
    refused = doctor.post("/break-glass", body(patient))
    assert (refused.status_code, refused.json["code"]) == (409, "break-glass-limit")
    # the control: another person's are not counted, nor is one that was closed or has run out
    take_grant(kit.client(tenant, "manager"), patient)
    assert doctor.post(f"/break-glass/{grants[0]['id']}/close").status_code == 200
    take_grant(doctor, patient)
    set_clock(NOW + timedelta(hours=1))
    take_grant(doctor, patient)


def race(kit: ServiceKit, doctor: Client, patient: Json) -> list[int]:
    for _ in range(4):
        take_grant(doctor, patient)
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda _: doctor.post("/break-glass", body(patient)).status_code, range(6))
        return sorted(answers)


def test_of_several_fifth_grants_at_once_one_is_given(kit: ServiceKit, doctor: Client, patient: Json) -> None:
    assert race(kit, doctor, patient) == [201, 409, 409, 409, 409, 409]


def test_without_the_lock_several_of_them_would_be_given(
    kit: ServiceKit, doctor: Client, patient: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control. Each waits until all have counted, as they may by chance."""
    everybody = []
    counted = queries.count_open_grants

    def count_slowly(db: Session, person: str, now: datetime) -> int:
        found = counted(db, person, now)
        if found == 4:
            everybody.append(found)
            db.execute(text("SELECT pg_sleep(0.3)"))
        return found

    monkeypatch.setattr(queries, "count_open_grants", count_slowly)
    monkeypatch.setattr(queries, "lock_grants_of", lambda *_: None)
    assert race(kit, doctor, patient).count(201) > 1


# Its end


def test_a_grant_ends_by_the_clock(doctor: Client, patient: Json, set_clock: SetClock) -> None:
    set_clock(NOW)
    grant = take_grant(doctor, patient, minutes=10)
    set_clock(NOW + timedelta(minutes=10, microseconds=-1))
    assert state(doctor, grant) == "OPEN"
    set_clock(NOW + timedelta(minutes=10))
    assert state(doctor, grant) == "AWAITING_REVIEW"


def test_who_took_it_ends_it_and_so_does_a_reviewer_but_no_other_clinician(
    kit: ServiceKit, tenant: str, doctor: Client, reviewer: Client, patient: Json
) -> None:
    own, others = take_grant(doctor, patient), take_grant(doctor, patient)
    colleague = kit.client(tenant, "clinician", subject="dr.omar")
    assert colleague.post(f"/break-glass/{own['id']}/close").status_code == 403
    assert colleague.get(f"/break-glass/{own['id']}").status_code == 403
    for client, grant in ((doctor, own), (reviewer, others)):
        closed = client.post(f"/break-glass/{grant['id']}/close")
        assert (closed.status_code, closed.json["state"]) == (200, "AWAITING_REVIEW")
        again = client.post(f"/break-glass/{grant['id']}/close")
        assert (again.status_code, again.json["code"]) == (409, "invalid-transition")
    assert reviewer.get(f"/break-glass/{others['id']}").json["closed_by"] == "layla"


def test_grants_are_listed_by_their_state(doctor: Client, reviewer: Client, patient: Json) -> None:
    holding, ended, done = (take_grant(doctor, patient) for _ in range(3))
    for grant in (ended, done):
        doctor.post(f"/break-glass/{grant['id']}/close")
    assert reviewer.post(f"/break-glass/{done['id']}/review", {"outcome": "JUSTIFIED"}).status_code == 200
    for name, grant in (("OPEN", holding), ("AWAITING_REVIEW", ended), ("REVIEWED", done)):
        items = reviewer.get("/break-glass", state=name).json["items"]
        assert [(item["id"], item["state"]) for item in items] == [(grant["id"], name)]
    first = reviewer.get("/break-glass", limit=2).json
    rest = reviewer.get("/break-glass", limit=2, cursor=first["next_cursor"]).json
    assert [item["id"] for item in first["items"] + rest["items"]] == [done["id"], ended["id"], holding["id"]]


# Its review


def test_another_person_reviews_a_grant_once_it_has_ended(
    kit: ServiceKit, tenant: str, doctor: Client, reviewer: Client, patient: Json
) -> None:
    grant = take_grant(doctor, patient)
    path = f"/break-glass/{grant['id']}/review"
    early = reviewer.post(path, {"outcome": "JUSTIFIED"})
    assert (early.status_code, early.json["code"]) == (409, "invalid-transition")
    doctor.post(f"/break-glass/{grant['id']}/close")
    assert doctor.post(path, {"outcome": "JUSTIFIED"}).status_code == 403
    reviewed = reviewer.post(path, {"outcome": "UNJUSTIFIED", "comment": "No emergency on that day"})
    assert reviewed.status_code == 200
    shown = reviewed.json
    assert (shown["state"], shown["outcome"], shown["reviewed_by"]) == ("REVIEWED", "UNJUSTIFIED", "layla")
    assert reviewer.post(path, {"outcome": "JUSTIFIED"}).status_code == 409
    [event] = kit.events(tenant, "EmergencyAccessReviewed")
    assert event.data["outcome"] == "UNJUSTIFIED"
    assert "No emergency" not in str(event.attributes())


def test_nobody_reviews_an_own_grant(kit: ServiceKit, tenant: str, patient: Json) -> None:
    manager = kit.client(tenant, "manager", subject="mona")
    grant = take_grant(manager, patient)
    manager.post(f"/break-glass/{grant['id']}/close")
    answer = manager.post(f"/break-glass/{grant['id']}/review", {"outcome": "JUSTIFIED"})
    assert (answer.status_code, answer.json["code"]) == (409, "own-grant")
    # nor does the database take such a review
    with pytest.raises(IntegrityError, match="break_glass_own"), kit.transaction(tenant) as db:
        db.execute(text("UPDATE break_glass SET due_at = NULL, outcome = 'JUSTIFIED', reviewed_at = now(),"
                        " reviewed_by = opened_by"))  # fmt: skip


def test_what_was_granted_and_why_is_never_changed(kit: ServiceKit, tenant: str, doctor: Client, patient: Json) -> None:
    take_grant(doctor, patient)
    for change in ("reason = reason", "until = until", "opened_by = 'x'", "patient_id = patient_id"):
        with pytest.raises(DBAPIError, match="permission denied"), kit.transaction(tenant) as db:
            db.execute(text(f"UPDATE break_glass SET {change}"))
    with pytest.raises(DBAPIError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text("DELETE FROM break_glass"))


def test_a_review_that_is_not_there_after_72_hours_is_asked_for_once(
    kit: ServiceKit, tenant: str, doctor: Client, reviewer: Client, patient: Json, set_clock: SetClock
) -> None:
    set_clock(NOW)
    waiting, done = take_grant(doctor, patient), take_grant(doctor, patient)
    doctor.post(f"/break-glass/{done['id']}/close")
    reviewer.post(f"/break-glass/{done['id']}/review", {"outcome": "JUSTIFIED"})
    tools = JobTools(kit.database, kit.relay, kit.config, kit.service.name)
    set_clock(NOW + timedelta(hours=72, microseconds=-1))
    jobs.ask_for_reviews(tools)
    assert kit.events(tenant, "EmergencyAccessReviewDue") == []
    set_clock(NOW + timedelta(hours=72))
    jobs.ask_for_reviews(tools)
    jobs.ask_for_reviews(tools)
    [event] = kit.events(tenant, "EmergencyAccessReviewDue")
    assert event.subject == f"break-glass/{waiting['id']}"
    assert reviewer.post(f"/break-glass/{waiting['id']}/review", {"outcome": "UNCLEAR"}).status_code == 200


def test_the_relay_sees_that_a_review_is_due_and_not_of_what(kit: ServiceKit) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), kit.relay.engine.begin() as conn:
        conn.execute(text("SELECT patient_id FROM break_glass"))


def test_each_change_of_a_grant_leaves_an_audit_row(
    kit: ServiceKit, tenant: str, doctor: Client, reviewer: Client, patient: Json
) -> None:
    grant = take_grant(doctor, patient)
    doctor.post(f"/break-glass/{grant['id']}/close")
    reviewer.post(f"/break-glass/{grant['id']}/review", {"outcome": "JUSTIFIED"})
    with kit.transaction(tenant) as db:
        rows = db.execute(
            text("SELECT action, actor FROM audit_log WHERE row_id = :id ORDER BY id"), {"id": str(UUID(grant["id"]))}
        ).all()
    assert [tuple(row) for row in rows] == [("INSERT", "dr.huda"), ("UPDATE", "dr.huda"), ("UPDATE", "layla")]
