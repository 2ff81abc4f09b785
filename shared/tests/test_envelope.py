"""What is written as an envelope can be read, by us and by anybody who reads CloudEvents."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from jalsa.events.envelope import MAX_BYTES, Envelope, Unreadable, decode, parse
from jalsa.service.ids import new_id

from .lamps import lamp_attributes

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    source=st.just("/jalsa/alpha"),
    type=st.just("jalsa.alpha.LampSwitched.v1"),
    subject=st.uuids().map("lamp/{}".format),
    time=st.integers(-(2**35), 2**37).map(
        lambda seconds: datetime.fromtimestamp(seconds, timezone(timedelta(hours=3)))
    ),
    tenant=st.from_regex(r"[a-z][a-z0-9-]{1,30}", fullmatch=True),
    sequence=st.integers(1, 10**18 - 1),
    position=st.integers(1, 10**18 - 1),
    correlation_id=st.text("abc-1", min_size=1, max_size=100),
    causation_id=st.none() | st.uuids().map(str),
    traceparent=st.just(f"00-{'a' * 32}-{'b' * 16}-01"),
    data=st.dictionaries(texts, values, max_size=4),
)


@given(envelopes)
def test_what_is_written_is_read_as_it_was(envelope: Envelope) -> None:
    assert decode(envelope.encode()) == envelope
    assert parse(json.loads(json.dumps(envelope.attributes()))) == envelope


@given(envelopes)
def test_data_that_is_text_already_is_written_as_it_is(envelope: Envelope) -> None:
    assert decode(envelope.encode(json.dumps(envelope.data))) == envelope


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_anything_else_is_unreadable_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body)


@given(st.sampled_from(sorted(lamp_attributes("agdar", UUID(int=1), 1))), values)
def test_any_attribute_may_be_anything_without_a_fault(name: str, value: Any) -> None:
    attributes = lamp_attributes("agdar", UUID(int=1), 1) | {name: value}
    try:
        envelope = parse(attributes)
    except Unreadable:
        return
    assert parse(envelope.attributes()) == envelope


def test_any_reader_of_cloudevents_can_read_it() -> None:
    envelope = parse(lamp_attributes("agdar", new_id(), 7) | {"causationid": str(uuid4())})
    event = JSONFormat().read(CloudEvent, envelope.encode())
    assert (event.get_id(), event.get_source(), event.get_type()) == (str(envelope.id), "/jalsa/alpha", envelope.type)
    assert event.get_subject() == envelope.subject
    assert event.get_time() == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert event.get_extension("sequence") == "7"
    assert event.get_extension("tenantid") == "agdar"
    assert event.get_data() == envelope.data


def test_one_byte_too_many_is_too_large() -> None:
    def body(size: int) -> bytes:
        attributes = lamp_attributes("agdar", UUID(int=1), 1, note="")
        empty = len(parse(attributes).encode())
        return parse(attributes | {"data": attributes["data"] | {"note": "x" * (size - empty)}}).encode()

    assert decode(body(MAX_BYTES)).sequence == 1
    with pytest.raises(Unreadable, match="too-large"):
        decode(body(MAX_BYTES + 1))


def test_its_parts_have_names() -> None:
    envelope = parse(lamp_attributes("agdar", UUID(int=1), 1))
    assert (envelope.service, envelope.aggregate, envelope.event) == ("alpha", "lamp", "LampSwitched.v1")


def test_a_message_that_says_something_twice_is_unreadable() -> None:
    """Two readers of it could each believe another one of the two."""
    written = parse(lamp_attributes("agdar", UUID(int=1), 1)).encode()
    assert decode(written).sequence == 1
    for once, twice in ((b'{"', b'{"specversion":"1.0","'), (b'"level":', b'"level":2,"level":')):
        assert once in written
        with pytest.raises(Unreadable, match="not-json"):
            decode(written.replace(once, twice, 1))
