"""What the rules of patient files refuse."""

from dataclasses import dataclass

from jalsa.service.errors import Conflict, DomainError, Forbidden, InvalidTransition


class UnknownPatient(DomainError):
    """There is no such patient."""


class NationalIdTaken(Conflict):
    """Another patient has this national id."""


class IdentifierExists(Conflict):
    """The patient has another identifier of a type of which a person has one."""


class AlreadyEnded(InvalidTransition):
    """What is to be changed or ended has ended."""


class OwnGrant(Conflict):
    """Nobody reviews an own break-glass grant."""


@dataclass(eq=False)
class TooManyGrants(Conflict):
    """A person has as many break-glass grants as may hold at once."""

    most: int


class BreakGlassRequired(Forbidden):
    """The caller may read this under a break-glass grant only."""
