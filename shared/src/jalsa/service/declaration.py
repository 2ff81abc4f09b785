"""What a service declares. Nothing of HTTP, of the bus or of the database is imported for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jalsa.service.config import Config
from jalsa.service.errors import DomainError
from jalsa.service.policy import Policy
from jalsa.service.problems import Catalogue
from jalsa.service.reference import Reference
from jalsa.service.states import StateMachine

if TYPE_CHECKING:
    from jalsa.events.contracts import EventType, Stream
    from jalsa.events.inbox import Handler
    from jalsa.http.routes import Routes
    from jalsa.work.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Service:
    """All that a service declares. Its `app.py` is the only place that puts it together.

    `texts` are the packages whose `ar.po` says its messages in Arabic. `problems` is the catalogue of what its domain
    refuses, and `constraints` maps a database constraint to the refusal that it stands for. `former_streams` are those
    that an earlier version followed. Their bindings are taken from the queue. `reference` describes the HTTP surface,
    for its OpenAPI document. `restricted` names the aggregates whose events only holders of `events.read.<aggregate>`
    find in the feed.
    """

    name: str
    title: str
    config: type[Config] = Config
    policy: Policy
    routes: "tuple[Routes, ...]"
    publishes: "tuple[EventType, ...]" = ()
    streams: "tuple[Stream, ...]" = ()
    former_streams: "tuple[Stream, ...]" = ()
    handlers: "Mapping[str, Handler]" = field(default_factory=dict)
    jobs: "tuple[Job, ...]" = ()
    machines: tuple[StateMachine, ...] = ()
    texts: tuple[str, ...] = ()
    problems: Catalogue = Catalogue()  # noqa: RUF009 (it never changes)
    constraints: Mapping[str, Callable[[], DomainError]] = field(default_factory=dict)
    restricted: frozenset[str] = frozenset()
    reference: Reference = Reference()  # noqa: RUF009 (it never changes)
