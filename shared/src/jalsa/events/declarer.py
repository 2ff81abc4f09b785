"""`python -m jalsa.events.declarer` declares the bus's topology again and again, with a user that no service has.

The services' own users may publish under their name and read their queue, and nothing else. What is deleted on the
broker is there again within seconds all the same.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import structlog

from jalsa.events import topology as bus
from jalsa.events.bindings import Bindings
from jalsa.service import logging
from jalsa.service.config import Config, ConfigError

log = structlog.get_logger()

#: Seconds between two declarations, and between two attempts while the broker is away.
EVERY_SECONDS = 15.0
RETRY_SECONDS = 2.0
#: Written after each declaration, for whoever looks whether this process is well.
DECLARED = Path("/tmp/declared")  # noqa: S108 the container's own


def loop(
    url: str, topology: bus.Topology, stop: threading.Event, declared: Path = DECLARED, management_url: str = ""
) -> None:
    """Declare until told to stop. What was lost meanwhile is told where there is a management API to ask."""
    bindings = Bindings(management_url, url)
    while not stop.is_set():
        try:
            with bus.connection(url) as connection:
                bus.declare(connection, topology)
                declared.touch()
                while not stop.wait(EVERY_SECONDS):
                    bindings.look(topology)
                    bus.declare(connection, topology)
                    declared.touch()
        except bus.BUS_ERRORS as error:
            log.warning("bus-away", error=type(error).__name__)
            stop.wait(RETRY_SECONDS)


def main() -> None:
    """Declare until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        config = Config.from_env(os.environ)
        config.require("amqp_url")
    except ConfigError as error:
        sys.exit(f"declarer: {error}")
    logging.configure(config.log_level, "declarer")
    loop(config.amqp_url, bus.load(), stop, management_url=config.amqp_management_url)


if __name__ == "__main__":
    main()
