"""A clinic's corrected time zone. Its consents end by the right clock, and what follows from that is announced."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.work.jobs import JobTools
from patient_files import domain, jobs
from patient_files.consents import queries

Json = dict[str, Any]
Make = Callable[..., Json]
SetClock = Callable[[datetime], None]
#: Saves a clinic of the test's tenant, in this zone.
Save = Callable[[str, str], None]

#: Midnight after 31 December 2026 in Berlin. In Riyadh it is two hours, in New York six hours off.
BERLIN_NEW_YEAR = datetime(2026, 12, 31, 23, tzinfo=UTC)


@pytest.fixture
def patient(desk: Client, register: Make) -> Json:
    """Somebody who is of age, so that consents end for no other reason than their last day."""
    return register(desk, date_of_birth="1990-04-30")


@pytest.fixture
def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config)


@pytest.fixture
def save(kit: ServiceKit, tenant: str) -> Save:
    sequences: dict[str, int] = {}

    def saved(clinic: str, timezone: str) -> None:
        sequences[clinic] = sequence = sequences.get(clinic, 0) + 1
        fields: dict[str, Any] = {"subject_id": clinic, "clinic_id": clinic, "timezone": timezone}
        kit.inbox.receive(example("ClinicSaved", "default", tenant, sequence=sequence, **fields))

    return saved


@pytest.fixture
def clinic(save: Save) -> str:
    """A clinic that is taken to be in Riyadh."""
    made = str(uuid4())
    save(made, "Asia/Riyadh")
    return made


def expire(tools: JobTools) -> None:
    while jobs.expire_consents(tools):
        pass


def announced(kit: ServiceKit, tenant: str) -> list[list[str]]:
    """The clinics that each ConsentStandingChanged has named."""
    events = kit.events(tenant, "ConsentStandingChanged")
    return [e.data["clinic_ids"] for e in sorted(events, key=lambda e: e.sequence)]


def ends(kit: ServiceKit, tenant: str) -> dict[str, datetime | None]:
    with kit.transaction(tenant) as db:
        return {str(row.id): row.ends_at for row in db.execute(text("SELECT id, ends_at FROM consents"))}


def state_of(desk: Client, consent: Json) -> str:
    return str((desk.get(f"/consents/{consent['id']}").json or {})["status"])


def test_the_consents_of_a_clinic_end_by_its_corrected_clock_and_no_others_do(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, save: Save, clinic: str
) -> None:
    elsewhere = str(uuid4())
    save(elsewhere, "Asia/Riyadh")
    given = {"expires_on": "2026-12-31"}
    here = [
        consent_to(desk, patient, clinic_id=clinic, consent_type=kind, **given) for kind in ("TREATMENT", "RESEARCH")
    ]
    summer = consent_to(desk, patient, clinic_id=clinic, expires_on="2026-08-31")
    others = [consent_to(desk, patient, clinic_id=other, **given) for other in (elsewhere, None)]
    endless = consent_to(desk, patient, clinic_id=clinic)

    save(clinic, "Europe/Berlin")

    assert ends(kit, tenant) == {
        **{consent["id"]: BERLIN_NEW_YEAR for consent in here},
        summer["id"]: datetime(2026, 8, 31, 22, tzinfo=UTC),
        **{consent["id"]: BERLIN_NEW_YEAR - timedelta(hours=2) for consent in others},
        endless["id"]: None,
    }


def test_a_consent_that_has_not_ended_by_the_right_clock_counts_again(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    save: Save,
    clinic: str,
    set_clock: SetClock,
    tools: JobTools,
) -> None:
    consent = consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")
    set_clock(BERLIN_NEW_YEAR - timedelta(hours=1))
    expire(tools)
    assert (announced(kit, tenant), state_of(desk, consent)) == ([[clinic], []], "EXPIRED")

    save(clinic, "Europe/Berlin")
    expire(tools)
    assert (announced(kit, tenant), state_of(desk, consent)) == ([[clinic], [], [clinic]], "VALID")

    set_clock(BERLIN_NEW_YEAR)
    expire(tools)
    assert announced(kit, tenant) == [[clinic], [], [clinic], []]


def test_a_consent_that_has_ended_by_the_right_clock_counts_no_more(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    save: Save,
    clinic: str,
    set_clock: SetClock,
    tools: JobTools,
) -> None:
    save(clinic, "America/New_York")
    consent = consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")
    set_clock(BERLIN_NEW_YEAR)
    save(clinic, "Europe/Berlin")
    expire(tools)
    assert (announced(kit, tenant), state_of(desk, consent)) == ([[clinic], []], "EXPIRED")


def test_a_consent_signed_after_its_last_day_by_the_right_clock_has_ended_with_its_signature(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, save: Save, clinic: str
) -> None:
    save(clinic, "America/New_York")
    signed = {"signed_at": "2026-06-01T22:30:00-04:00", "expires_on": "2026-06-01"}
    consent = consent_to(desk, patient, clinic_id=clinic, **signed)

    save(clinic, "Asia/Riyadh")

    assert ends(kit, tenant) == {consent["id"]: datetime(2026, 6, 2, 2, 30, 0, 1, tzinfo=UTC)}


def test_a_clinic_that_is_saved_in_the_same_zone_changes_no_consent(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make, save: Save, clinic: str
) -> None:
    consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")
    save(clinic, "Asia/Riyadh")
    with kit.transaction(tenant) as db:
        changes = db.execute(text("SELECT action FROM audit_log WHERE table_name = 'consents'")).scalars().all()
    assert changes == ["INSERT"]


def test_a_consent_that_is_given_during_the_correction_ends_by_the_right_clock(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    save: Save,
    clinic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The consent knows the zone, but is not stored yet, when the corrected clinic arrives."""
    knows_the_zone, reckon = threading.Event(), domain.local_date

    def slowly(now: datetime, zone: str) -> Any:
        knows_the_zone.set()
        wait_for_a_lock(kit)
        return reckon(now, zone)

    monkeypatch.setattr(domain, "local_date", slowly)
    with ThreadPoolExecutor(1) as pool:
        given = pool.submit(consent_to, desk, patient, clinic_id=clinic, expires_on="2026-12-31")
        assert knows_the_zone.wait(30)
        save(clinic, "Europe/Berlin")
        consent = given.result(30)

    assert ends(kit, tenant) == {consent["id"]: BERLIN_NEW_YEAR}


