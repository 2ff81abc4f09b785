"""Due and periodic work. What is due is a row with its time; claiming it is taking its lock."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from jalsa.config import Config
from jalsa.db import Database

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class JobTools:
    """What a job works with: the application role for one tenant's work, the relay role to see where work is due."""

    app: Database
    relay: Database
    config: Config


@dataclass(frozen=True)
class Job:
    """Work that every worker offers to do every `seconds`. `run` returns how much it did: more may be due at once.

    Any number of workers run it side by side, so it claims each row with FOR UPDATE SKIP LOCKED.
    """

    name: str
    seconds: float
    run: Callable[[JobTools], int]


def loop(job: Job, tools: JobTools, stop: threading.Event) -> None:
    """Run a job again and again, without a pause while there is work."""
    while not stop.is_set():
        if not job.run(tools):
            stop.wait(job.seconds)


_PURGE = text("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'")


def purge_idempotency_keys(engine: "Engine") -> int:
    """Forget the keys of requests that are more than a day old."""
    with engine.begin() as conn:
        return conn.execute(_PURGE).rowcount
