"""Commands for operators: `python -m patient_files check-references | backfill`."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from jalsa.cli import Command
from jalsa.service.config import Config

if TYPE_CHECKING:
    from jalsa.service.declaration import Service


def _check_references_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", help="of this tenant only")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def _check_references(service: "Service", config: Config, arguments: argparse.Namespace) -> None:
    from jalsa.db.tenants import known_tenants
    from jalsa.db.transactions import Database
    from patient_files.use_cases import integrity

    config.require("database_url", "database_relay_url")
    app = Database(config.database_url, name=f"{service.name}-check-references")
    relay = Database(config.database_relay_url, name=f"{service.name}-check-references")
    try:
        tenants = [arguments.tenant] if arguments.tenant else known_tenants(relay.engine)
        found = {tenant: integrity.count(app, tenant) for tenant in tenants}
    finally:
        app.dispose()
        relay.dispose()
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for tenant, counts in found.items():
            print(tenant)
            print("\n".join(f"  {name:24} {count}" for name, count in counts.items()))
    sys.exit(1 if any(count for counts in found.values() for count in counts.values()) else 0)


def _no_arguments(_: argparse.ArgumentParser) -> None:
    pass


def _backfill(service: "Service", config: Config, _: argparse.Namespace) -> None:
    import urllib3

    from jalsa.db.transactions import Database
    from jalsa.events.reconcile import FeedAway, peer_address
    from jalsa.events.tokens import ServiceTokens
    from jalsa.service.config import ConfigError
    from patient_files import past_visits

    config.require("database_url", "service_key")
    tokens = ServiceTokens(service.name, audience=config.jwt_audience, service_key=config.service_key)
    app = Database(config.database_url, name=f"{service.name}-backfill")
    try:
        done = past_visits.read(app, peer_address(config.peer_url, "scheduling"), tokens)
    except (FeedAway, urllib3.exceptions.HTTPError) as error:
        raise ConfigError(f"scheduling's feed cannot be read ({error}); what was done so far is kept") from None
    finally:
        app.dispose()
    for what, count in done.items():
        print(f"{what:24} {count}")


COMMANDS = (
    Command(
        "check-references",
        "count what does not fit together between encounters and what refers to them; exits 1 if anything does not",
        _check_references_arguments,
        _check_references,
    ),
    Command(
        "backfill",
        "read scheduling's feed for past arrivals: their encounters and timelines; it can be repeated",
        _no_arguments,
        _backfill,
    ),
)
