"""What the rules of patient files refuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from jalsa.service.errors import Conflict, DomainError


class UnknownPatient(DomainError):
    """There is no such patient."""


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


class NationalIdTaken(Conflict):
    """Another patient has this national id."""
