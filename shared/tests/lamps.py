"""A fake domain for the tests of the mechanisms. Alpha publishes what happens to its lamps, beta keeps a copy of it."""

import secrets
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection, Engine, NullPool, create_engine, select, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from jalsa.db.access_log import create_access_log
from jalsa.db.compaction import create_compaction, mark_compacted
from jalsa.db.schema import create_folding, create_mechanisms, create_sources, guard_numbers, register_tenant_table
from jalsa.db.transactions import TenantRow
from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.kit import ACCESS_LOG_KEY, ServiceKit
from jalsa.dev.provision import Urls, drop_database, provision
from jalsa.dev.servers import Postgres
from jalsa.events.contracts import EventType, Stream
from jalsa.events.data import Data
from jalsa.events.envelope import Envelope, parse
from jalsa.events.inbox import Handler, Received
from jalsa.events.outbox import publish
from jalsa.events.topology import Topology
from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page,
    page_of,
    run_as,
)
from jalsa.http.fields import FreeText, Name
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.config import Config
from jalsa.service.context import TENANT
from jalsa.service.declaration import Service
from jalsa.service.errors import Conflict, InvalidTransition, NotFound, NotYetKnown
from jalsa.service.policy import PUBLIC, SUBSCRIBER, SYSTEM, Policy, Principal
from jalsa.service.problems import Catalogue, Entry

TABLES = """
    CREATE TABLE lamps (
      id uuid PRIMARY KEY,
      tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
      name text NOT NULL,
      level int NOT NULL,
      CONSTRAINT lamps_name_key UNIQUE (tenant_id, name)
    );
    CREATE TABLE lights (
      id uuid NOT NULL,
      tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
      trail text NOT NULL,
      status text NOT NULL DEFAULT 'ON',
      PRIMARY KEY (tenant_id, id)
    );
"""
TOPOLOGY = Topology({"beta": ("*.alpha.lamp.#",)})


class Base(DeclarativeBase):
    """The lamps' own tables."""


class Lamp(TenantRow, Base):
    __tablename__ = "lamps"
    name: Mapped[str]
    level: Mapped[int]


class Light(TenantRow, Base):
    """Beta's copy of a lamp. Its trail grows with every event, so a duplicate or a wrong order shows in it forever."""

    __tablename__ = "lights"
    trail: Mapped[str]
    status: Mapped[str] = mapped_column(default="ON")


# What alpha publishes


class LampSwitchedData(Data):
    lamp_id: UUID
    level: int


LAMP_SWITCHED = EventType("alpha", "lamp", "LampSwitched", LampSwitchedData)
LAMP_MOVED = EventType("alpha", "lamp", "LampMoved", LampSwitchedData)
WIRE_CUT = EventType("alpha", "wire", "WireCut", LampSwitchedData)


def switch(db: Session, lamp_id: UUID, level: int, event: EventType = LAMP_SWITCHED) -> UUID:
    """Publish with the transaction that a lamp was switched. Returns the event's id."""
    return publish(db, event, lamp_id, {"lamp_id": lamp_id, "level": level}, now=clock.now())


def switched(kit: ServiceKit, tenant: str, lamp_id: UUID, *levels: int) -> None:
    """Switch a lamp, in one transaction for each level."""
    for level in levels:
        with kit.transaction(tenant) as db:
            switch(db, lamp_id, level)


def lamp_event(
    tenant: str, lamp_id: UUID, sequence: int, /, *, event: str = "LampSwitched.v1", **data: Any
) -> Envelope:
    """The event with this sequence of a lamp, as the bus brings it. Its level is its sequence."""
    return parse(lamp_attributes(tenant, lamp_id, sequence, event=event, **data))


def receive(kit: ServiceKit, tenant: str, lamp_id: UUID, *sequences: int) -> None:
    """Deliver the events with these sequences of a lamp."""
    for sequence in sequences:
        kit.inbox.receive(lamp_event(tenant, lamp_id, sequence))


def lamp_attributes(
    tenant: str, lamp_id: UUID, sequence: int, /, *, event: str = "LampSwitched.v1", **data: Any
) -> Any:
    """The same as the JSON object that travels."""
    return {
        "specversion": "1.0",
        "id": str(uuid5(lamp_id, f"{tenant} {sequence}")),
        "source": "/jalsa/alpha",
        "type": f"jalsa.alpha.{event}",
        "subject": f"lamp/{lamp_id}",
        "time": "2026-11-20T08:00:00Z",
        "tenantid": tenant,
        "sequence": str(sequence),
        "sequencetype": "Integer",
        "position": str(sequence),
        "correlationid": "c-1",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "dataschema": f"https://jalsa.test/alpha/v1/events/schemas/{event}",
        "datacontenttype": "application/json",
        "data": {"lamp_id": str(lamp_id), "level": sequence} | data,
    }


# What alpha answers

