"""The schema goes up, down without a trace, and up again to the same, and it is as the models say."""

from jalsa.dev.kit import ServiceKit
from jalsa.dev.schema_checks import (
    assert_migrations_go_both_ways,
    assert_no_key_is_shared_by_tenants,
    assert_numbers_are_guarded,
    assert_tables_are_as_the_models_say,
)
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE
from patient_files.models import Base


def test_migrations_go_up_down_and_up_again(servers: Servers) -> None:
    assert_migrations_go_both_ways(SERVICE, servers)


def test_every_table_is_as_the_models_say_and_forces_row_level_security(kit: ServiceKit) -> None:
    assert_tables_are_as_the_models_say(kit, Base)


def test_no_tenant_is_in_anothers_way_with_a_key(kit: ServiceKit) -> None:
    assert_no_key_is_shared_by_tenants(kit)


def test_numbers_are_guarded(kit: ServiceKit, tenant: str) -> None:
    assert_numbers_are_guarded(kit, tenant)
