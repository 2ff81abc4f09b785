"""The rules of clinical notes in the field's own words: who reads what, what a note is about, and signing.

There is no I/O.
"""

from dataclasses import dataclass
from uuid import UUID

from jalsa.service.states import state_machine

DRAFT, SIGNED = "DRAFT", "SIGNED"
NOTE = state_machine("note", DRAFT, DRAFT=SIGNED, SIGNED="")

#: A participant in one of these states has a spot in the session, and is in its roster.
LIVE_PARTICIPANT = ("BOOKED", "CONFIRMED", "ARRIVED", "ATTENDED")
CANCELLED = "CANCELLED"

INDIVIDUAL, GROUP = "INDIVIDUAL", "GROUP"
#: What notes may be of, which are the disciplines of scheduling. A session may be of any other, and what is known of it
#: is kept.
DISCIPLINES = (
    "PSYCHOLOGY",
    "OT",
    "ABA",
    "SLP",
    "PHYSIOTHERAPY",
    "SOCIAL_WORK",
    "SPECIAL_EDUCATION",
    "DIETETICS",
    "MEDICAL",
    "NURSING",
)
MAX_CONTENT = 20_000

#: How a worklist shows a note that nobody has begun.
MISSING = "MISSING"


@dataclass(frozen=True)
class Reader:
    """Who reads notes. Everybody who may read at all reads what is signed.

    A draft is read by its provider alone, and by a manager, who `reads_every_draft`.
    """

    provider_id: UUID | None
    reads_every_draft: bool
