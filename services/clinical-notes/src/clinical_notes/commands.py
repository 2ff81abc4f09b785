"""What the use cases of clinical notes are given."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteNote:
    """Begin a note of a session, which is of all of it, or of one participant (the appointment's id)."""

    session_id: UUID
    scope: str
    discipline: str
    content: str
    participant_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeNote:
    """Replace the content of a draft."""

    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindNotes:
    """Which notes are listed. A patient's include the group notes of the sessions in which the patient has a spot."""

    session_id: UUID | None = None
    participant_id: UUID | None = None
    patient_id: UUID | None = None
    discipline: str | None = None
    scope: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSessions:
    """Which sessions are on a worklist: a provider's, or everybody's, that start in a period (instants in UTC)."""

    provider_id: UUID | None = None
    starts_from: datetime | None = None
    starts_before: datetime | None = None
