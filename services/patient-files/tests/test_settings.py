"""What a tenant decides about its patient files, and where it counts."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit, service_kit
from jalsa.dev.schema_checks import back_to
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE

from .conftest import Json, Register

Consent = Callable[..., Json]
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


def decide(manager: Client, **settings: Any) -> None:
    """Set the tenant's rules. The others get their defaults."""
    assert manager.put("/settings", settings).status_code == 200


def test_what_is_no_setting_is_refused(manager: Client) -> None:
    for name, value in (
        ("days_after_majority", 366),
        ("days_after_majority", -1),
        ("age_of_majority", 14),
        ("majority_calendar", "JULIAN"),
        ("known_signer_required", "perhaps"),
        ("sign_off_needs_documentation", None),
    ):
        assert list(manager.put("/settings", {name: value}).json["errors"]) == [name]


def test_a_name_alone_is_no_signer_where_the_tenant_asks_for_a_known_one(
    manager: Client, desk: Client, register: Register, consent_to: Consent
) -> None:
    patient = register(desk, date_of_birth="1990-01-01")
    decide(manager, known_signer_required=True)
    body = {
        "patient_id": patient["id"],
        "consent_type": "TREATMENT",
        "signed_by": "Sara Nasser",
        "signed_at": "2026-06-01T09:00:00+03:00",
    }
    refused = desk.post("/consents", body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["signer"])
    consent_to(desk, patient, signer={"kind": "PATIENT"})
    decide(manager)
    consent_to(desk, patient)


@pytest.mark.parametrize(
    ("settings", "counts_until"),
    [
        ({}, "2027-01-29T21:00:00Z"),
        ({"days_after_majority": 0}, "2026-12-30T21:00:00Z"),
        ({"age_of_majority": 21}, "2030-01-29T21:00:00Z"),
        # born on 3 Muharram 1430, of age on 3 Muharram 1449
        ({"days_after_majority": 0, "age_of_majority": 19, "majority_calendar": "HIJRI"}, "2027-06-07T21:00:00Z"),
    ],
)
def test_until_when_a_guardians_signature_counts_is_for_the_tenant_to_say(
    manager: Client, desk: Client, register: Register, consent_to: Consent, set_clock: Callable[..., None],
    settings: Json, counts_until: str,
) -> None:  # fmt: skip
    set_clock(NOW)
    patient = register(desk, date_of_birth="2008-12-31")
    decide(manager, **settings)
    assert consent_to(desk, patient)["counts_until"] == counts_until


def test_from_which_age_on_a_patient_signs_and_is_told_is_for_the_tenant_to_say(
    kit: ServiceKit, tenant: str, manager: Client, desk: Client, register: Register, set_clock: Callable[..., None]
) -> None:
    set_clock(NOW)
    mother = {"relation": "MOTHER", "name_en": "Huda", "phone": "0500000077", "receives_messages": True}

    def registered(born: str) -> tuple[str, str]:
        patient = register(desk, date_of_birth=born, guardians=[mother], duplicate_override={"reason": "Siblings"})
        [told] = [e for e in kit.events(tenant) if e.type.endswith("PatientRegistered.v1")][-1:]
        return patient["tell"], told.data["majority_on"]

    assert registered("2007-01-01") == ("PATIENT", "2025-01-01")
    decide(manager, age_of_majority=21)
    assert registered("2007-01-02") == ("CONTACTS", "2028-01-02")


@pytest.fixture
def own_kit(servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """A database of its own, whose schema the test changes."""
    with service_kit(SERVICE, servers, issuer) as made:
        yield made


def test_what_was_decided_about_encounters_is_kept_when_the_tables_become_one(own_kit: ServiceKit, tenant: str) -> None:
    folder, owner = migrations_folder(SERVICE), own_kit.config.database_owner_url
    others = f"{tenant}-b"
    decide(own_kit.client(tenant), treating_days_after=7, sign_off_needs_documentation=True)
    decide(own_kit.client(others), treating_days_after=8)
    migrate(folder, owner, back_to("0017", folder))
    with own_kit.transaction(tenant) as db:
        found = db.execute(text("SELECT sign_off_needs_documentation FROM encounter_settings")).scalars().all()
    assert found == [True]
    migrate(folder, owner)
    for one, days, needed in ((tenant, 7, True), (others, 8, False)):
        shown = own_kit.client(one).get("/settings").json
        assert (shown["treating_days_after"], shown["sign_off_needs_documentation"]) == (days, needed)
