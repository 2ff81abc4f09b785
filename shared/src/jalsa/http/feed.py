"""The feed is the outbox read as the service's event log. Here is also the inbox as its operator sees it."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import structlog
from flask import Response, current_app, jsonify
from marshmallow import Schema, fields, validate
from sqlalchemy import text

from jalsa.events.outbox import COLUMNS, envelope_of
from jalsa.http.edge import current_db, current_principal
from jalsa.http.fields import Instant, Pattern, sometimes
from jalsa.http.paging import PageArgs, PageOf, decode_cursor, decode_id_cursor, page, page_by_id, page_of
from jalsa.http.routes import Routes
from jalsa.service.commands import Loaded
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from jalsa.service.policy import PUBLIC, SUBSCRIBER, SYSTEM, Principal
from jalsa.service.problems import Problem

if TYPE_CHECKING:
    from jalsa.service.declaration import Service

log = structlog.get_logger()

_READ = text(f"""
    SELECT {COLUMNS} FROM outbox
    WHERE position > :after
      AND (:tenant = '*' OR tenant_id = :tenant)
      AND (CAST(:type AS text) IS NULL OR type = :type)
      AND (CAST(:subject AS text) IS NULL OR subject = :subject)
      AND split_part(subject, '/', 1) <> ALL (:withheld)
      AND (CAST(:granted AS text[]) IS NULL OR split_part(subject, '/', 1) = ANY (CAST(:granted AS text[])))
    ORDER BY position LIMIT :limit
""")  # noqa: S608 the columns are a constant
# It goes by the key (tenant, subject, sequence), so it costs the same however long the log is.
_LAST_PUBLISHED = text("""
    SELECT DISTINCT ON (subject) subject, sequence AS last, id FROM outbox
    WHERE tenant_id = :tenant AND subject = ANY(:subjects) ORDER BY subject, sequence DESC
""")
_KEPT = text("""
    SELECT i.id, source, subject, i.sequence, i.type, i.state, i.attempts, i.next_at, i.error, i.received_at,
           CAST(extract(epoch FROM now() - i.received_at) AS bigint) AS age_seconds, h.last + 1 AS expected_sequence
    FROM inbox i JOIN inbox_heads h USING (tenant_id, source, subject)
    WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:after AS uuid) IS NULL OR i.id > :after)
    ORDER BY i.id LIMIT :limit
""")
_KEPT_ONE = text("""
    SELECT state, source, subject, sequence, envelope->>'id' AS event_id FROM inbox WHERE id = :id FOR UPDATE
""")
_RETRY = text("UPDATE inbox SET state = 'retrying', attempts = 0, next_at = now() WHERE id = :id")
_SKIP = text("DELETE FROM inbox WHERE id = :id")
_PASS = text("""
    UPDATE inbox_heads SET last = :sequence, last_id = CAST(:event_id AS uuid)
    WHERE source = :source AND subject = :subject
""")
_HEADS = text("""
    SELECT tenant_id, subject, last, last_id FROM inbox_heads
    WHERE source = '/jalsa/' || :source AND last > 0 AND (tenant_id, subject) > (:tenant, :after)
    ORDER BY tenant_id, subject LIMIT :limit
