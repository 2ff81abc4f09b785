"""The documents of the bus against the code, and the compatibility promise as a check."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat  # type: ignore[import-untyped]

from jalsa.events import topology
from jalsa.events.contracts import FOLDER
from jalsa.events.envelope import parse
from jalsa_local import contracts
from jalsa_local.compatibility import breaks
from jalsa_local.services import load_all

ROOT = Path(__file__).parents[3]
RELEASED: dict[str, Any] = {
    "type": "object",
    "required": ["id", "room"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "room": {"type": ["object", "null"], "required": ["name"], "properties": {"name": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The released schema with one place changed. None takes it away."""
    schema = copy.deepcopy(RELEASED)
    *parents, last = path.split("/")
    place = schema
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return schema


def test_the_committed_documents_are_as_the_code_says() -> None:
    assert contracts.differing(ROOT) == []


def test_nothing_breaks_the_last_release() -> None:
    assert list((ROOT / contracts.RELEASED).glob("*.json"))
    assert contracts.broken(ROOT) == []


@pytest.mark.parametrize(
    "present",
    [
        changed("properties/new", {"type": "string"}),
        changed("properties/room/properties/floor", {"type": "integer"}),
        changed("properties/room/type", "object"),
        changed("required", ["id", "room", "tags"]),
    ],
)
def test_an_addition_or_a_stricter_promise_is_compatible(present: dict[str, Any]) -> None:
    assert list(breaks(RELEASED, present)) == []


@pytest.mark.parametrize(
    ("present", "sentence"),
    [
        (changed("properties/id", None), "data.id is gone"),
        (changed("required", ["id"]), "data.room may now be absent"),
        (changed("properties/id/format", None), "data.id has another format"),
        (changed("properties/id/type", ["string", "null"]), "data.id may now be null"),
        (changed("properties/room/properties/name", None), "data.room.name is gone"),
        (changed("properties/tags/items/type", "integer"), "data.tags[] may now be integer"),
    ],
)
def test_whatever_a_reader_relied_on_is_missed(present: dict[str, Any], sentence: str) -> None:
    assert list(breaks(RELEASED, present)) == [sentence]


def test_every_published_event_has_a_golden_example_and_every_example_an_event() -> None:
    published = {(e.name, f"v{e.version}") for service in load_all().values() for e in service.publishes}
    examples = {(path.parent.parent.name, path.parent.name) for path in FOLDER.glob("*/v*/*.json")}
    assert examples == published


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/v*/*.json")), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_golden_example_is_an_envelope_of_ours_and_a_cloud_event(path: Path) -> None:
    parse(json.loads(path.read_text()))
    event = JSONFormat().read(None, path.read_bytes())
    assert event.get_type().startswith("jalsa.")


def test_a_golden_example_fits_the_schema_of_its_event() -> None:
    for event in (event for service in load_all().values() for event in service.publishes):
        for path in sorted((FOLDER / event.name / f"v{event.version}").glob("*.json")):
            envelope = parse(json.loads(path.read_text()))
            assert (envelope.type, envelope.aggregate) == (event.type, event.aggregate)
            assert event.schema.validate(dict(envelope.data)) == {}, path


@pytest.mark.parametrize("name", list(load_all()))
def test_whatever_a_service_reads_is_published_by_its_source(name: str) -> None:
    services = load_all()
    published = {(e.service, e.aggregate, f"{e.name}.v{e.version}") for s in services.values() for e in s.publishes}
    for stream in services[name].streams:
        for event in stream.reads:
            assert (stream.service, stream.aggregate, event) in published


def test_the_committed_topology_routes_a_booking_to_all_four() -> None:
    key = "agdar.scheduling.appointment.AppointmentBooked.v1"
    taking = [
        service for service, keys in topology.load().bindings.items() if topology.Topology({service: keys}).routes(key)
    ]
    assert sorted(taking) == ["billing", "clinical-notes", "notifications", "patient-files"]
