"""The rules of scheduling in the field's own words: state machines, numbers, check-in. No I/O.

Wall times and intervals are in `hours`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jalsa.service.states import state_machine
from scheduling.timetable.hours import zone_of

#: What has begun is cancelled by a manager alone.
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

#: A package that was completed by a no-show goes on when the patient comes late after all.
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
#: What was cancelled or missed is made up by placing it again.
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

#: The states in which a session takes up its provider and room, and in which a participant takes up a spot.
LIVE_SESSION = ("SCHEDULED", "IN_PROGRESS", "COMPLETED")
LIVE_PARTICIPANT = ("BOOKED", "CONFIRMED", "ARRIVED", "ATTENDED")
#: Those who are still to come: they can be moved, and miss their session if they do not come.
UPCOMING_STATUSES = ("BOOKED", "CONFIRMED")

#: Those who wait, and those of them to whom a spot is offered.
OPEN_ENTRY = ("WAITING", "OFFERED")
#: How an offer ends that is not accepted: what it becomes, and what an entry becomes that waits for that one session,
#: and one for a service type, which goes on waiting unless the patient was booked into what was waited for.
OFFER_ENDS = {
    "LAPSED": ("LAPSED", "LAPSED", "WAITING"),
    "DECLINED": ("DECLINED", "DECLINED", "WAITING"),
    "SESSION_CANCELLED": ("WITHDRAWN", "CANCELLED", "WAITING"),
    "WITHDRAWN": ("WITHDRAWN", "WAITING", "WAITING"),
    "FULFILLED": ("WITHDRAWN", "FULFILLED", "FULFILLED"),
}
#: Why somebody at the desk has to do something about an entry: a spot was free, but the patient could not be contacted.
ATTENTION = (UNREACHABLE,) = ("unreachable",)
#: A spot is no longer offered when its session starts sooner than this.
MIN_OFFER_MINUTES = 5

INDIVIDUAL, GROUP = "INDIVIDUAL", "GROUP"

#: What a change of one session of a series is to change with it.
THIS, FOLLOWING, ALL = SCOPES = ("THIS", "FOLLOWING", "ALL")
#: What providers are, and what service types need: the code, and its names in English and Arabic. A code means the same
#: in every tenant, and stands in events; another one is one more line here.
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

#: A tenant's own rules, where it has set none.
DEFAULT_SETTINGS = {
    "no_show_grace_minutes": 30,
    "offer_minutes": 120,
    "decision_lead_hours": 24,
    "make_up_no_shows": False,
    "early_start_minutes": 15,
}

#: The rule that nothing is entered after its start. A visit that took place is entered with a manager's reason.
PAST = "past"
#: The desk enters a walk-in so long after the start without a reason.
WALK_IN_MINUTES = 60
#: Why clearance or consent is not there, where nothing else was announced.
PAYMENT_DUE, MISSING = "payment-due", "missing"


def local_year(now: datetime, zone: str) -> int:
    """The year in which a number is taken, by the clinic's clock."""
    return now.astimezone(zone_of(zone)).year


def state_before(status: str, *, confirmed: bool, missed: bool) -> str | None:
    """What a participant was before the last outcome; None where there has been none that could be taken back.

    `confirmed` says whether the patient had confirmed to come, `missed` whether the patient was a no-show once.
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
    """How a consent to a clinic ended; without `clinic_id` it was to every clinic."""

    clinic_id: UUID | None
    reason: str


def consent_reason(ended: Iterable[EndedConsent], clinic_id: UUID) -> str:
    """Why there is no consent in a clinic: how the last that held there ended, or that there has been none.

    `ended` has the latest last.
    """
    reason = MISSING
    for consent in ended:
        if consent.clinic_id in (None, clinic_id):
            reason = consent.reason
    return reason


def past_rules(starts_at: datetime, now: datetime, *, walk_in: bool, overridden: bool) -> list[str] | None:
    """The rules that are overridden to enter a session of that start. None where it may not be entered.

    Of what has started, a `walk_in` within WALK_IN_MINUTES of the start needs none, and what is `overridden` PAST.
    """
    if starts_at > now or (walk_in and now - starts_at <= timedelta(minutes=WALK_IN_MINUTES)):
        return []
    return [PAST] if overridden else None


def check_in_blockers(*, cleared: bool, consented: bool, starts_at: datetime, zone: str, now: datetime) -> list[str]:
    """What blocks the check-in of a participant: any of `finance`, `consent`, `too-early`.

    It is too early before the session's day in the clinic's zone.
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
