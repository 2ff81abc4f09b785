"""Break-glass grants, and what a relation to a patient lets a person read. No I/O."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jalsa.service.states import state_machine

OPEN, AWAITING_REVIEW, REVIEWED = "OPEN", "AWAITING_REVIEW", "REVIEWED"
GRANT = state_machine("emergency access", OPEN, OPEN=AWAITING_REVIEW, AWAITING_REVIEW=REVIEWED, REVIEWED="")

RECORD, ENCOUNTERS, TIMELINE = "RECORD", "ENCOUNTERS", "TIMELINE"
#: What a grant opens: a restricted record, the clinical fields of encounters, or the clinical entries of the timeline.
SCOPES = (RECORD, ENCOUNTERS, TIMELINE)
REASON_CODES = ("EMERGENCY", "COVERAGE", "SAFEGUARDING", "COMPLAINT", "OTHER")
OUTCOMES = ("JUSTIFIED", "UNJUSTIFIED", "UNCLEAR")
#: The fewest characters of a reason, and for how many minutes a grant holds: unless it says so, and at most.
MIN_REASON, USUAL_MINUTES, MAX_MINUTES = 20, 60, 240
#: How many grants of one person hold at once.
MAX_OPEN = 5
#: By when another person has reviewed a grant, from its beginning.
REVIEWED_WITHIN = timedelta(hours=72)

TREATING = "treating"
OWN = "own"


@dataclass(frozen=True, slots=True)
class Right:
    """Why a person reads what is not for everybody.

    `relation` is what the person is to the patient. Without one, the role alone allows it. With `grant_id` it is a
    grant of that reason.
    """

    relation: str | None = None
    grant_id: UUID | None = None
    reason: str | None = None


def grant_state(until: datetime, closed_at: datetime | None, reviewed_at: datetime | None, now: datetime) -> str:
    """The state of a grant: it ends by the clock, and when it is closed."""
    if reviewed_at is not None:
        return REVIEWED
    return OPEN if closed_at is None and now < until else AWAITING_REVIEW


@dataclass(frozen=True, slots=True)
class Readers:
    """Which roles read something: for their role alone, as treating providers, and under a grant."""

    always: frozenset[str]
    treating: frozenset[str] = frozenset()
    under_grant: frozenset[str] = frozenset()

    def by_role(self, roles: Collection[str]) -> bool:
        """Whether one of the roles reads it whoever the patient is."""
        return bool(self.always & set(roles))


#: What each scope stands for, as a table of readers. A front desk and a biller see parts of a restricted record.
READERS = {
    RECORD: Readers(
        always=frozenset({"records", "integration"}),
        treating=frozenset({"clinician"}),
        under_grant=frozenset({"clinician", "manager"}),
    ),
    ENCOUNTERS: Readers(
        always=frozenset({"records", "manager", "integration"}),
        treating=frozenset({"clinician"}),
        under_grant=frozenset({"clinician"}),
    ),
    TIMELINE: Readers(
        always=frozenset({"records", "manager", "integration"}),
        treating=frozenset({"clinician"}),
        under_grant=frozenset({"clinician"}),
    ),
}
