"""The schema goes up, down without a trace, and up again to the same, and it is as the models say."""

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.dev.kit import ServiceKit
from jalsa.dev.schema_checks import (
    assert_migrations_go_both_ways,
    assert_no_key_is_shared_by_tenants,
    assert_numbers_are_guarded,
    assert_tables_are_as_the_models_say,
    back_to,
)
from jalsa.dev.servers import Servers
from notifications.app import SERVICE
from notifications.models import Base

from .factories import World, in_days, items


def test_migrations_go_up_down_and_up_again(servers: Servers) -> None:
    assert_migrations_go_both_ways(SERVICE, servers)


def test_every_table_is_as_the_models_say_and_forces_row_level_security(kit: ServiceKit) -> None:
    assert_tables_are_as_the_models_say(kit, Base)


def test_the_way_back_from_offers_keeps_the_messages_about_appointments(scratch_kit: ServiceKit, tenant: str) -> None:
    world = World(scratch_kit, tenant)
    patient_id = world.patient()
    booking = world.book(patient_id)
    world.offer(patient_id, in_days(1))
    world.dispatch()
    owner_url, folder = scratch_kit.config.database_owner_url, migrations_folder(SERVICE)

    migrate(folder, owner_url, back_to("0001", folder))
    migrate(folder, owner_url)

    listed = items(world.desk.get("/messages", patient_id=str(patient_id)))
    assert listed == world.messages(booking)
    assert [message["kind"] for message in listed] == ["BOOKING_CONFIRMATION"]


def test_the_way_back_from_packages_keeps_what_is_about_appointments(scratch_kit: ServiceKit, tenant: str) -> None:
    world = World(scratch_kit, tenant)
    course = world.course([in_days(3), in_days(5)])
    world.schedule(course)
    booking = world.book(course.patient_id)
    world.dispatch()
    assert len(world.course_messages(course)) == 1
    owner_url, folder = scratch_kit.config.database_owner_url, migrations_folder(SERVICE)

    migrate(folder, owner_url, back_to("0003", folder))
    migrate(folder, owner_url)

    listed = items(world.desk.get("/messages", patient_id=str(course.patient_id)))
    assert [message["id"] for message in listed] == [world.confirmation(booking)["id"]]
    assert [notice["kind"] for notice in world.notices()] == ["APPOINTMENT_BOOKED"]


def test_the_way_back_from_notices_for_roles_keeps_those_for_logins(scratch_kit: ServiceKit, tenant: str) -> None:
    world = World(scratch_kit, tenant)
    world.book(world.patient())
    world.grant()
    assert len(world.inbox("manager", subject="layla")) == 2
    owner_url, folder = scratch_kit.config.database_owner_url, migrations_folder(SERVICE)

    migrate(folder, owner_url, back_to("0007", folder))
    migrate(folder, owner_url)

    assert [notice["kind"] for notice in world.inbox("manager", subject="layla")] == ["APPOINTMENT_BOOKED"]


def test_no_tenant_is_in_anothers_way_with_a_key(kit: ServiceKit) -> None:
    assert_no_key_is_shared_by_tenants(kit)


def test_numbers_are_guarded(kit: ServiceKit, tenant: str) -> None:
    assert_numbers_are_guarded(kit, tenant)
