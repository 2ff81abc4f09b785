"""The rules of references in the field's own words. No I/O."""

from datetime import timedelta

#: What becomes of a reference that is registered.
CREATED, UNCHANGED, MOVED, REJECTED = "CREATED", "UNCHANGED", "MOVED", "REJECTED"
RESULTS = (CREATED, UNCHANGED, MOVED, REJECTED)

#: Why one is rejected.
REFERS_ELSEWHERE = "refers-elsewhere"
UNKNOWN_ENCOUNTER = "unknown-encounter"
FORBIDDEN = "forbidden"
REPEATED = "repeated-in-batch"
INVALID = "validation-error"
CODES = (REFERS_ELSEWHERE, UNKNOWN_ENCOUNTER, FORBIDDEN, REPEATED, INVALID)

LONGEST_REF = 100
MOST_ITEMS = 1_000

#: The kind of the keys under which the monolith had its encounters.
ENCOUNTER = "encounter"

#: What may be wrong between encounters and what they are connected with, in the order in which it is listed.
FINDINGS = (
    "cancelled",
    "in-error",
    "unknown-encounter",
    "unknown-kind",
    "unknown-patient",
    "open-too-long",
    "appointment-contradicts",
)
#: Who came is gone by then.
OPEN_TOO_LONG = timedelta(hours=24)
