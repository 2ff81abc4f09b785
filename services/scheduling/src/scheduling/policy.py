"""Which role may do what; what is not named here is refused."""

from jalsa.auth import SUBSCRIBER, SYSTEM, Policy

_ALL = frozenset({"front-desk", "clinician", "biller", "records", "manager", "integration"})
_DESK = frozenset({"front-desk", "manager", "integration"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    "setup.read": _ALL,
    "setup.write": _MANAGER,
    "absences.write": _DESK | {"clinician"},
    "sessions.read": _ALL,
    "sessions.write": _DESK | {"clinician"},
    "appointments.read": _ALL,
    "appointments.write": _DESK | {"clinician"},
    "packages.read": _ALL,
    "packages.write": _DESK | {"clinician"},
    "waitlist.read": _ALL,
    "waitlist.write": _DESK | {"clinician"},
    "schedule.override": _MANAGER,
    # managers and the desk for every provider, clinicians for themselves
    "calendar-links.write": frozenset({"manager", "front-desk", "clinician"}),
    "reports.read": frozenset({"manager", "integration"}),
    "history.read": frozenset({"manager", "records", "front-desk", "clinician"}),
    # notes, which may be clinical, as they were
    "history.notes": frozenset({"manager", "clinician"}),
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.operate": _MANAGER,
}
