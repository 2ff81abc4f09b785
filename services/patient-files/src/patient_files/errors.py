"""What the rules of patient files refuse."""

from dataclasses import dataclass
from uuid import UUID

from jalsa.service.errors import Conflict, DomainError, Forbidden, InvalidTransition


class UnknownPatient(DomainError):
    """There is no such patient."""


class NationalIdTaken(Conflict):
    """Another patient has this national id."""


@dataclass(eq=False)
class AppointmentHasEncounter(Conflict):
    """An appointment has one encounter, `encounter_id`, and gets no second one."""

    encounter_id: UUID | None = None


class EncounterSignedOff(Conflict):
    """Nothing of an encounter is changed while it is signed off."""


class EncounterInError(InvalidTransition):
    """An encounter that was entered in error is not changed any more."""


@dataclass(eq=False)
class SignOffBlocked(Conflict):
    """An encounter cannot be signed off yet; `blockers` are any of `not-finished` and `documentation`."""

    blockers: list[str]


class NotSignedOff(InvalidTransition):
    """There is no sign-off to withdraw."""


class MergeRefused(Conflict):
    """An encounter cannot be merged into itself, into one in error, or into one of another patient."""


class SystemOfOthers(Forbidden):
    """Others alone write the references of a system."""

    def __init__(self) -> None:
        super().__init__("The references of this system are written by others.")


@dataclass(eq=False)
class RefersElsewhere(Conflict):
    """A record refers to another encounter, `encounter_id`, and was not to be moved."""

    encounter_id: UUID | None
