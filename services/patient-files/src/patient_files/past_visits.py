"""Past visits, from scheduling's feed: what the worker did not make of them when they were announced."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from sqlalchemy.orm import Session

from jalsa.db.transactions import Database, retry_on_serialization_failure
from jalsa.events.envelope import Envelope
from jalsa.events.reconcile import read_feed
from jalsa.events.tokens import ServiceTokens
from jalsa.service import clock
from jalsa.service.context import for_system
from patient_files.events.streams import STREAMS
from patient_files.use_cases import backfill

_PAGE = 500
_APPOINTMENTS = next(stream for stream in STREAMS if stream.aggregate == "appointment")


def _booked(db: Session, event: Envelope, data: Any) -> bool:
    return backfill.complete_appointment(db, data, "APPOINTMENT_BOOKED", event.time)


def _rescheduled(db: Session, event: Envelope, data: Any) -> bool:
    return backfill.complete_appointment(db, data, "APPOINTMENT_RESCHEDULED", event.time)


def _arrived(db: Session, event: Envelope, data: Any) -> bool:
    return backfill.open_for_arrival(db, data, event.time, now=clock.database_now(db))


def _attended(db: Session, event: Envelope, data: Any) -> bool:
    return backfill.close_for_attendance(db, data, event.time, now=clock.database_now(db))


#: What is read, in this order, and what it is counted as.
_READ: dict[str, tuple[str, Callable[[Session, Envelope, Any], bool]]] = {
    "AppointmentBooked.v1": ("appointments completed", _booked),
    "AppointmentRescheduled.v1": ("appointments completed", _rescheduled),
    "AppointmentArrived.v1": ("encounters opened", _arrived),
    "AppointmentAttended.v1": ("encounters closed", _attended),
}


def read(app: Database, address: str, tokens: ServiceTokens) -> dict[str, int]:
    """Read the feed of scheduling, which answers at `address`, and do what is left to do, each event by itself.

    Returns how much was done. Raises FeedAway, and urllib3's HTTPError.
    """
    http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=30), retries=False)
    done = Counter(dict.fromkeys((what for what, _ in _READ.values()), 0))
    for name, (what, apply) in _READ.items():
        for event in _events(http, address, tokens, name):
            done[what] += _apply(app, event, name, apply)
    return dict(done)


def _events(http: urllib3.PoolManager, address: str, tokens: ServiceTokens, name: str) -> Iterator[Envelope]:
    after = 0
    while found := read_feed(http, address, tokens, after, _PAGE, type=f"jalsa.scheduling.{name}"):
        yield from found
        after = found[-1].position or after


def _apply(app: Database, event: Envelope, name: str, apply: Callable[[Session, Envelope, Any], bool]) -> bool:
    data = _APPOINTMENTS.load(name, event.data)

    def once() -> bool:
        with app.transaction(for_system(event.tenant, "backfill")) as db:
            return apply(db, event, data)

    return retry_on_serialization_failure(once)
