"""A service under test: its own migrated database, its application, its inbox, and golden examples as events."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar, cast
from uuid import NAMESPACE_OID, uuid4, uuid5

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from jalsa.cli import migrations_folder
from jalsa.db.migrate import migrate
from jalsa.db.transactions import Database, Limits, TenantRow
from jalsa.dev.contract import Contract
from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.provision import drop_database, provision
from jalsa.dev.servers import Servers
from jalsa.events.contracts import FOLDER
from jalsa.events.envelope import Envelope, parse
from jalsa.events.inbox import Inbox
from jalsa.events.outbox import COLUMNS, envelope_of
from jalsa.events.relay import assign_positions
from jalsa.http.app import create_app
from jalsa.http.edge import JalsaFlask, Patience
from jalsa.service import clock
from jalsa.service.config import Config
from jalsa.service.context import Context, for_system
from jalsa.service.declaration import Service
from jalsa.service.reference import Reference

T = TypeVar("T")


def set_clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """The service's clock and the database's show that moment from now on. Tokens stay valid."""
    monkeypatch.setattr(clock, "now", lambda: moment)
    monkeypatch.setattr(clock, "database_now", lambda _: moment)


class Reply(TestResponse):
    """What the application answered. A test that reads a member of `json` says itself that there is a document."""

    json: Any


def contract_of(app: Flask) -> Contract | None:
    """The contract of an application, one for all who call it, or None for a service that describes nothing."""
    if app.extensions["jalsa"].service.reference == Reference():
        return None
    if "jalsa-contract" not in app.extensions:
        app.extensions["jalsa-contract"] = Contract(app)
    contract: Contract = app.extensions["jalsa-contract"]
    return contract


@dataclass(frozen=True)
class Client:
    """Calls the application as one person of one tenant."""

    app: Flask
    token: str

    def get(self, path: str, **query: object) -> Reply:
        """GET /v1<path>."""
        return self.call("GET", path, query_string=query)

    def post(self, path: str, body: object = None, **headers: str) -> Reply:
        """POST a JSON body to /v1<path>. `Idempotency_Key="…"` is the header Idempotency-Key."""
        return self.call("POST", path, json={} if body is None else body, headers=headers)

    def patch(self, path: str, body: object, etag: str | None = None) -> Reply:
        """PATCH with If-Match."""
        return self.call("PATCH", path, json=body, headers={"If-Match": etag} if etag else {})

    def put(self, path: str, body: object) -> Reply:
        """PUT a JSON body."""
        return self.call("PUT", path, json=body)

    def call(self, method: str, path: str, headers: Mapping[str, str] | None = None, **kwargs: Any) -> Reply:
        """Any request, with the token."""
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        named.setdefault("Authorization", f"Bearer {self.token}")
        answer = self.app.test_client().open(f"/v1{path}", method=method, headers=named, **kwargs)
        if contract := contract_of(self.app):
            contract.check(answer)
        return cast(Reply, answer)


class ServiceKit:
    """One service with a database of its own."""

    #: A machine that runs tests may be slow, and hundreds of requests at once must all be answered.
    patience = Patience(turn=60.0, waiting=1_000, limits=Limits(lock=30.0, statement=60.0))

    def __init__(self, service: Service, config: Config, issuer: Issuer) -> None:
        self.service = service
        self.config = config
        self.issuer = issuer
        self.database = Database(config.database_url, pool_size=20)
        self.relay = Database(config.database_relay_url, pool_size=5)

    @cached_property
    def app(self) -> JalsaFlask:
        """The web application."""
        app = create_app(self.service, self.config, self.database, self.patience)
        app.testing = False
        return app

    @cached_property
    def inbox(self) -> Inbox:
        """The inbox, under the application's and the relay's role."""
        return Inbox(self.service.name, self.database, self.relay, self.service.streams, self.service.handlers)

    def client(
        self,
        tenant: str,
        *roles: str,
        provider_id: str | None = None,
        subject: str = "tester",
        events: Iterable[str] | None = None,
    ) -> Client:
        """A caller, who is a manager unless roles are given."""
        token = self.issuer.token(
            tenant, roles or ("manager",), subject=subject, provider_id=provider_id, events=events
        )
        return Client(self.app, token)

    def transaction(self, tenant: str) -> AbstractContextManager[Session]:
        """A transaction of the application role, as a context manager giving SQLAlchemy's session."""
        return self.database.transaction(context(tenant))

    def events(self, tenant: str, name: str | None = None) -> list[Envelope]:
        """What the tenant's transactions have published, in order."""
        while assign_positions(self.relay.engine):
            pass
        with self.transaction(tenant) as db:
            rows = db.execute(text(f"SELECT {COLUMNS} FROM outbox ORDER BY position")).all()
        envelopes = [envelope_of(row) for row in rows]
        return [e for e in envelopes if name is None or e.event.split(".")[0] == name]

    def count(self, tenant: str, model: type[TenantRow]) -> int:
        """How many rows of a model the tenant has."""
        with self.transaction(tenant) as db:
            return len(db.scalars(select(model)).all())


