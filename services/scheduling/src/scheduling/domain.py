"""The rules of scheduling: state machines, constants and check-in. No I/O.

Wall times and intervals are in `timetable`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jalsa.service.states import state_machine
from scheduling.timetable.hours import zone_of

#: Only a manager cancels a session that has started.
SESSION = state_machine(
    "session",
    "SCHEDULED",
    undo={"IN_PROGRESS": "SCHEDULED", "COMPLETED": "IN_PROGRESS"},
    SCHEDULED="IN_PROGRESS CANCELLED",
    IN_PROGRESS="COMPLETED CANCELLED",
    COMPLETED="",
    CANCELLED="",
)
PARTICIPANT = state_machine(
    "participant",
    "BOOKED",
    undo={"ARRIVED": "BOOKED CONFIRMED NO_SHOW", "ATTENDED": "ARRIVED", "NO_SHOW": "BOOKED CONFIRMED"},
    BOOKED="CONFIRMED ARRIVED CANCELLED NO_SHOW",
    CONFIRMED="ARRIVED CANCELLED NO_SHOW",
    ARRIVED="ATTENDED",
    ATTENDED="",
    NO_SHOW="ARRIVED",
    CANCELLED="",
)

ENTRY = state_machine(
    "waitlist entry",
    "WAITING",
    WAITING="OFFERED FULFILLED LAPSED CANCELLED",
    OFFERED="WAITING ACCEPTED FULFILLED DECLINED LAPSED CANCELLED",
    ACCEPTED="",
    FULFILLED="",
    DECLINED="",
    LAPSED="",
    CANCELLED="",
)
OFFER = state_machine(
    "waitlist offer",
    "OPEN",
    OPEN="ACCEPTED DECLINED LAPSED WITHDRAWN",
    ACCEPTED="",
    DECLINED="",
    LAPSED="",
    WITHDRAWN="",
)

#: A package that a no-show completed continues when the patient arrives late after all.
PACKAGE = state_machine(
    "package",
    "DRAFT",
    undo={"IN_PROGRESS": "SCHEDULED"},
    DRAFT="SCHEDULED CANCELLED",
    SCHEDULED="IN_PROGRESS CANCELLED",
    IN_PROGRESS="COMPLETED CANCELLED",
    COMPLETED="IN_PROGRESS",
    CANCELLED="",
)
#: A session of a package whose appointment was cancelled or missed is made up for by placing it again.
PACKAGE_SESSION = state_machine(
    "package session",
    "PENDING",
    undo={"COMPLETED": "SCHEDULED"},
    PENDING="SCHEDULED FAILED CANCELLED",
    SCHEDULED="COMPLETED CANCELLED PENDING",
    FAILED="SCHEDULED CANCELLED",
    CANCELLED="SCHEDULED FAILED",
    COMPLETED="",
)

#: The states in which a session occupies its provider and room, and in which a participant occupies a spot.
LIVE_SESSION = ("SCHEDULED", "IN_PROGRESS", "COMPLETED")
LIVE_PARTICIPANT = ("BOOKED", "CONFIRMED", "ARRIVED", "ATTENDED")
#: The participants who are still expected. They can be moved, and become no-shows if they do not come.
UPCOMING_STATUSES = ("BOOKED", "CONFIRMED")

#: The entries that are waiting, and those to which a spot is offered.
OPEN_ENTRY = ("WAITING", "OFFERED")
#: What happens when an offer ends without being accepted. The three states are the new state of the offer, of an entry
#: that waits for that one session, and of an entry that waits for a service type. The last one keeps waiting unless the
#: patient was booked into what the entry waited for.
OFFER_ENDS = {
    "LAPSED": ("LAPSED", "LAPSED", "WAITING"),
    "DECLINED": ("DECLINED", "DECLINED", "WAITING"),
    "SESSION_CANCELLED": ("WITHDRAWN", "CANCELLED", "WAITING"),
    "WITHDRAWN": ("WITHDRAWN", "WAITING", "WAITING"),
    "FULFILLED": ("WITHDRAWN", "FULFILLED", "FULFILLED"),
}
#: Why the front desk must handle an entry. A spot was free, but the patient could not be contacted.
ATTENTION = (UNREACHABLE,) = ("unreachable",)
#: A spot is no longer offered when its session starts in less than this.
MIN_OFFER_MINUTES = 5

INDIVIDUAL, GROUP = "INDIVIDUAL", "GROUP"

#: Which sessions of a series a change of one session applies to.
THIS, FOLLOWING, ALL = SCOPES = ("THIS", "FOLLOWING", "ALL")
#: The disciplines of providers, as service types require them: the code, and its names in English and Arabic. A code
#: means the same in every tenant and appears in events. A new discipline is added as one line here.
DISCIPLINES = {
    "PSYCHOLOGY": ("Psychology", "علم النفس"),
    "OT": ("Occupational therapy", "العلاج الوظيفي"),
    "ABA": ("Applied behaviour analysis", "تحليل السلوك التطبيقي"),
    "SLP": ("Speech and language therapy", "علاج النطق واللغة"),
    "PHYSIOTHERAPY": ("Physiotherapy", "العلاج الطبيعي"),
    "SOCIAL_WORK": ("Social work", "الخدمة الاجتماعية"),
    "SPECIAL_EDUCATION": ("Special education", "التربية الخاصة"),
    "DIETETICS": ("Dietetics", "التغذية العلاجية"),
    "MEDICAL": ("Medicine", "الطب"),
    "NURSING": ("Nursing", "التمريض"),
}
MAX_GROUP = 20
MAX_MINUTES = 480
MAX_BUFFER_MINUTES = 480

#: The settings of a tenant that has not set its own.
DEFAULT_SETTINGS = {
    "no_show_grace_minutes": 30,
    "offer_minutes": 120,
    "decision_lead_hours": 24,
    "make_up_no_shows": False,
    "early_start_minutes": 15,
}

#: The rule that a session is entered before its start. A visit that already took place is entered with a manager's
#: reason.
PAST = "past"
#: How many minutes after its start the front desk may enter a walk-in without a reason.
WALK_IN_MINUTES = 60
#: Why clearance or consent is missing, where no other reason was announced.
PAYMENT_DUE, MISSING = "payment-due", "missing"


def local_year(now: datetime, zone: str) -> int:
    """Return the year of a new number, by the clinic's clock."""
    return now.astimezone(zone_of(zone)).year


