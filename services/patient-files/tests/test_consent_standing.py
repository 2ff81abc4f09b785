"""What is announced of a patient's consent to treatment: each change, once, in its order."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit
from jalsa.work.jobs import JobTools
from patient_files import jobs
from patient_files.app import SERVICE
from patient_files.consents import events, queries
from patient_files.consents import operations as consents
from patient_files.models import ConsentStanding
from patient_files.patients import operations as patients
from patient_files.patients import queries as patient_queries

Json = dict[str, Any]
Make = Callable[..., Json]
SetClock = Callable[[datetime], None]

#: After the last day of a consent that expires on 31 December 2026.
NEW_YEAR = datetime(2026, 12, 31, 21, tzinfo=UTC)


@pytest.fixture
def patient(desk: Client, register: Make) -> Json:
    return register(desk)


@pytest.fixture
def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config)


def announced(kit: ServiceKit, tenant: str) -> list[tuple[bool, list[str]]]:
    """What ConsentStandingChanged has said, in its order."""
    events = kit.events(tenant, "ConsentStandingChanged")
    return [(e.data["consented"], e.data["clinic_ids"]) for e in sorted(events, key=lambda e: e.sequence)]


def revoke(client: Client, consent: Json) -> None:
    assert client.post(f"/consents/{consent['id']}/revoke").status_code == 200


def expire(tools: JobTools) -> None:
    while jobs.expire_consents(tools):
        pass


def ended(kit: ServiceKit, tenant: str) -> list[list[tuple[str | None, str]]]:
    """What each ConsentStandingChanged has said of consents that are no more."""
    events = sorted(kit.events(tenant, "ConsentStandingChanged"), key=lambda e: e.sequence)
    return [[(one["clinic_id"], one["reason"]) for one in e.data.get("ended", [])] for e in events]


def test_how_consents_ended_is_announced_the_latest_last(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    one, two = open_clinic(), open_clinic()
    consent_to(desk, patient, expires_on="2026-06-01", clinic_id=one)  # on file, but over
    here, there, everywhere = (consent_to(desk, patient, clinic_id=clinic) for clinic in (one, two, None))
    revoke(desk, here)
    revoke(desk, everywhere)
    revoke(desk, there)
    assert ended(kit, tenant)[-2:] == [
        [(one, "revoked"), (None, "revoked")],
        [(one, "revoked"), (None, "revoked"), (two, "revoked")],
    ]
    consent_to(desk, patient)
    assert ended(kit, tenant)[-1] == []  # nothing is missing


def test_a_consent_that_has_expired_is_announced_as_such(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, tools: JobTools, set_clock: SetClock
) -> None:
    consent_to(desk, patient, expires_on="2026-12-31")
    set_clock(NEW_YEAR)
    expire(tools)
    assert ended(kit, tenant)[-1] == [(None, "expired")]


def test_the_standing_is_announced_when_it_changes_and_only_then(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    one, two = sorted(open_clinic() for _ in range(2))

    first = consent_to(desk, patient)
    assert announced(kit, tenant) == [(True, [])]
    second = consent_to(desk, patient)  # a renewal changes nothing
    consent_to(desk, patient, consent_type="PHOTOGRAPHY")
    consent_to(desk, patient, expires_on="2026-06-01", clinic_id=one)  # on file, but over
    revoke(desk, first)
    assert len(announced(kit, tenant)) == 1
    for clinic in (two, one, one):
        consent_to(desk, patient, clinic_id=clinic)
    revoke(desk, second)

    assert announced(kit, tenant)[1:] == [(True, [two]), (True, [one, two]), (False, [one, two])]
    [registered, *changes] = kit.events(tenant)
    assert {e.subject for e in (registered, *changes)} == {f"patient/{patient['id']}"}
    # one of them is of the other type, which has an event of its own
    assert [e.sequence for e in (registered, *changes)] == [1, 2, 3, 4, 5, 6]


def test_a_refused_change_announces_nothing(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make
) -> None:
    consent = consent_to(desk, patient)
    revoke(desk, consent)

    assert desk.post(f"/consents/{consent['id']}/revoke").status_code == 409
    assert announced(kit, tenant) == [(True, []), (False, [])]


def test_a_consent_and_its_event_are_stored_together_or_not_at_all(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(events, "consent_standing_changed", fail)
    body = {
        "patient_id": patient["id"],
        "consent_type": "TREATMENT",
        "signed_by": "x",
        "signed_at": "2026-06-01T09:00Z",
    }

    assert desk.post("/consents", body).status_code == 500
    assert announced(kit, tenant) == []
    assert (desk.get("/consents").json or {})["items"] == []


def test_expiry_is_announced_when_the_last_day_is_over_and_not_before(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    open_clinic: Callable[..., str],
    set_clock: SetClock,
    tools: JobTools,
) -> None:
    berlin = open_clinic(timezone="Europe/Berlin")
    consent_to(desk, patient, expires_on="2026-12-31")
    consent_to(desk, patient, clinic_id=berlin, expires_on="2026-12-31")
    consent_to(desk, patient, expires_on="2026-11-30")  # one of two of the same: its end changes nothing

    steps = []
    for at in (NEW_YEAR - timedelta(seconds=1), NEW_YEAR, NEW_YEAR + timedelta(hours=2)):
        set_clock(at)
        expire(tools)
        steps.append(announced(kit, tenant)[2:])

    assert steps == [[], [(False, [berlin])], [(False, [berlin]), (False, [])]]
    last = kit.events(tenant)[-1]
    assert last.data["changed_at"] == "2026-12-31T23:00:00Z"


def test_a_consent_that_ended_meanwhile_is_not_counted_before_its_expiry_is_announced(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str],
    set_clock: SetClock, tools: JobTools,
) -> None:  # fmt: skip
    clinic = open_clinic()
    consent_to(desk, patient, expires_on="2026-12-31")
    set_clock(NEW_YEAR)

    consent_to(desk, patient, clinic_id=clinic)
    expire(tools)

    assert announced(kit, tenant) == [(True, []), (False, [clinic])]


def test_who_consents_again_before_the_expiry_was_announced_was_consented_all_along(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, set_clock: SetClock, tools: JobTools
) -> None:
    consent_to(desk, patient, expires_on="2026-12-31")
    set_clock(NEW_YEAR)

    consent_to(desk, patient)
    expire(tools)

    assert announced(kit, tenant) == [(True, [])]


def test_every_worker_announces_expiries() -> None:
    assert jobs.expire_consents in [job.run for job in SERVICE.jobs]


def test_the_patients_of_every_tenant_are_found(
    kit: ServiceKit, tenant: str, register: Make, consent_to: Make, set_clock: SetClock, tools: JobTools
) -> None:
    names = (tenant, f"{tenant}-b")
    for name in names:
        client = kit.client(name)
        consent_to(client, register(client), expires_on="2026-12-31")
    set_clock(NEW_YEAR)

    expire(tools)

    assert [announced(kit, name) for name in names] == [[(True, []), (False, [])]] * 2


@pytest.mark.parametrize("fault", [DataError("refresh", None, Exception()), KeyError("Sara"), RuntimeError("Sara")])
def test_a_standing_that_cannot_be_brought_up_to_date_keeps_no_other(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    register: Make,
    consent_to: Make,
    set_clock: SetClock,
    tools: JobTools,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    faulty, sound = register(desk), register(desk)
    for patient in (faulty, sound):
        consent_to(desk, patient, expires_on="2026-12-31")
    refresh = consents.refresh_standing

    def fail_for_one(db: Session, patient_id: UUID, consent_type: str, *, now: datetime) -> None:
        if str(patient_id) == faulty["id"]:
            raise fault
        refresh(db, patient_id, consent_type, now=now)

    monkeypatch.setattr(consents, "refresh_standing", fail_for_one)
    set_clock(NEW_YEAR)
    jobs.expire_consents(tools)

    events = kit.events(tenant, "ConsentStandingChanged")
    assert [e.data["patient_id"] for e in events if not e.data["consented"]] == [sound["id"]]


def test_the_relay_role_sees_where_a_standing_is_due_and_nothing_of_it(kit: ServiceKit) -> None:
    with kit.relay.engine.connect() as conn:
        rights = conn.execute(
            text("""
                SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
                WHERE grantee = 'patient_files_relay' AND table_name IN ('consents', 'consent_standings', 'patients')
            """)
        )
        assert {tuple(row) for row in rights} == {
            ("consent_standings", column, "SELECT") for column in ("id", "tenant_id", "due_at")
        }


def test_changes_at_the_same_time_are_announced_in_the_order_in_which_they_are_stored(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    clinics = [open_clinic() for _ in range(6)]
    everywhere = [consent_to(desk, patient) for _ in range(6)]
    start = threading.Barrier(12)

    def together(work: Callable[[], object]) -> None:
        start.wait(30)
        work()

    changes: list[Callable[[], object]] = [partial(revoke, desk, consent) for consent in everywhere]
    changes += [partial(consent_to, desk, patient, clinic_id=clinic) for clinic in clinics]
    with ThreadPoolExecutor(12) as pool:
        for future in [pool.submit(together, change) for change in changes]:
            future.result(60)

    assert announced(kit, tenant)[-1] == (False, sorted(clinics))
    said = announced(kit, tenant)
    assert all(before != after for before, after in pairwise(said))


def test_control_without_the_patients_lock_two_changes_at_the_same_time_announce_less_than_is_stored(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    open_clinic: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clinics, look = [open_clinic() for _ in range(2)], queries.valid_consents
    consent_to(desk, patient)
    both_have_looked = threading.Barrier(2, timeout=10)

    def look_together(db: Session, records: Sequence[UUID], consent_type: str, now: datetime) -> Any:
        found = look(db, records, consent_type, now)
        both_have_looked.wait()
        return found

    monkeypatch.setattr(patients, "lock_patient", lambda _, patient_id: patient_id)
    look_at_the_standing_without_its_lock(monkeypatch)
    monkeypatch.setattr(queries, "valid_consents", look_together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda clinic: consent_to(desk, patient, clinic_id=clinic), clinics))

    assert announced(kit, tenant)[-1] in [(True, [clinic]) for clinic in clinics]


def test_workers_side_by_side_announce_an_expiry_once(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    set_clock: SetClock,
    tools: JobTools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consent_to(desk, patient, expires_on="2026-12-31")
    set_clock(NEW_YEAR)
    meet_after_finding(tenant, monkeypatch)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: jobs.expire_consents(tools), range(2)))

    assert announced(kit, tenant) == [(True, []), (False, [])]


def test_control_without_the_claim_workers_side_by_side_announce_an_expiry_twice(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    set_clock: SetClock,
    tools: JobTools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consent_to(desk, patient, expires_on="2026-12-31")
    set_clock(NEW_YEAR)
    meet_after_finding(tenant, monkeypatch)
    seen: list[Any] = []
    both_have_looked, look = threading.Barrier(2, timeout=10), queries.valid_consents

    def look_together(db: Session, records: Sequence[UUID], consent_type: str, now: datetime) -> Any:
        found = look(db, records, consent_type, now)
        # what was announced is read before either has stored anything, and held: a session lets go of the rest
        seen.append(db.get(ConsentStanding, records[0]))
        both_have_looked.wait()
        return found

    monkeypatch.setattr(patients, "claim_patient", lambda *_: True)
    look_at_the_standing_without_its_lock(monkeypatch)
    monkeypatch.setattr("jalsa.work.jobs._claim", lambda *_: True)
    monkeypatch.setattr(queries, "valid_consents", look_together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: jobs.expire_consents(tools), range(2)))

    assert announced(kit, tenant) == [(True, []), (False, []), (False, [])]


def test_a_worker_does_not_wait_for_a_patient_who_is_being_changed(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, set_clock: SetClock, tools: JobTools
) -> None:
    consent_to(desk, patient, expires_on="2026-12-31")
    set_clock(NEW_YEAR)

    with kit.transaction(tenant) as db:
        patient_queries.find_patient(db, UUID(patient["id"]), lock=True)
        expire(tools)
    assert announced(kit, tenant) == [(True, [])]
    expire(tools)

    assert announced(kit, tenant) == [(True, []), (False, [])]


def meet_after_finding(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both workers find what is due, of this tenant alone, before either claims it."""
    both_have_found, find = threading.Barrier(2, timeout=10), queries.due_standings

    def found(conn: Any, now: datetime, passed: Any, _: int) -> list[Any]:
        rows = [row for row in find(conn, now, passed, 10_000) if row.tenant_id == tenant]
        both_have_found.wait()
        return rows

    monkeypatch.setattr(queries, "due_standings", found)


def look_at_the_standing_without_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(db: Session, records: Sequence[UUID], _: str) -> list[ConsentStanding]:
        return [found for record in records if (found := db.get(ConsentStanding, record))]

    monkeypatch.setattr(queries, "locked_standings", look)