POLICY: Policy = {
    "lamps.read": frozenset({"manager", "clinician"}),
    "lamps.write": frozenset({"manager"}),
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    "events.read.wire": frozenset({"manager", SUBSCRIBER, SYSTEM}),
    "events.operate": frozenset({"manager"}),
}
routes = Routes("lamps", "Lamps")
#: What POST /v1/run/<name> does: a test puts its own view here.
RUN: dict[str, Callable[[Session], Any]] = {}


class LampBody(Schema):
    name = Name(required=True)
    level = fields.Integer(load_default=0, validate=validate.Range(0))
    note = FreeText()


class LampPatch(Schema):
    level = fields.Integer(required=True)


class LampAnswer(Schema):
    id = fields.UUID()
    name = fields.String()
    level = fields.Integer()


def represent(lamp: Lamp) -> dict[str, Any]:
    return {"id": str(lamp.id), "name": lamp.name, "level": lamp.level}


def stored(lamp_id: UUID) -> Lamp:
    lamp = current_db().scalar(select(Lamp).where(Lamp.id == lamp_id).with_for_update())
    if lamp is None:
        raise NotFound("lamp")
    return lamp


@routes.view("/lamps", "POST", permission="lamps.write", body=LampBody(), response=LampAnswer(), status=201)
def create_lamp(body: dict[str, Any]) -> Any:
    db = current_db()
    lamp = Lamp(name=body["name"], level=body["level"])
    db.add(lamp)
    db.flush()
    switch(db, lamp.id, lamp.level)
    return json_with_etag(represent(lamp), 201)


@routes.view("/lamps", permission="lamps.read", query=PlainPageArgs(), response=page_of(LampAnswer))
def list_lamps(query: PageOf[Everything]) -> Any:
    found = select(Lamp).order_by(Lamp.id).limit(query.limit + 1)
    if after := decode_id_cursor(query.cursor):
        found = found.where(Lamp.id > after)
    return page(current_db().scalars(found).all(), query.limit, lambda lamp: str(lamp.id), represent)


@routes.view("/lamps/<uuid:lamp_id>", permission="lamps.read", response=LampAnswer())
def read_lamp(lamp_id: UUID) -> Any:
    return json_with_etag(represent(stored(lamp_id)))


@routes.view("/lamps/<uuid:lamp_id>", "PATCH", permission="lamps.write", body=LampPatch(), response=LampAnswer())
def change_lamp(body: dict[str, Any], lamp_id: UUID) -> Any:
    lamp = stored(lamp_id)
    check_if_match(represent(lamp))
    lamp.level = body["level"]
    switch(current_db(), lamp.id, lamp.level)
    return json_with_etag(represent(lamp))


@routes.view("/lamps/<uuid:lamp_id>", "DELETE", permission="lamps.write", status=204)
def remove_lamp(lamp_id: UUID) -> None:
    lamp = stored(lamp_id)
    check_if_match(represent(lamp))
    current_db().delete(lamp)


@routes.view("/open/<tenant>/lamps", permission=PUBLIC)
def list_openly(tenant: str) -> Any:
    """For whoever knows the tenant's name."""
    if not TENANT.fullmatch(tenant):
        raise NotFound("tenant")
    return run_as(Principal("opener", tenant, frozenset()), lambda: RUN["open"](current_db()))


@routes.view("/run/<name>", "POST", permission="lamps.write")
def run(name: str) -> Any:
    return RUN[name](current_db())


@routes.view("/run-long/<name>", "POST", permission="lamps.write", max_bytes=200_000, seconds=45.0)
def run_long(name: str) -> Any:
    """With a longer body, and statements that may take longer, than others have."""
    return RUN[name](current_db())


@routes.view("/nobody", permission="lamps.polish")
def for_nobody() -> Any:
    return {}


def unmarked() -> Any:
    """A view that forgot to name its permission."""
    return {}


routes.route("/unmarked")(unmarked)


@dataclass(eq=False)
class LampBusy(Conflict):
    """The lamp is in use."""

    blockers: list[str]


class LampNameTaken(Conflict):
    """Another lamp has this name."""


class UnknownLamp(NotYetKnown):
    """The lamp may become known in a moment."""


class LampWarm(InvalidTransition):
    """The lamp has no entry of its own in the catalogue but for its base."""


PROBLEMS = Catalogue(
    Entry(LampBusy, 409, "lamp-busy", "The lamp is in use.", members=("blockers",)),
    Entry(UnknownLamp, 422, "unknown-lamp", "There is no such lamp."),
    Entry(LampNameTaken, 409, "name-taken", "Another lamp has this name."),
)

ALPHA = Service(
    name="alpha",
    title="Lamps",
    policy=POLICY,
    routes=(routes,),
    publishes=(LAMP_SWITCHED, LAMP_MOVED, WIRE_CUT),
    problems=PROBLEMS,
    constraints={"lamps_name_key": LampNameTaken},
    restricted=frozenset({"wire"}),
)


# What beta follows


class LampSwitched(Data):
    lamp_id: UUID
    level: int


STREAM = Stream("alpha", "lamp", reads={"LampSwitched.v1": LampSwitched}, ignores=frozenset({"LampMoved.v1"}))


