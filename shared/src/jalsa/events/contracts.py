"""What a service publishes, and the few fields that it reads of what others publish. Wire names are written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields

from jalsa.events.data import Data, schema_of

EXCHANGE = "jalsa.events"
#: Golden examples and the bus's topology: data, beside this package.
FOLDER = Path(__file__).resolve().parents[3] / "contracts"


#: The URIs of schemas begin with it. It identifies, and is the same in every installation. No host answers there.
NAMESPACE = "https://jalsa.test"


def dataschema(service: str, event: str) -> str:
    """The URI of an event's schema (`AppointmentBooked.v1`). Its path is where the gateway serves the schema."""
    return f"{NAMESPACE}/{service}/v1/events/schemas/{event}"


@dataclass(frozen=True)
class EventType:
    """An event that a service publishes. The docstring of its data says what has happened."""

    service: str
    aggregate: str
    name: str
    data: type[Data]
    version: int = 1

    @cached_property
    def schema(self) -> Schema:
        """The schema of its data."""
        return schema_of(self.data)

    @cached_property
    def type(self) -> str:
        """`jalsa.scheduling.AppointmentBooked.v1`."""
        return f"jalsa.{self.service}.{self.name}.v{self.version}"

    @property
    def summary(self) -> str:
        """What has happened, in a sentence: the first line of the data's own docstring."""
        return (self.data.__doc__ or "").partition("\n")[0]

    @property
    def dataschema(self) -> str:
        """The URI of the JSON Schema of its data."""
        return dataschema(self.service, f"{self.name}.v{self.version}")


def missing(schema: Schema, data: Mapping[str, object]) -> list[str]:
    """The required fields that dumped data lacks, also within nested ones.

    Dumping writes whatever a field's type demands, but passes over what is not there. To load it all again, which would
    tell as much, costs ten times more.
    """
    found = []
    for name, field_ in schema.fields.items():
        key = field_.data_key or name
        value = data.get(key)
        if value is None:
            if field_.required and not (field_.allow_none and key in data):
                found.append(key)
        elif isinstance(field_, fields.Nested) and isinstance(value, Mapping):
            found += [f"{key}.{inner}" for inner in missing(field_.schema, value)]
    return found


@dataclass(frozen=True)
class Stream:
    """One aggregate of another service, all of whose events this service follows, in order.

    `reads` maps an event (`AppointmentBooked.v1`) to the dataclass with the fields read of it. `ignores` names those
    that are known and mean nothing here.
    """

    service: str
    aggregate: str
    reads: Mapping[str, type[Data]]
    ignores: frozenset[str] = field(default=frozenset())

    @property
    def binding(self) -> str:
        """The binding key: every event of the aggregate, since a gap could not be told from a loss."""
        return f"*.{self.service}.{self.aggregate}.#"

    def load(self, event: str, data: Mapping[str, object]) -> Any:
        """The fields read of an event. Raises marshmallow's ValidationError where they do not fit."""
        return self._schemas[event].load(data)

    @cached_property
    def _schemas(self) -> Mapping[str, Schema]:
        return {event: schema_of(read) for event, read in self.reads.items()}


def routing_key(tenant: str, subject: str, type_: str) -> str:
    """`agdar.scheduling.appointment.AppointmentBooked.v1`."""
    _, service, name, version = type_.split(".")
    return f"{tenant}.{service}.{subject.split('/', 1)[0]}.{name}.{version}"