""")


_TOKEN = Pattern(r"^[!-~]{1,200}$", error="Must be 1 to 200 printable ASCII characters.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFeed:
    """Which events are read: at most `limit`, after a position, perhaps of one type or subject only."""

    after: int
    limit: int
    type: str | None
    subject: str | None


class FeedArgs(Loaded):
    """`after` is the position of the last event that the caller has."""

    into = ReadFeed

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**63 - 1))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    type = fields.String(load_default=None, validate=_TOKEN)
    subject = fields.String(load_default=None, validate=_TOKEN)


class FeedAnswer(Schema):
    """Envelopes in the order of their positions. `next_cursor` is the last one's, to be given as `after`."""

    items = fields.List(fields.Dict())
    next_cursor = fields.String(allow_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSubjects:
    """Of which subjects of a tenant to tell."""

    tenant: str
    subjects: list[str]


class SubjectsBody(Loaded):
    """Of which subjects of a tenant to tell."""

    into = FindSubjects

    tenant = fields.String(required=True, validate=_TOKEN)
    subjects = fields.List(fields.String(validate=_TOKEN), required=True, validate=validate.Length(1, 500))


class PublishedSubject(Schema):
    """The sequence and the id of a subject's last event. A subject without any is left out."""

    subject = fields.String()
    last = fields.Integer()
    id = fields.UUID()


class SubjectsAnswer(Schema):
    """How far each subject is."""

    items = fields.List(fields.Nested(PublishedSubject()))


class SchemaOfEvent(Schema):
    """The JSON Schema (2020-12) of an event's data."""

    dialect = fields.String(data_key="$schema")
    uri = fields.String(data_key="$id")
    title = fields.String()
    type = fields.String()
    properties = fields.Dict()
    required = sometimes(fields.List(fields.String()))


@dataclass(frozen=True, slots=True, kw_only=True)
class FindKept:
    """Which kept events to list."""

    state: str | None


class InboxArgs(PageArgs):
    """Which kept events to list."""

    into = FindKept

    state = fields.String(load_default=None, validate=validate.OneOf(["waiting", "retrying", "dead"]))


class KeptEvent(Schema):
    """An event that waits for an earlier one, is tried again, or is dead. Its content is not shown."""

    id = fields.UUID()
    source = fields.String()
    subject = fields.String()
    sequence = fields.Integer()
    type = fields.String()
    state = fields.String()
    attempts = fields.Integer()
    next_at = Instant(allow_none=True)
    error = fields.String(allow_none=True)
    received_at = Instant()
    age_seconds = fields.Integer(metadata={"description": "How long it has been kept"})
    expected_sequence = fields.Integer(metadata={"description": "The sequence whose turn it is in its subject."})


@dataclass(frozen=True, slots=True, kw_only=True)
class FindHeads:
    """Of which source the heads are asked for."""

    source: str


class HeadsArgs(PageArgs):
    """Of which source the heads are asked for."""

    into = FindHeads

    source = fields.String(required=True, validate=Pattern(r"^[a-z][a-z0-9-]{0,60}$"))


class AppliedHead(NamedTuple):
    """The last event of a subject that this service has applied."""

    tenant: str
    subject: str
    sequence: int
    id: UUID | None


class HeadAnswer(Schema):
    """The last event of a subject that this service has applied."""

    tenant = fields.String()
    subject = fields.String()
    sequence = fields.Integer()
    id = fields.UUID(allow_none=True)


def feed_routes() -> Routes:
    """The routes below `/v1/events`, for one application."""
    routes = Routes("events", "The event log and the inbox")
    kept = "/events/inbox/<uuid:event_id>"
    routes.view("/events", permission="events.read", query=FeedArgs(), response=FeedAnswer())(read_feed)
    routes.view(
        "/events/subjects", "POST", permission="events.compare", body=SubjectsBody(), response=SubjectsAnswer()
    )(read_subjects)
    routes.view("/events/schemas/<event>", permission=PUBLIC, response=SchemaOfEvent())(read_schema)
    routes.view("/events/inbox", permission="events.operate", query=InboxArgs(), response=page_of(KeptEvent))(
        list_inbox
    )
    routes.view(f"{kept}/retry", "POST", permission="events.operate", status=204)(retry_dead)
    routes.view(f"{kept}/skip", "POST", permission="events.operate", status=204)(skip_dead)
    routes.view(f"{kept}/drop", "POST", permission="events.operate", status=204)(drop_waiting)
    routes.view("/events/heads", permission="events.compare", query=HeadsArgs(), response=page_of(HeadAnswer))(
        read_heads
    )
    return routes


def read_feed(asked: ReadFeed) -> JsonObject:
    """Events in the order of their positions, after the one that the caller has last."""
    principal = current_principal()
    service: Service = current_app.extensions["jalsa"].service
    granted = _granted(service, principal)
    values = {
        **asdict(asked),
        "tenant": principal.tenant,
        "withheld": withheld(service, principal),
        "granted": granted,
    }
    items = [envelope_of(row).attributes() for row in current_db().execute(_READ, values)]
    return {"items": items, "next_cursor": items[-1]["position"] if items else None}


def read_subjects(asked: FindSubjects) -> JsonObject:
    """How far some subjects are, for our own services.

    It includes what is stored but has no position in the feed yet.
    """
    return {"items": current_db().execute(_LAST_PUBLISHED, asdict(asked)).all()}


def withheld(service: "Service", principal: Principal) -> list[str]:
    """The aggregates whose events the caller may not read."""
    ours = principal.subject if SYSTEM in principal.roles else None
    kept_back = [aggregate for aggregate, readers in service.withheld.items() if ours not in readers]
    return kept_back + [one for one in service.restricted if not _may_read(service, principal, one)]


def _granted(service: "Service", principal: Principal) -> list[str] | None:
    """The aggregates of this service that a token grants to a subscriber, or None for callers without such a list."""
    held = service.policy.get("events.read", frozenset()) & principal.roles
    if held != {SUBSCRIBER} or principal.events is None:
        return None
    return _named(service, principal)


def _may_read(service: "Service", principal: Principal, aggregate: str) -> bool:
    """Whether a restricted aggregate is for the caller. For a subscriber it is if the token grants it by name."""
    holders = service.policy.get(f"events.read.{aggregate}", frozenset()) & principal.roles
    return bool(holders) and (holders != {SUBSCRIBER} or aggregate in _named(service, principal))


def _named(service: "Service", principal: Principal) -> list[str]:
    """The aggregates of this service that a token names."""
    named = (event.partition(".") for event in principal.events or ())
    return [aggregate for owner, _, aggregate in named if owner == service.name]


def read_schema(event: str) -> Response:
    """The JSON Schema of an event's data (`AppointmentBooked.v1`)."""
    from jalsa.events.json_schema import json_schema

    for published in current_app.extensions["jalsa"].service.publishes:
        if f"{published.name}.v{published.version}" == event:
            return jsonify(json_schema(published))
    raise NotFound("event")


def list_inbox(query: PageOf[FindKept]) -> JsonObject:
    """What the inbox keeps, which are events that wait, are tried again, or are dead."""
    values = {"state": query.asked.state, "after": decode_id_cursor(query.cursor), "limit": query.limit + 1}
    rows = current_db().execute(_KEPT, values).all()
    return page_by_id(rows, query.limit, lambda row: row._asdict())


def retry_dead(event_id: UUID) -> None:
    """Try a dead event again, from its first attempt. The worker takes it up within seconds."""
    db = current_db()
    _kept(event_id, "dead", "Only a dead event can be retried or skipped.")
    db.execute(_RETRY, {"id": event_id})
    log.info("dead-event-retried", inbox_id=str(event_id))


def skip_dead(event_id: UUID) -> None:
    """Give a dead event up, so that what waits behind it can go on."""
    db = current_db()
    dead = _kept(event_id, "dead", "Only a dead event can be retried or skipped.")
    db.execute(_SKIP, {"id": event_id})
    db.execute(_PASS, asdict(dead))
    log.info("dead-event-skipped", inbox_id=str(event_id))


def drop_waiting(event_id: UUID) -> None:
    """Forget an event that waits for one that will never come. If it was real, its feed has to bring it again."""
    _kept(event_id, "waiting", "Only an event that waits can be dropped.")
    current_db().execute(_SKIP, {"id": event_id})
    log.info("waiting-event-dropped", inbox_id=str(event_id))


@dataclass(frozen=True, slots=True)
class _Kept:
    """Which event of which subject is kept."""

    source: str
    subject: str
    sequence: int
    event_id: str


def _kept(event_id: UUID, state: str, otherwise: str) -> _Kept:
    row = current_db().execute(_KEPT_ONE, {"id": event_id}).one_or_none()
    if row is None:
        raise NotFound("event")
    if row.state != state:
        raise Problem(409, "invalid-transition", otherwise)
    return _Kept(row.source, row.subject, row.sequence, row.event_id)


def read_heads(query: PageOf[FindHeads]) -> JsonObject:
    """How far this service has come with a source's events, of all tenants, for our own services alone."""
    tenant, _, after = decode_cursor(query.cursor).partition(" ") if query.cursor else ("", "", "")
    values = {"source": query.asked.source, "tenant": tenant, "after": after, "limit": query.limit + 1}
    heads = [AppliedHead(*row) for row in current_db().execute(_HEADS, values)]
    return page(heads, query.limit, lambda head: f"{head.tenant} {head.subject}", AppliedHead._asdict)
