"""The same person at eight desks at once becomes one patient. Each lock is shown to be needed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit
from patient_files.duplicates import operations, queries
from patient_files.duplicates.rules.grades import Person
from patient_files.models import Patient

from .conftest import Json

DESKS = 8
Registrations = Callable[[Callable[[int], Json]], list[int]]


@pytest.fixture
def at_once(desk: Client) -> Registrations:
    """Registers a person at all desks at the same moment, and gives the sorted statuses."""

    def registered(told: Callable[[int], Json]) -> list[int]:
        start = threading.Barrier(DESKS, timeout=20)

        def register(number: int) -> int:
            start.wait()
            return desk.post("/patients", told(number)).status_code

        with ThreadPoolExecutor(DESKS) as pool:
            return sorted(pool.map(register, range(DESKS)))

    return registered


@pytest.fixture
def person(body: Json) -> Json:
    return {**body, "national_id": None}


def test_of_equal_registrations_at_once_one_is_stored(
    kit: ServiceKit, tenant: str, at_once: Registrations, person: Json
) -> None:
    assert at_once(lambda _: person) == [201] + [409] * (DESKS - 1)
    assert kit.count(tenant, Patient) == 1


def test_of_registrations_that_have_only_the_name_and_the_email_in_common_one_is_stored(
    kit: ServiceKit, tenant: str, at_once: Registrations, person: Json
) -> None:
    told = at_once(lambda number: {**person, "phone": f"055111222{number}"})
    assert told == [201] + [409] * (DESKS - 1)


@pytest.mark.parametrize("contact", ["phone", "email"])
def test_without_the_locks_several_are_stored(
    kit: ServiceKit, tenant: str, at_once: Registrations, person: Json, contact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: nothing behind the locks would refuse them."""
    all_have_looked, look = threading.Barrier(DESKS, timeout=20), queries.candidates

    def look_and_wait(db: Session, someone: Person, *known: object, **but: object) -> object:
        found = look(db, someone, *known, **but)  # type: ignore[arg-type]
        all_have_looked.wait()
        return found

    monkeypatch.setattr(operations, "lock_person", lambda *_: None)
    monkeypatch.setattr(queries, "candidates", look_and_wait)
    other = "email" if contact == "phone" else "phone"
    assert at_once(lambda _: {**person, other: None}) == [201] * DESKS
    assert kit.count(tenant, Patient) == DESKS


def test_registrations_that_share_a_phone_and_a_name_in_turn_do_not_deadlock(
    at_once: Registrations, person: Json
) -> None:
    """Each has another's phone and name: the locks are taken in one order."""
    phones = [f"+96650000010{number}" for number in range(DESKS)]
    names = [f"Sara{'abcdefgh'[number]}" for number in range(DESKS)]

    def told(number: int) -> Json:
        following = (number + 1) % DESKS
        numbers = [{"number": phones[number]}, {"number": phones[following]}]
        parts = {"first_name_en": names[number], "first_name_ar": names[following], "last_name_ar": None}
        others = {"date_of_birth": f"2015-0{number + 1}-02", "email": None}
        return {**person, **parts, **others, "phone": None, "phones": numbers[:: 1 if number % 2 else -1]}

    assert at_once(told) == [201] * DESKS
