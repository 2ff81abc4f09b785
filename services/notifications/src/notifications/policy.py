"""Which role may do what. What is not named here is refused."""

from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Readers

_ALL = frozenset({"front-desk", "clinician", "biller", "records", "manager", "integration"})
_DESK = frozenset({"front-desk", "manager"})

POLICY: Policy = {
    "reminders.read": _DESK | {"integration"},
    # messages show a patient's contact
    "messages.read": _DESK,
    "preferences.read": _DESK | {"records"},
    "preferences.write": _DESK | {"records"},
    # one's own notices only
    "inbox.own": _ALL,
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    "events.operate": frozenset({"manager"}),
}

#: Who reads to whom a message went, and what it says.
CONTACT = Readers(_DESK)
