"""What the operations on possible duplicates are given."""

from dataclasses import dataclass
from uuid import UUID

from patient_files.patients.commands import RegisterPatient


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCandidates:
    """Who else a registered patient may be, or a person who would be registered: one of the two is given."""

    patient_id: UUID | None = None
    registration: RegisterPatient | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPairs:
    """Which pairs are listed: all, or those with a decision."""

    decision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissPair:
    """Two patients are two people, for a reason."""

    reason: str
