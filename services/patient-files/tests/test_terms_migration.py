"""Who was registered before there were terms is found like everybody else."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.schema_checks import back_to
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE

from .conftest import Json, Register
from .test_search import ids, visits


@pytest.fixture
def scratch_kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


def rows(kit: ServiceKit, tenant: str, table: str) -> set[tuple[object, ...]]:
    with kit.transaction(tenant) as db:
        return {tuple(row) for row in db.execute(text(f"SELECT * FROM {table}"))}


def test_patients_of_every_tenant_get_their_terms_and_last_visits(
    scratch_kit: ServiceKit, tenant: str, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants, patients = (tenant, f"{tenant}-b"), dict[str, list[Json]]()
    for name in tenants:
        client = scratch_kit.client(name)
        patients[name] = [register(client, national_id=f"A-{n}234", phone=f"+96650123456{n}") for n in range(3)]
        visits(scratch_kit, name, patients[name][0]["id"], datetime(2026, 2, 1, 9, tzinfo=UTC))
    before = {
        name: [rows(scratch_kit, name, table) for table in ("patient_terms", "patient_activity")] for name in tenants
    }
    assert all(len(terms) > 30 and len(activity) == 1 for terms, activity in before.values())

    folder, owner = migrations_folder(SERVICE), scratch_kit.config.database_owner_url
    migrate(folder, owner, back_to("0006", folder))
    migrate(folder, owner)

    for name in tenants:
        assert [rows(scratch_kit, name, table) for table in ("patient_terms", "patient_activity")] == before[name]
        assert ids(scratch_kit.client(name), "0501234562") == [patients[name][2]["id"]]
