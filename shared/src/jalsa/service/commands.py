"""Commands are what a use case is given, as a frozen dataclass in the words of the field.

Whoever calls a use case builds its command, such as HTTP from a request, a handler from an event, a job, an import.
Fields that a partial update may leave out have the default UNSET.
"""

from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from marshmallow import Schema, post_load

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Unset(Enum):
    """The type of UNSET: `notes: str | None | Unset = UNSET`."""

    UNSET = "UNSET"


#: That a field was not given, where None is a value. `is not UNSET` tells a type checker as well.
UNSET: Final = Unset.UNSET

T = TypeVar("T")


def given(command: "DataclassInstance") -> dict[str, Any]:
    """The fields of a command that were given, by name. Nested commands stay as they are."""
    values = {each.name: getattr(command, each.name) for each in fields(command)}
    return {name: value for name, value in values.items() if value is not UNSET}


def value_or(value: T | Unset, otherwise: T) -> T:
    """A field that was given, or what stays otherwise."""
    return otherwise if value is UNSET else value


class Loaded(Schema):
    """A schema that loads what it reads `into` a dataclass, once all of it is valid.

    Schemas of answers derive from it as well, because writing is not touched. Without `into`, a dict is loaded.
    """

    into: ClassVar[type[Any] | None] = None

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> Any:
        return data if self.into is None else self.into(**data)