def on_lamp_switched(db: Session, event: Received[LampSwitched]) -> None:
    """Not repeatable and not commutative, on purpose."""
    light = db.get(Light, event.data.lamp_id)
    if light is None:
        light = Light(id=event.data.lamp_id, trail="")
        db.add(light)
    light.trail += f"{event.data.level},"


class Switchable:
    """A handler that raises `error` for as long as there is one, and counts its calls."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, db: Session, event: Received[LampSwitched]) -> None:
        self.calls += 1
        on_lamp_switched(db, event)
        if self.error is not None:
            db.flush()
            raise self.error


def beta(handler: Handler = on_lamp_switched) -> Service:
    """The service that follows, perhaps with another handler."""
    return Service(
        name="beta",
        title="Lights",
        policy=POLICY,
        routes=(),
        streams=(STREAM,),
        handlers={"alpha.LampSwitched.v1": handler},
    )


def trail(kit: ServiceKit, tenant: str, lamp_id: UUID) -> str:
    """What beta has applied of a lamp's events: `1,2,3`."""
    with kit.transaction(tenant) as db:
        light = db.get(Light, lamp_id)
    return light.trail.rstrip(",") if light else ""


def kept(kit: ServiceKit, tenant: str) -> list[tuple[int, str, int]]:
    """Sequence, state and attempts of what a tenant's inbox keeps."""
    with kit.transaction(tenant) as db:
        rows = db.execute(text("SELECT sequence, state, attempts FROM inbox ORDER BY subject, sequence")).all()
    return [(row.sequence, row.state, row.attempts) for row in rows]


@contextmanager
def impatient(kit: ServiceKit) -> Iterator[None]:
    """The application's transactions wait for no lock, instead of ten seconds."""

    def limit(conn: Connection) -> None:
        conn.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")

    sqlalchemy_event.listen(kit.database.engine, "begin", limit)
    yield
    sqlalchemy_event.remove(kit.database.engine, "begin", limit)


# A database for either

#: Makes a service with a database of its own, for one test alone.
MakeKit = Callable[..., ServiceKit]
#: What was logged meanwhile.
Logs = list[MutableMapping[str, Any]]


def create_tables(execute: Callable[[str], None], service: str) -> None:
    create_mechanisms(execute, service)
    guard_numbers(execute, service, ("LMP",))
    create_folding(execute, service)
    create_sources(execute, service)
    create_access_log(execute, service)
    mark_compacted(execute)
    create_compaction(execute, service, ["jalsa.alpha.LampSwitched.v1"])
    execute(TABLES)
    register_tenant_table(execute, "lamps", service)
    register_tenant_table(execute, "lights", service, audited=False)


@contextmanager
def lamp_database(service: str, postgres: Postgres) -> Iterator[Urls]:
    """A fresh database, dropped at the end."""
    name = f"{service}_{secrets.token_hex(6)}"
    urls = provision(postgres.url, name, secret="test", service=service)
    with as_owner(urls) as conn:
        create_tables(partial(_execute, conn), service)
    try:
        yield urls
    finally:
        drop_database(postgres.url, name)


def empty(urls: Urls) -> None:
    """Make a database as it was when it was fresh, which is faster than another one."""
    with as_owner(urls) as conn:
        _execute(conn, "TRUNCATE feed_checkpoints, inbox, inbox_heads, outbox, outbox_heads, idempotency_keys, numbers")
        _execute(conn, "TRUNCATE access_log, audit_log, lamps, lights, stopped_sources")
        _execute(conn, "UPDATE relay_state SET position = 0; UPDATE compaction_due SET due_at = now()")


def urls_of(kit: ServiceKit) -> Urls:
    """The addresses of a kit's database, for each role."""
    return Urls(kit.config.database_owner_url, kit.config.database_url, kit.config.database_relay_url)


@contextmanager
def as_owner(urls: Urls) -> Iterator[Connection]:
    """A transaction of the owner role."""
    engine = create_engine(urls.owner, poolclass=NullPool)
    with engine.begin() as conn:
        yield conn


@contextmanager
def kit_on(urls: Urls, service: Service, issuer: Issuer, **settings: Any) -> Iterator[ServiceKit]:
    """A service on one of these databases."""
    values: Mapping[str, Any] = {
        "database_url": urls.app,
        "database_relay_url": urls.relay,
        "database_owner_url": urls.owner,
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "jwks_url": issuer.jwks_url,
        "service_key": issuer.service_key(service.name),
        "service_jwks_url": issuer.service_jwks_url,
        "access_log_key": ACCESS_LOG_KEY,
        **settings,
    }
    kit = ServiceKit(service, Config(**values), issuer)
    try:
        yield kit
    finally:
        kit.database.dispose()
        kit.relay.dispose()


def _execute(conn: Connection, statement: str) -> None:
    conn.execute(text(statement))


def superuser_of(kit: ServiceKit, postgres: Postgres) -> Engine:
    """A superuser's connections to a kit's database, whom no policy binds."""
    database = kit.database.engine.url.database
    return create_engine(postgres.url.rsplit("/", 1)[0] + f"/{database}")
