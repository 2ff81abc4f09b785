"""What the operations on merges are given."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Why a merge is right although the two records differ where one patient's should not."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePatients:
    """Merge a record into the one with the id `into`; a `dry_run` only finds out what would come of it."""

    into: UUID
    reason: str
    dry_run: bool = False
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoMerge:
    """Undo the merge of a record."""

    reason: str
