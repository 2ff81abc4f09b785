"""What an earlier version has stored of consents and files, read by this one, and the way back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit, example, service_kit
from jalsa.dev.schema_checks import back_to
from jalsa.dev.servers import Servers
from jalsa.work.jobs import JobTools
from patient_files import jobs
from patient_files.app import SERVICE

from .test_signers import ADULT, CHILD, PATIENT, by, guardian, right, sign

Json = dict[str, Any]
Make = Callable[..., Json]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """A database of its own, whose schema the test changes."""
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


def shown(client: Client) -> list[Json]:
    """How long each consent counts, and why no longer."""
    items: list[Json] = (client.get("/consents").json or {})["items"]
    return [{name: item[name] for name in ("id", "expires_on", "counts_until", "counts_reason")} for item in items]


def column(kit: ServiceKit, tenant: str, query: str) -> list[Any]:
    with kit.transaction(tenant) as db:
        return list(db.execute(text(query)).scalars())


def test_earlier_consents_of_minors_are_read_as_a_guardians_and_their_standings_are_announced(
    kit: ServiceKit, desk: Client, tenant: str, register: Make, consent_to: Make, set_clock: Callable[..., None]
) -> None:
    set_clock(NOW)
    folder, owner = migrations_folder(SERVICE), kit.config.database_owner_url
    child, adult = register(desk, **CHILD), register(desk, **ADULT)
    leap = register(desk, date_of_birth="2008-02-29")
    berlin = str(uuid4())
    kit.inbox.receive(
        example("ClinicSaved", "default", tenant, subject_id=berlin, clinic_id=berlin, timezone="Europe/Berlin")
    )
    consent_to(desk, child)
    consent_to(desk, child, clinic_id=berlin, consent_type="RESEARCH")
    consent_to(desk, child, consent_type="PHOTOGRAPHY", expires_on="2026-12-31")
    consent_to(desk, adult)
    consent_to(desk, leap, signed_at="2026-02-20T09:00:00+03:00")
    before = shown(desk)

    migrate(folder, owner, back_to("0006", folder))
    earlier = [None, None, datetime(2026, 12, 31, 21, tzinfo=UTC), None, None]
    assert column(kit, tenant, "SELECT ends_at FROM consents ORDER BY id") == earlier
    assert len(column(kit, tenant, "SELECT id FROM consent_standings")) == 3
    migrate(folder, owner)

    assert shown(desk) == before
    assert [item["counts_until"] for item in before] == [
        "2033-05-29T21:00:00Z",
        "2033-05-29T22:00:00Z",
        "2026-12-31T21:00:00Z",
        None,
        "2026-03-30T21:00:00Z",  # of age on 1 March 2026
    ]
    heard = len(kit.events(tenant))
    with kit.transaction(tenant) as db:  # the migration goes by the true clock
        db.execute(text("UPDATE consent_standings SET due_at = least(due_at, :now)"), {"now": NOW})
    while jobs.expire_consents(JobTools(kit.database, kit.relay, kit.config)):
        pass
    news = [(e.event, e.data["consent_type"], e.data["consented"]) for e in kit.events(tenant)[heard:]]
    assert sorted(news) == [
        ("ConsentTypeStandingChanged.v1", "PHOTOGRAPHY", True),
        ("ConsentTypeStandingChanged.v1", "RESEARCH", False),  # in Berlin alone
    ]


def test_what_this_version_alone_knows_of_consents_is_lost_on_the_way_back(
    kit: ServiceKit, desk: Client, tenant: str, register: Make
) -> None:
    folder, owner = migrations_folder(SERVICE), kit.config.database_owner_url
    child, adult = register(desk, **CHILD), register(desk, **ADULT)
    assert sign(desk, child, by(guardian(desk, child, right())), method="PAPER").status_code == 201
    assert sign(desk, adult, PATIENT, expires_on="2030-12-31").status_code == 201
    before = shown(desk)

    migrate(folder, owner, back_to("0006", folder))
    migrate(folder, owner)

    assert shown(desk) == before
    signers = [item["signer"]["kind"] for item in (desk.get("/consents").json or {})["items"]]
    assert signers == ["UNVERIFIED", "UNVERIFIED"]


def test_a_standing_that_the_version_before_stores_during_an_upgrade_is_the_patients_to_treatment(
    kit: ServiceKit, desk: Client, tenant: str, register: Make
) -> None:
    patient = register(desk)
    with kit.transaction(tenant) as db:
        db.execute(
            text("INSERT INTO consent_standings (id, consented, clinic_ids) VALUES (:id, false, '{}')"),
            {"id": patient["id"]},
        )
    assert column(kit, tenant, "SELECT patient_id::text || ' ' || consent_type FROM consent_standings") == [
        f"{patient['id']} TREATMENT"
    ]


def test_a_closed_sub_file_is_active_for_the_version_before(
    kit: ServiceKit, tenant: str, desk: Client, register: Make
) -> None:
    folder, owner, manager = migrations_folder(SERVICE), kit.config.database_owner_url, kit.client(tenant)
    kit.inbox.receive(example("AppointmentBooked", "group", tenant, patient_id=register(desk)["id"]))
    [sub_file_id] = column(kit, tenant, "SELECT id::text FROM sub_files")
    kit.inbox.receive(example("AppointmentCancelled", "default", tenant, sequence=2))
    assert manager.post(f"/sub-files/{sub_file_id}/close", {"reason": "Discharged"}).status_code == 200

    migrate(folder, owner, back_to("0011", folder))
    assert column(kit, tenant, "SELECT status FROM sub_files") == ["ACTIVE"]
    migrate(folder, owner)
    assert (manager.get(f"/sub-files/{sub_file_id}").json or {})["status"] == "ACTIVE"
