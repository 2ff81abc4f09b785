"""The envelope: CloudEvents 1.0, structured JSON. It is checked when it is written and when it is read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from jalsa.events.contracts import dataschema
from jalsa.service import strictjson
from jalsa.service.context import TENANT
from jalsa.service.json_types import JsonMapping, JsonObject

CONTENT_TYPE = "application/cloudevents+json"
MAX_BYTES = 1 << 20
_ORDINAL = re.compile("[1-9][0-9]{0,17}")
_SUBJECT = re.compile("[^/]+/.+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Unreadable(Exception):
    """A message that is no envelope of ours. The reason is a fixed phrase, so that it may be logged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One event as it travels. `sequence` counts 1, 2, 3 … per subject. `position` rises per service.

    An event that was `compacted` has the data of a later event of its subject.
    """

    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    tenant: str
    sequence: int
    position: int
    correlation_id: str
    causation_id: str | None
    traceparent: str
    data: JsonMapping
    compacted: bool = False

    @property
    def service(self) -> str:
        """The service that published it."""
        return self.type.split(".")[1]

    @property
    def aggregate(self) -> str:
        """The kind of its subject."""
        return self.subject.split("/", 1)[0]

    @property
    def event(self) -> str:
        """Its name and version, `AppointmentBooked.v1`."""
        return self.type.split(".", 2)[2]

    def attributes(self) -> JsonObject:
        """The JSON object that travels."""
        return {**self._context(), "data": self.data}

    def encode(self, data: str | None = None) -> bytes:
        """The message's body. `data`, where it is given, is the event's data as JSON text."""
        text = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")) if data is None else data
        context = json.dumps(self._context(), ensure_ascii=False, separators=(",", ":"))
        return f'{context[:-1]},"data":{text}}}'.encode()

    def _context(self) -> JsonObject:
        """Every attribute but the data."""
        body: JsonObject = {
            "specversion": "1.0",
            "id": str(self.id),
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "tenantid": self.tenant,
            "sequence": str(self.sequence),
            "sequencetype": "Integer",
            "position": str(self.position),
            "correlationid": self.correlation_id,
            "traceparent": self.traceparent,
            "dataschema": dataschema(self.service, self.event),
            "datacontenttype": "application/json",
        }
        if self.causation_id:
            body["causationid"] = self.causation_id
        if self.compacted:
            body["compacted"] = True
        return body


def decode(body: bytes) -> Envelope:
    """Read a message's body. Raises Unreadable."""
    if len(body) > MAX_BYTES:
        raise Unreadable("too-large")
    try:
        attributes = strictjson.loads(body)
    except ValueError:
        raise Unreadable("not-json") from None
    if b"\\u" in body and not _storable(attributes):
        raise Unreadable("bad-data")
    return parse(attributes)


def parse(attributes: object) -> Envelope:
    """Check a JSON object against the envelope's rules. Raises Unreadable."""
    if not isinstance(attributes, dict):
        raise Unreadable("not-an-object")
    if attributes.get("specversion") != "1.0":
        raise Unreadable("not-cloudevents-1.0")
    try:
        envelope = Envelope(
            id=UUID(attributes["id"]),
            source=_text(attributes, "source"),
            type=_text(attributes, "type"),
            subject=_text(attributes, "subject"),
            time=datetime.fromisoformat(attributes["time"]),
            tenant=_text(attributes, "tenantid"),
            sequence=_ordinal(attributes, "sequence"),
            position=_ordinal(attributes, "position"),
            correlation_id=_text(attributes, "correlationid"),
            causation_id=_text(attributes, "causationid") if "causationid" in attributes else None,
            traceparent=_text(attributes, "traceparent"),
            data=attributes["data"],
            compacted=attributes.get("compacted") is True,
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unreadable("bad-attribute") from None
    _check(envelope)
    return envelope


def _storable(value: object) -> bool:
    """Whether PostgreSQL can store every text in it: no NUL, no half of a surrogate pair."""
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    if isinstance(value, dict):
        return all(_storable(key) and _storable(member) for key, member in value.items())
    return all(map(_storable, value)) if isinstance(value, list) else True


def _text(attributes: Mapping[str, object], name: str) -> str:
    value = attributes[name]
    if not isinstance(value, str) or not value or len(value) > 200 or "\x00" in value:
        raise ValueError(name)
    return value


def _ordinal(attributes: Mapping[str, object], name: str) -> int:
    value = _text(attributes, name)
    if not _ORDINAL.fullmatch(value):
        raise ValueError(name)
    return int(value)


def _check(envelope: Envelope) -> None:
    kind = envelope.type.split(".")
    if len(kind) != 4 or kind[0] != "jalsa" or envelope.source != f"/jalsa/{kind[1]}":
        raise Unreadable("unknown-type")
    if not TENANT.fullmatch(envelope.tenant):
        raise Unreadable("bad-tenant")
    if envelope.time.tzinfo is None or not _SUBJECT.fullmatch(envelope.subject):
        raise Unreadable("bad-attribute")
    if not isinstance(envelope.data, dict):
        raise Unreadable("bad-data")
