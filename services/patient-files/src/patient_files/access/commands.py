"""What the operations on break-glass grants are given."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGrant:
    """Take a grant to read of one patient what is not for everybody, for so many minutes."""

    patient_id: UUID
    reason_code: str
    reason: str
    scope: str
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewGrant:
    """Say what another person's grant was: justified, unjustified or unclear."""

    outcome: str
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindGrants:
    """Which grants are listed: all, or those in a state."""

    state: str | None = None
