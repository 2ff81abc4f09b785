"""The rules of scheduling in the field's own words: state machines, numbers, check-in. No I/O.

Wall times and intervals are in `hours`.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from jalsa.states import table

SESSION = table(
    "session", "SCHEDULED", SCHEDULED="IN_PROGRESS CANCELLED", IN_PROGRESS="COMPLETED", COMPLETED="", CANCELLED=""
)
PARTICIPANT = table(
    "participant",
    "BOOKED",
    BOOKED="CONFIRMED ARRIVED CANCELLED NO_SHOW",
    CONFIRMED="ARRIVED CANCELLED NO_SHOW",
    ARRIVED="ATTENDED",
    ATTENDED="",
    NO_SHOW="ARRIVED",
    CANCELLED="",
)

ENTRY = table(
    "waitlist entry",
    "WAITING",
    WAITING="OFFERED LAPSED CANCELLED",
    OFFERED="WAITING ACCEPTED DECLINED LAPSED CANCELLED",
    ACCEPTED="",
    DECLINED="",
    LAPSED="",
    CANCELLED="",
)
OFFER = table(
    "waitlist offer",
    "OPEN",
    OPEN="ACCEPTED DECLINED LAPSED WITHDRAWN",
    ACCEPTED="",
    DECLINED="",
    LAPSED="",
    WITHDRAWN="",
)

#: A package that was completed by a no-show goes on when the patient comes late after all.
PACKAGE = table(
    "package",
    "DRAFT",
    DRAFT="SCHEDULED CANCELLED",
    SCHEDULED="IN_PROGRESS CANCELLED",
    IN_PROGRESS="COMPLETED CANCELLED",
    COMPLETED="IN_PROGRESS",
    CANCELLED="",
)
#: What was cancelled or missed is made up by placing it again.
PACKAGE_SESSION = table(
    "package session",
    "PENDING",
    PENDING="SCHEDULED FAILED CANCELLED",
    SCHEDULED="COMPLETED CANCELLED PENDING",
    FAILED="SCHEDULED CANCELLED",
    CANCELLED="SCHEDULED FAILED",
    COMPLETED="",
)

#: The states in which a session takes up its provider and room, and in which a participant takes up a place.
LIVE_SESSION = ("SCHEDULED", "IN_PROGRESS", "COMPLETED")
LIVE_PARTICIPANT = ("BOOKED", "CONFIRMED", "ARRIVED", "ATTENDED")
#: Those who are still to come: they can be moved, and miss their session if they do not come.
EXPECTED = ("BOOKED", "CONFIRMED")

#: Those who wait, and those of them to whom a place is offered.
OPEN_ENTRY = ("WAITING", "OFFERED")
#: How an offer ends that is not accepted: what it becomes, and what an entry becomes that waits for that one session.
#: An entry for a service type goes on waiting.
OFFER_ENDS = {
    "LAPSED": ("LAPSED", "LAPSED"),
    "DECLINED": ("DECLINED", "DECLINED"),
    "SESSION_CANCELLED": ("WITHDRAWN", "CANCELLED"),
    "WITHDRAWN": ("WITHDRAWN", "WAITING"),
}
#: A place is not offered any more when its session starts sooner than this.
MIN_OFFER_MINUTES = 5

INDIVIDUAL, GROUP = "INDIVIDUAL", "GROUP"
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
}

#: What a manager may override with a reason. A capacity, and an overlap of provider, room or patient, never.
WORKING_HOURS, TIME_OFF, CLOSURE, BUFFER = "working-hours", "time-off", "closure", "buffer"


def local_year(now: datetime, zone: str) -> int:
    """The year in which a number is taken, by the clinic's clock."""
    return now.astimezone(ZoneInfo(zone)).year


def check_in_blockers(*, cleared: bool, consented: bool, starts_at: datetime, zone: str, now: datetime) -> list[str]:
    """What stands against checking a participant in: any of `finance`, `consent`, `too-early`.

    It is too early before the session's day in the clinic's zone.
    """
    tz = ZoneInfo(zone)
    blockers = []
    if not cleared:
        blockers.append("finance")
    if not consented:
        blockers.append("consent")
    if now.astimezone(tz).date() < starts_at.astimezone(tz).date():
        blockers.append("too-early")
    return blockers