def test_a_standing_that_is_refreshed_during_the_correction_is_due_afterwards(
    kit: ServiceKit,
    desk: Client,
    tenant: str,
    patient: Json,
    consent_to: Make,
    save: Save,
    clinic: str,
    set_clock: SetClock,
    tools: JobTools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker has read the consents by the old clock when the corrected clinic arrives."""
    consent_to(desk, patient, clinic_id=clinic, expires_on="2026-12-31")
    set_clock(BERLIN_NEW_YEAR - timedelta(hours=1))
    has_looked, look = threading.Event(), queries.valid_consents

    def slowly(db: Session, records: Sequence[UUID], consent_type: str, now: datetime) -> Any:
        found = look(db, records, consent_type, now)
        if str(records[0]) == patient["id"] and not has_looked.is_set():
            has_looked.set()
            wait_for_a_lock(kit)
        return found

    monkeypatch.setattr(queries, "valid_consents", slowly)
    with ThreadPoolExecutor(1) as pool:
        expired = pool.submit(expire, tools)
        assert has_looked.wait(30)
        save(clinic, "Europe/Berlin")
        expired.result(30)
    expire(tools)

    assert announced(kit, tenant) == [[clinic], [], [clinic]]


def wait_for_a_lock(kit: ServiceKit) -> None:
    """Wait until somebody waits for a row, for two seconds at most. Without the lock nobody does."""
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(40):
        with kit.relay.engine.connect() as conn:
            if conn.execute(waits).scalar_one():
                return
        threading.Event().wait(0.05)
