"""Parts of a running system, in threads and processes, for tests of what happens when one of them goes away."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from jalsa.dev.kit import ServiceKit
from jalsa.work.worker import Worker

#: Nobody listens there.
NOWHERE = "http://127.0.0.1:1/{service}"


@contextmanager
def looping(*loops: Callable[[threading.Event], None]) -> Iterator[None]:
    """Loops at work, each in a thread. Each must end soon after it is told to."""
    stop = threading.Event()
    threads = [threading.Thread(target=loop, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)
        assert not any(thread.is_alive() for thread in threads)


@contextmanager
def working(
    kit: ServiceKit, amqp_url: str, peers: str = NOWHERE, *, start_empty: bool = False, **settings: Any
) -> Iterator[Worker]:
    """The service's worker process as threads of this one: relay, consumer, retries, reconciliation."""
    values: dict[str, Any] = {"reconcile_seconds": 60.0, "reconcile_down_seconds": 0.3, **settings}
    config = replace(kit.config, amqp_url=amqp_url, peer_url=peers, **values)
    worker = Worker(kit.service, config, start_empty=start_empty)
    worker.start()
    try:
        yield worker
    finally:
        worker.shut_down(20)
        assert not any(thread.is_alive() for thread in worker._threads)


def confirmed(kit: ServiceKit) -> int:
    """The position of the last event that the broker has confirmed."""
    with kit.relay.engine.connect() as conn:
        return int(conn.execute(text("SELECT position FROM relay_state WHERE work = 'publish'")).scalar_one())
