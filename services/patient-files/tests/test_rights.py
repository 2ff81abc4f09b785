"""Under which right a person reads what is not for everybody: every cell, and what makes a provider a treating one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest

from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.service.policy import ROLES, Principal
from patient_files.access import operations, rules
from patient_files.access.rules import ENCOUNTERS, RECORD, SCOPES, TIMELINE, Right
from patient_files.settings.rules import DEFAULTS

from .conftest import Json, Register, take_grant

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)
Book = Callable[..., UUID]
#: role -> scope -> what it takes: "yes" for the role alone, else some of "treating" and "grant".
TABLE = {
    "front-desk": dict.fromkeys(SCOPES, ""),
    "clinician": dict.fromkeys(SCOPES, "treating grant"),
    "biller": dict.fromkeys(SCOPES, ""),
    "records": dict.fromkeys(SCOPES, "yes"),
    "manager": {RECORD: "grant", ENCOUNTERS: "yes", TIMELINE: "yes"},
    "integration": dict.fromkeys(SCOPES, "yes"),
    "subscriber": dict.fromkeys(SCOPES, ""),
}


@pytest.fixture
def patient(desk: Client, register: Register, set_clock: Callable[[datetime], None]) -> Json:
    set_clock(NOW)
    return register(desk)


@pytest.fixture
def provider() -> UUID:
    return uuid4()


@pytest.fixture
def book(kit: ServiceKit, tenant: str, patient: Json, provider: UUID) -> Book:
    """Scheduling announces an appointment of the patient with the provider, so long from now. Returns its id."""

    def booked(ahead: timedelta, *, status: str = "", by: str = "desk") -> UUID:
        event = example("AppointmentBooked", "group", tenant)
        appointment = uuid4()
        said: Json = {
            "subject_id": appointment,
            "appointment_id": appointment,
            "patient_id": patient["id"],
            "session": {**event.data["session"], "starts_at": (NOW + ahead).isoformat()},
            "provider": {**event.data["provider"], "id": str(provider)},
            "booked_by": by,
        }
        kit.inbox.receive(example("AppointmentBooked", "group", tenant, **said))
        numbers = count(2)
        for name in status.split():
            of_it: Json = {"subject_id": appointment, "appointment_id": appointment}
            kit.inbox.receive(example(name, "default", tenant, sequence=next(numbers), **of_it))
        return appointment

    return booked


def right(kit: ServiceKit, tenant: str, person: Principal, patient: Json, scope: str = RECORD) -> Right | None:
    with kit.transaction(tenant) as db:
        return operations.right_to_read(db, person, [UUID(patient["id"])], scope, now=NOW)


def clinician(tenant: str, provider: UUID | None, login: str = "dr.huda") -> Principal:
    return Principal(login, tenant, frozenset({"clinician"}), str(provider) if provider else None)


# Every cell


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_reads_what_the_table_says(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, book: Book, role: str, scope: str
) -> None:
    cell = TABLE[role][scope]
    person = Principal("tester", tenant, frozenset({role}), str(provider) if role == "clinician" else None)
    stranger = right(kit, tenant, person, patient, scope)
    assert (stranger is not None) == (cell == "yes")

    grant = take_grant(kit.client(tenant, "manager"), patient, scope=scope)
    under_grant = right(kit, tenant, person, patient, scope)
    if "grant" in cell:
        assert under_grant == Right(grant_id=UUID(grant["id"]), reason="EMERGENCY")
    else:
        assert under_grant == stranger

    book(DAY)
    treating = right(kit, tenant, person, patient, scope)
    assert treating == (Right(relation="treating") if "treating" in cell else under_grant)


def test_the_table_has_every_role_and_scope() -> None:
    assert {role: set(scopes) for role, scopes in TABLE.items()} == {role: set(SCOPES) for role in ROLES}
    assert set(rules.READERS) == set(SCOPES)


def test_a_grant_is_for_one_person_one_patient_and_one_scope(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, desk: Client, register: Register
) -> None:
    take_grant(kit.client(tenant, "clinician", subject="dr.huda"), patient, scope=ENCOUNTERS)
    other = register(desk)
    assert right(kit, tenant, clinician(tenant, provider), patient, ENCOUNTERS) is not None
    assert right(kit, tenant, clinician(tenant, provider), other, ENCOUNTERS) is None
    assert right(kit, tenant, clinician(tenant, provider), patient, RECORD) is None
    assert right(kit, tenant, clinician(tenant, provider, "dr.omar"), patient, ENCOUNTERS) is None


def test_a_grant_that_has_ended_opens_nothing(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, set_clock: Callable[[datetime], None]
) -> None:
    doctor = kit.client(tenant, "clinician", subject="dr.huda")
    closed = take_grant(doctor, patient)
    doctor.post(f"/break-glass/{closed['id']}/close")
    set_clock(NOW - timedelta(minutes=60))
    take_grant(doctor, patient)
    assert right(kit, tenant, clinician(tenant, provider), patient) is None


def test_a_patient_with_several_ids_is_treated_under_each(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, book: Book
) -> None:
    book(DAY)
    ids = [uuid4(), UUID(patient["id"])]
    with kit.transaction(tenant) as db:
        person = clinician(tenant, provider)
        assert operations.right_to_read(db, person, ids, RECORD, now=NOW) == Right(relation="treating")
        assert operations.may_read_restricted(db, person, ids[1], now=NOW) == Right(relation="treating")
        assert operations.may_read_restricted(db, person, ids[0], now=NOW) is None


# Treating


@pytest.mark.parametrize(
    ("ahead", "treats"),
    [
        (-90 * DAY, True),
        (-90 * DAY - timedelta(seconds=1), False),
        (30 * DAY, True),
        (30 * DAY + timedelta(seconds=1), False),
    ],
)
def test_an_appointment_makes_a_treating_provider_from_90_days_ago_to_30_ahead(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, book: Book, ahead: timedelta, treats: bool
) -> None:
    book(ahead)
    assert (right(kit, tenant, clinician(tenant, provider), patient) is not None) == treats


@pytest.mark.parametrize(
    ("status", "by", "treats"),
    [
        ("", "desk", True),
        ("AppointmentConfirmed", "desk", True),
        ("AppointmentArrived AppointmentAttended", "desk", True),
        ("AppointmentNoShow", "desk", False),
        ("AppointmentCancelled", "desk", False),
        ("", "dr.huda", False),
        ("AppointmentConfirmed", "dr.huda", False),
        ("AppointmentArrived", "dr.huda", False),
        ("AppointmentArrived AppointmentAttended", "dr.huda", True),
    ],
)
def test_it_must_be_live_and_what_the_provider_booked_counts_once_it_is_attended(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, book: Book, status: str, by: str, treats: bool
) -> None:
    book(DAY, status=status, by=by)
    assert (right(kit, tenant, clinician(tenant, provider), patient) is not None) == treats


def test_who_booked_it_is_still_known_after_a_move(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, book: Book
) -> None:
    appointment = book(DAY, by="dr.huda")
    moved = example("AppointmentRescheduled", "participant", tenant)
    said: Json = {
        "subject_id": appointment,
        "appointment_id": appointment,
        "patient_id": patient["id"],
        "session": {**moved.data["session"], "starts_at": (NOW + 2 * DAY).isoformat()},
        "provider": {**moved.data["provider"], "id": str(provider)},
    }
    kit.inbox.receive(example("AppointmentRescheduled", "participant", tenant, sequence=2, **said))
    assert right(kit, tenant, clinician(tenant, provider), patient) is None
    assert right(kit, tenant, clinician(tenant, provider, "dr.omar"), patient) is not None, "the control: it was moved"


def test_another_provider_and_a_clinician_who_is_none_do_not_treat(
    kit: ServiceKit, tenant: str, patient: Json, book: Book
) -> None:
    book(DAY)
    assert right(kit, tenant, clinician(tenant, uuid4()), patient) is None
    assert right(kit, tenant, clinician(tenant, None), patient) is None


# Settings


def test_a_tenant_says_for_how_long_an_appointment_makes_a_treating_provider(
    kit: ServiceKit, tenant: str, patient: Json, provider: UUID, book: Book
) -> None:
    manager = kit.client(tenant, "manager")
    assert manager.get("/settings").json == DEFAULTS
    book(5 * DAY)
    person = clinician(tenant, provider)
    for before, treats in ((4, False), (5, True)):
        assert manager.put("/settings", {"treating_days_before": before}).status_code == 200
        assert (right(kit, tenant, person, patient) is not None) == treats
    assert manager.get("/settings").json == {**DEFAULTS, "treating_days_before": 5}


def test_only_managers_see_and_change_the_settings(kit: ServiceKit, tenant: str) -> None:
    for role in sorted(ROLES - {"manager"}):
        client = kit.client(tenant, role)
        assert (client.get("/settings").status_code, client.put("/settings", {}).status_code) == (403, 403), role
    manager = kit.client(tenant, "manager")
    for days in (-1, 3651, "90"):
        assert manager.put("/settings", {"treating_days_after": days}).status_code == 422
    etag = manager.get("/settings").headers["ETag"]
    assert manager.put("/settings", {"treating_days_after": 10}).status_code == 200
    stale = manager.call("PUT", "/settings", json={}, headers={"If-Match": etag})
    assert stale.status_code == 412