def context(tenant: str) -> Context:
    """The context of a test's own transactions."""
    return for_system(tenant, "test")


@contextmanager
def service_kit(service: Service, servers: Servers, issuer: Issuer) -> Iterator[ServiceKit]:
    """A service with a freshly migrated database, dropped at the end."""
    role = service.name.replace("-", "_")
    name = f"{role}_{secrets.token_hex(4)}"
    urls = provision(servers.postgres.url, name, secret="test", service=role)
    migrate(migrations_folder(service), urls.owner)
    config = service.config(
        database_url=urls.app,
        database_relay_url=urls.relay,
        database_owner_url=urls.owner,
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwks_url=issuer.jwks_url,
        service_key=issuer.service_key(service.name),
        service_jwks_url=issuer.service_jwks_url,
    )
    kit = ServiceKit(service, config, issuer)
    try:
        yield kit
    finally:
        kit.database.dispose()
        kit.relay.dispose()
        drop_database(servers.postgres.url, name)


def golden(event: str, name: str, version: int = 1) -> dict[str, Any]:
    """A golden example, `shared/contracts/<event>/v<N>/<name>.json`: a whole envelope."""
    example: dict[str, Any] = json.loads((FOLDER / event / f"v{version}" / f"{name}.json").read_text())
    return example


def examples_read(service: Service) -> list[tuple[str, str]]:
    """The golden examples of the events that a service reads, as names of an event and of an example."""
    events = [event.split(".") for stream in service.streams for event in stream.reads]
    return [(name, path.stem) for name, version in events for path in sorted((FOLDER / name / version).glob("*.json"))]


def with_unknown_fields(value: Any) -> Any:
    """The same data with a field more in every object, as a later release may add one."""
    if isinstance(value, dict):
        return {**{name: with_unknown_fields(member) for name, member in value.items()}, "added_later": {"of": [1]}}
    return value


def example(
    event: str,
    name: str,
    tenant: str,
    *,
    sequence: int = 1,
    subject_id: object = None,
    time: datetime | None = None,
    **data: object,
) -> Envelope:
    """A golden example as an event of a tenant. `data` replaces top-level members of its data.

    The same sequence of a subject is the same event, with the same id, however often it is made.
    """
    attributes = golden(event, name)
    aggregate, original_id = attributes["subject"].split("/", 1)
    subject = f"{aggregate}/{subject_id or original_id}"
    attributes |= {
        "id": str(uuid5(NAMESPACE_OID, f"{tenant} {attributes['source']} {subject} {sequence}")),
        "tenantid": tenant,
        "sequence": str(sequence),
        "subject": subject,
        "correlationid": str(uuid4()),
        "data": {**attributes["data"], **json.loads(json.dumps(data, default=str))},
    }
    if time is not None:
        attributes["time"] = time.isoformat()
    return parse(attributes)


def renamed(envelope: Envelope, event: str, **data: object) -> Envelope:
    """The envelope as that of another event (`AppointmentCorrected.v1`) of its subject, with this data and no other."""
    changes = {"type": f"jalsa.{envelope.service}.{event}", "data": json.loads(json.dumps(data, default=str))}
    return parse({**envelope.attributes(), **changes})


def eventually(look: Callable[[], T], *, within: float = 10.0) -> T:
    """The first true value that `look` returns, asked again and again until a deadline. Raises AssertionError."""
    deadline = time.monotonic() + within
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {found!r}")
        time.sleep(0.02)
