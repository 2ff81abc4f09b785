"""Commands for sessions: create, change, reschedule, start, complete, cancel, decide, list."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling import domain
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement
from scheduling.domain import THIS


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetails:
    """The details of a session apart from its placement.

    With a minimum, a decision about it is due at `decision_at`.
    """

    session_type: str = domain.INDIVIDUAL
    max_capacity: int = 1
    min_participants: int | None = None
    decision_at: datetime | None = None
    group_notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSession(WantedPlacement):
    """Create a session with its placement. An override with a reason also allows a start in the past."""

    session_type: str
    max_capacity: int = 1
    min_participants: int | None = None
    decision_at: datetime | None = None
    group_notes: str | None = None

    @property
    def details(self) -> SessionDetails:
        """The details of the session apart from its placement."""
        return SessionDetails(
            session_type=self.session_type,
            max_capacity=self.max_capacity,
            min_participants=self.min_participants,
            decision_at=self.decision_at,
            group_notes=self.group_notes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSession:
    """Change a session, or the sessions of its series that are in the `scope`."""

    max_capacity: int | Unset = UNSET
    min_participants: int | Unset | None = UNSET
    decision_at: datetime | Unset = UNSET
    group_notes: str | Unset | None = UNSET
    scope: str = THIS


@dataclass(frozen=True, slots=True, kw_only=True)
class RescheduleSession(NewPlacement):
    """Give a session, or the sessions of its series that are in the `scope`, another placement.

    With a scope of several sessions, those that were moved individually keep their time, unless `include_moved` is set.
    """

    scope: str = THIS
    include_moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Untimely:
    """Take a step that a manager may take too early, with a reason."""

    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Give the reason for a step."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSession:
    """Cancel a session, or those of its series in the `scope`, with a reason.

    A manager may do so after the start too.
    """

    reason: str | None = None
    override: Override | None = None
    scope: str = THIS


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideSession:
    """Decide what happens to a session with too few participants: RUN it, MERGE it into another one, or CANCEL it."""

    action: str
    into_session_id: UUID | None = None
    reason: str | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSessions:
    """Filters of the list of sessions, and the `order` of their start, asc or desc.

    Sessions start at or after `starts_from` and before `starts_before`. Both are either instants, or local days of each
    clinic, of which the last is included. `search.mentions` explains the text. The service type is a code.
    """

    text: str | None = None
    order: str = "asc"
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    room_id: UUID | None = None
    series_id: UUID | None = None
    session_type: str | None = None
    service_type: str | None = None
    status: str | None = None
    decision: str | None = None
    starts_from: date | datetime | None = None
    starts_before: date | datetime | None = None