def state_before(status: str, *, confirmed: bool, missed: bool) -> str | None:
    """Return a participant's state before the last outcome, or None where there is no outcome that could be undone.

    `confirmed` says whether the patient had confirmed the appointment, and `missed` whether the patient was once a
    no-show.
    """
    if status not in PARTICIPANT.undo:
        return None
    if status == "ATTENDED":
        return "ARRIVED"
    if status == "ARRIVED" and missed:
        return "NO_SHOW"
    return "CONFIRMED" if confirmed else "BOOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedConsent:
    """How a consent to a clinic ended. Without `clinic_id`, it was a consent to every clinic."""

    clinic_id: UUID | None
    reason: str


def consent_reason(ended: Iterable[EndedConsent], clinic_id: UUID) -> str:
    """Return why a clinic has no consent: how the last one that applied there ended, or that there was none.

    `ended` is ordered by time, the latest last.
    """
    reason = MISSING
    for consent in ended:
        if consent.clinic_id in (None, clinic_id):
            reason = consent.reason
    return reason


def past_rules(starts_at: datetime, now: datetime, *, walk_in: bool, overridden: bool) -> list[str] | None:
    """Return the rules that are overridden to enter a session with a given start, or None where it may not be entered.

    A session that has already started needs no override as a `walk_in` within WALK_IN_MINUTES of its start. Otherwise
    it must be `overridden`, and the rule is PAST.
    """
    if starts_at > now or (walk_in and now - starts_at <= timedelta(minutes=WALK_IN_MINUTES)):
        return []
    return [PAST] if overridden else None


def check_in_blockers(*, cleared: bool, consented: bool, starts_at: datetime, zone: str, now: datetime) -> list[str]:
    """Return what blocks the check-in of a participant: any of `finance`, `consent` and `too-early`.

    A check-in is too early before the session's day in the clinic's zone.
    """
    tz = zone_of(zone)
    blockers = []
    if not cleared:
        blockers.append("finance")
    if not consented:
        blockers.append("consent")
    if now.astimezone(tz).date() < starts_at.astimezone(tz).date():
        blockers.append("too-early")
    return blockers
