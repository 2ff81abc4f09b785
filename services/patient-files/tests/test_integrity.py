"""What does not fit together is found, and what fits is not."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from jalsa.dev.kit import Client, ServiceKit
from patient_files.models import Encounter

from .conftest import Register
from .visits import Json, Visit, opened

ORDER = {"system": "laboratory", "kind": "LabOrder"}
_NAMES = (
    "cancelled",
    "in-error",
    "unknown-encounter",
    "unknown-kind",
    "unknown-patient",
    "open-too-long",
    "appointment-contradicts",
)


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


def found(client: Client, **query: object) -> list[tuple[str, str, str | None]]:
    items = client.get("/encounters/integrity", **query).json["items"]
    return [(item["finding"], item["encounter_id"], item["ref"]) for item in items]


def refer(client: Client, encounter: Json, ref: str, **fields: object) -> None:
    answer = client.post(f"/encounters/{encounter['id']}/references", {**ORDER, "ref": ref, **fields})
    assert answer.status_code == 201, answer.json


@pytest.fixture
def expected(kit: ServiceKit, tenant: str, manager: Client, patient: Json) -> list[tuple[str, str, str | None]]:
    """Something that does not fit of each kind, with a neighbour of each that fits."""
    now = datetime.now(UTC)
    cancelled, in_error, merged, fits = (opened(manager, patient) for _ in range(4))
    for one, ref in ((cancelled, "c"), (in_error, "e"), (merged, "m"), (fits, "f")):
        refer(manager, one, ref)
    refer(manager, fits, "k", kind="Unheard")
    manager.post(f"/encounters/{cancelled['id']}/cancel")
    manager.post(f"/encounters/{in_error['id']}/entered-in-error", {"reason": "A slip"})
    manager.post(f"/encounters/{merged['id']}/merge", {"into": fits["id"], "reason": "Twice"})
    nowhere = str(uuid4())
    item = {**ORDER, "ref": "u", "encounter_id": nowhere, "allow_unknown": True}
    manager.post("/encounters/references", {"items": [item]})
    lost = opened(manager, patient)
    with kit.transaction(tenant) as db:
        db.get_one(Encounter, UUID(lost["id"])).patient_id = uuid4()
    open_long = opened(manager, patient, status="ARRIVED", started_at=str(now - timedelta(hours=25)).replace(" ", "T"))
    opened(manager, patient, status="ARRIVED", started_at=str(now - timedelta(hours=23)).replace(" ", "T"))
    contradicts = Visit(kit, tenant, patient["id"]).booked().arrived(now)
    refer(manager, contradicts.encounter, "n")
    contradicts.became("AppointmentNoShow")
    Visit(kit, tenant, patient["id"]).booked().arrived(now)
    return [
        ("cancelled", cancelled["id"], "c"),
        ("in-error", in_error["id"], "e"),
        ("unknown-encounter", nowhere, "u"),
        ("unknown-kind", fits["id"], "k"),
        ("unknown-patient", lost["id"], None),
        ("open-too-long", open_long["id"], None),
        ("appointment-contradicts", contradicts.encounter["id"], None),
    ]


def test_each_kind_of_finding_is_found_and_nothing_else(
    manager: Client, expected: list[tuple[str, str, str | None]]
) -> None:
    assert found(manager) == expected
    for name in _NAMES:
        assert found(manager, finding=name) == [one for one in expected if one[0] == name]
    assert manager.get("/encounters/integrity", finding="unheard").status_code == 422


def test_findings_are_listed_page_by_page(manager: Client, expected: list[tuple[str, str, str | None]]) -> None:
    seen: list[tuple[str, str | None]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = manager.get("/encounters/integrity", limit=2, **cursor).json
        seen += [(item["finding"], item["encounter_id"]) for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert seen == [one[:2] for one in expected]


def test_what_refers_to_a_merged_encounter_is_a_finding_where_the_other_is_in_error(
    manager: Client, patient: Json
) -> None:
    twice, once = opened(manager, patient), opened(manager, patient)
    refer(manager, twice, "m")
    manager.post(f"/encounters/{twice['id']}/merge", {"into": once["id"], "reason": "Twice"})
    assert found(manager) == []
    manager.post(f"/encounters/{once['id']}/entered-in-error", {"reason": "A slip"})
    assert [(name, ref) for name, _, ref in found(manager)] == [("in-error", "m")]


def command(kit: ServiceKit, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATABASE_URL": kit.config.database_url,
        "DATABASE_RELAY_URL": kit.config.database_relay_url,
    }
    return subprocess.run(
        [sys.executable, "-m", "patient_files", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_counts_the_findings_and_fails_if_there_are_any(
    kit: ServiceKit, tenant: str, expected: list[tuple[str, str, str | None]], desk: Client
) -> None:
    done = command(kit, "check-references", "--tenant", tenant, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, {tenant: dict.fromkeys(_NAMES, 1)}), done.stderr
    kit.events(tenant)
    everybody = command(kit, "check-references")
    assert everybody.returncode == 1
    assert f"{tenant}\n  cancelled                1\n" in everybody.stdout


def test_the_command_succeeds_where_everything_fits(
    kit: ServiceKit, tenant: str, manager: Client, patient: Json
) -> None:
    refer(manager, opened(manager, patient), "f")
    done = command(kit, "check-references", "--tenant", tenant)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
