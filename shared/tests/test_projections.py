"""Projections of another service's records. Each tenant has its own under the id that their owner gave them."""

from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from jalsa.db.projections import save, save_if_unknown, set_status, status_follower
from jalsa.dev.kit import ServiceKit
from jalsa.events.inbox import Received
from jalsa.service import clock
from jalsa.service.ids import new_id

from .lamps import Light


@pytest.fixture
def other(tenant: str) -> str:
    """Another tenant, whose records may have the same ids."""
    return f"{tenant}-b"


def stored(kit: ServiceKit, tenant: str, lamp: UUID) -> tuple[str, str] | None:
    with kit.transaction(tenant) as db:
        light = db.get(Light, lamp)
        return (light.trail, light.status) if light else None


def test_a_record_is_stored_and_then_replaced(follower: ServiceKit, tenant: str, lamp: UUID) -> None:
    for trail in ("1", "2"):
        with follower.transaction(tenant) as db:
            save(db, Light, lamp, {"trail": trail, "status": "ON"})
        assert stored(follower, tenant, lamp) == (trail, "ON")


def test_values_that_only_a_new_record_gets_are_left_alone_later(follower: ServiceKit, tenant: str, lamp: UUID) -> None:
    for trail, status in (("1", "OFF"), ("2", "ON")):
        with follower.transaction(tenant) as db:
            save(db, Light, lamp, {"trail": trail}, first={"status": status})
    assert stored(follower, tenant, lamp) == ("2", "OFF")


def test_what_is_known_already_is_not_touched_by_what_others_say_of_it(
    follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    for trail in ("1", "2"):
        with follower.transaction(tenant) as db:
            save_if_unknown(db, Light, lamp, {"trail": trail, "status": "ON"})
    assert stored(follower, tenant, lamp) == ("1", "ON")


def test_the_status_of_a_known_record_is_kept_and_of_an_unknown_one_forgotten(
    follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    with follower.transaction(tenant) as db:
        set_status(db, Light, lamp, "OFF")
    assert stored(follower, tenant, lamp) is None
    with follower.transaction(tenant) as db:
        save(db, Light, lamp, {"trail": "1", "status": "ON"})
        set_status(db, Light, lamp, "OFF")
    assert stored(follower, tenant, lamp) == ("1", "OFF")


def test_a_follower_gives_the_status_to_the_subject_of_the_event_and_to_no_other(
    follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    another = new_id()

    def go_out(db: Session, record_id: UUID, status: str) -> None:
        set_status(db, Light, record_id, status)

    with follower.transaction(tenant) as db:
        for light in (lamp, another):
            save(db, Light, light, {"trail": "1", "status": "ON"})
        event: Received[None] = Received(id=new_id(), subject_id=str(lamp), time=clock.now(), data=None)
        status_follower(go_out, "OFF")(db, event)
    assert stored(follower, tenant, lamp) == ("1", "OFF")
    assert stored(follower, tenant, another) == ("1", "ON")


def test_two_tenants_have_records_of_one_id_and_neither_reaches_the_others(
    follower: ServiceKit, tenant: str, other: str, lamp: UUID
) -> None:
    for name, trail in ((tenant, "1"), (other, "2")):
        with follower.transaction(name) as db:
            save(db, Light, lamp, {"trail": trail, "status": "ON"})
    with follower.transaction(other) as db:
        save(db, Light, lamp, {"trail": "3", "status": "ON"})
        save_if_unknown(db, Light, lamp, {"trail": "4", "status": "ON"})
        set_status(db, Light, lamp, "OFF")
    assert stored(follower, tenant, lamp) == ("1", "ON")
    assert stored(follower, other, lamp) == ("3", "OFF")
