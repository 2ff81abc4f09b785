"""What the rules of patient files refuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from jalsa.service.errors import Conflict, DomainError, Forbidden, InvalidTransition


class UnknownPatient(DomainError):
    """There is no such patient."""


class PatientExists(Conflict):
    """The person is a patient already. `candidates` are the records that are meant, where they are known."""

    def __init__(self, candidates: Sequence[object] = ()) -> None:
        super().__init__()
        self.candidates = candidates


class NationalIdTaken(PatientExists):
    """Another patient has this national id, or another of the identifiers."""


class ProbableDuplicate(PatientExists):
    """Another patient is certainly the same person, by name, birth, sex and a contact."""


class SubFileExists(Conflict):
    """The patient has a sub-file in this clinic already."""


class SubFileInUse(Conflict):
    """The patient still has appointments in the clinic, so that the sub-file there cannot be closed."""


class SignerMayNotConsent(DomainError):
    """Whoever has signed had no right to consent for the patient on that day."""


class ConsentTypeExists(Conflict):
    """There is a type of consent with this code already."""


class FixedConsentType(Conflict):
    """Check-in needs the consent to treatment: it cannot be given up."""


class WordingSuperseded(Conflict):
    """A later wording of the same type is published already."""


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


class EncounterMergeRefused(Conflict):
    """An encounter cannot be merged into itself, into one in error, or into one of another patient."""


class SystemOfOthers(Forbidden):
    """Others alone write the references of a system."""

    def __init__(self) -> None:
        super().__init__("The references of this system are written by others.")


@dataclass(eq=False)
class RefersElsewhere(Conflict):
    """A record refers to another encounter, `encounter_id`, and was not to be moved."""

    encounter_id: UUID | None


@dataclass(eq=False)
class PatientMerged(Conflict):
    """The record was merged into another one, and only that one can be changed."""

    survivor_id: UUID


@dataclass(eq=False)
class MergeRefused(Conflict):
    """The two records may not be merged; each reason is a code."""

    reasons: Sequence[str]


class NotMerged(Conflict):
    """The record is not merged into another one."""
