"""Sessions: create, change, reschedule, start, complete, cancel, decide, list."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling import domain
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement
from scheduling.domain import THIS


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetails:
    """What a session is, apart from its placement. It is decided upon at `decision_at` if it has a minimum."""

    session_type: str = domain.INDIVIDUAL
    max_capacity: int = 1
    min_participants: int | None = None
    decision_at: datetime | None = None
    group_notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSession(WantedPlacement):
    """A session with its placement. An override with a reason also allows a start in the past."""

    session_type: str
    max_capacity: int = 1
    min_participants: int | None = None
    decision_at: datetime | None = None
    group_notes: str | None = None

    @property
    def details(self) -> SessionDetails:
        """The session apart from its placement."""
        return SessionDetails(
            session_type=self.session_type,
            max_capacity=self.max_capacity,
            min_participants=self.min_participants,
            decision_at=self.decision_at,
            group_notes=self.group_notes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSession:
    """Changes of a session, or of the sessions of its series that are in the `scope`."""

    max_capacity: int | Unset = UNSET
    min_participants: int | Unset | None = UNSET
    decision_at: datetime | Unset = UNSET
    group_notes: str | Unset | None = UNSET
    scope: str = THIS


@dataclass(frozen=True, slots=True, kw_only=True)
class RescheduleSession(NewPlacement):
    """Another placement for a session, or for the sessions of its series that are in the `scope`.

    Those of several that were moved alone keep their time, unless `include_moved`.
    """

    scope: str = THIS
    include_moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Untimely:
    """A step that a manager may take too early, with a reason."""

    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something is done."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSession:
    """Why a session, or those of its series in the `scope`, are cancelled; by a manager also after the start."""

    reason: str | None = None
    override: Override | None = None
    scope: str = THIS


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideSession:
    """What becomes of a session with too few participants: RUN, MERGE it into another session, or CANCEL it."""

    action: str
    into_session_id: UUID | None = None
    reason: str | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSessions:
    """Which sessions are listed, in the `order` of their start: asc, or desc.

    They start from `starts_from` on and before `starts_before`. Those are instants, or local days of each clinic, of
    which the last is included. See `search.mentions` for the text; the service type is a code.
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
