"""What the operations on references are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReference:
    """Record `ref` of a kind, in a system, belongs to an encounter; with `move` also if it belonged to another one."""

    system: str
    kind: str
    ref: str
    move: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceItem(RegisterReference):
    """The same in a batch: the encounter is named by its id, or by the key under which the monolith had it.

    With `allow_unknown` the encounter may not be there yet.
    """

    encounter_id: UUID | None = None
    legacy_key: str | None = None
    allow_unknown: bool = False


@dataclass(frozen=True, slots=True)
class BadItem:
    """An item of a batch that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReferences:
    """A batch, in which each item is registered or rejected by itself."""

    items: Sequence[ReferenceItem | BadItem]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindReferences:
    """Which current references of a system are listed; None does not filter."""

    system: str
    kind: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFindings:
    """Which findings are listed: those of one kind, or all."""

    finding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideActors:
    """The logins that alone write a system's references; everybody who may write does, if there are none."""

    actors: Sequence[str]
