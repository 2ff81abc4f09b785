"""One message as the bus delivers it.

This module knows what may be opened, who sent it, and how to refuse one that cannot be decoded.
"""

import errno
from dataclasses import dataclass
from struct import unpack_from
from typing import Any

import amqp
from amqp.exceptions import FrameSyntaxError, UnexpectedFrame
from kombu import Connection

from jalsa.events.contracts import routing_key
from jalsa.events.envelope import CONTENT_TYPE, Envelope, Unreadable, decode
from jalsa.events.topology import BUS_ERRORS

_PLAIN_ENCODINGS = (None, "", "utf-8", "binary")


@dataclass(frozen=True)
class Delivery:
    """A message of which nothing has been unpacked. `user_id`, where there is one, was checked by the broker."""

    tag: int
    routing_key: str
    body: bytes
    content_type: str | None
    content_encoding: str | None
    compression: object
    user_id: str | None

    def open(self) -> Envelope:
        """The event. Raises Unreadable for what is packed, mislabelled, or sent by another than it says."""
        if self.compression is not None or self.content_encoding not in _PLAIN_ENCODINGS:
            raise Unreadable("packed")
        if (self.content_type or "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            raise Unreadable("wrong-content-type")
        envelope = decode(self.body)
        if self.routing_key != routing_key(envelope.tenant, envelope.subject, envelope.type):
            raise Unreadable("wrong-routing-key")
        if self.user_id not in (None, envelope.service):
            raise Unreadable("wrong-sender")
        return envelope


def read(message: Any) -> Delivery:
    """A delivery from what the library hands to a channel's callback: py-amqp's message, or the in-memory bus's."""
    properties = message.properties
    if isinstance(message, amqp.Message):
        headers = properties.get("application_headers") or {}
        content_type, content_encoding = properties.get("content_type"), properties.get("content_encoding")
    else:
        headers, content_type, content_encoding = message.headers, message.content_type, message.content_encoding
    body = message.body
    return Delivery(
        tag=message.delivery_tag,
        routing_key=message.delivery_info["routing_key"],
        body=body.encode(errors="replace") if isinstance(body, str) else bytes(body),
        content_type=content_type,
        content_encoding=content_encoding,
        compression=headers.get("compression"),
        user_id=properties.get("user_id"),
    )


def is_undecodable(error: Exception) -> bool:
    """Whether an error that came up while consuming is due to a message, and not to a bus that is away."""
    if isinstance(error, OSError):
        return error.errno == errno.EOVERFLOW  # a timestamp beyond the years
    return isinstance(error, FrameSyntaxError | UnexpectedFrame) or not isinstance(error, BUS_ERRORS)


def reject_unseen(connection: Connection, channel: Any, tag: int) -> None:
    """Dead-letter a delivery that the library could not decode. The connection cannot be used afterwards.

    Deliveries are counted from 1 on each channel, so the tag is known although nobody could read it. What the broker
    still sends is thrown away unread, until it confirms the end, because by then it has heard all of this.
    """
    channel.basic_reject(tag, requeue=False)
    wire = connection.connection
    if not isinstance(wire, amqp.Connection):
        return
    wire.send_method(amqp.spec.Connection.Close, "BsBB", (0, "", 0, 0))
    with wire.transport.having_timeout(5):
        while _method(wire.transport.read_frame()) != amqp.spec.Connection.CloseOk:
            pass


def drop(connection: Connection) -> None:
    """Close a connection without a word, because the library has lost its place in what the broker sends."""
    if isinstance(connection.connection, amqp.Connection):
        connection.connection.collect()


def _method(frame: tuple[int, int, bytes]) -> tuple[int, int] | None:
    kind, channel, payload = frame
    return unpack_from(">HH", payload) if (kind, channel) == (1, 0) else None
