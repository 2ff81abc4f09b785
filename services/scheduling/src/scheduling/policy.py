"""Which role has which permission. A role that is not named for a permission does not have it."""

from uuid import UUID

from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Principal, Readers

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
    # Needed for every request to enter a session. Entering one that has not started also needs the permission to write
    # sessions or appointments.
    "schedule.enter": _DESK | {"clinician", "records"},
    # Needed to enter a session that has started: as a walk-in within an hour of the start, or later with a reason.
    "schedule.walk-in": _DESK,
    "schedule.past": frozenset({"manager", "records"}),
    # Managers and the front desk create links for every provider, clinicians only for themselves.
    "calendar-links.write": frozenset({"manager", "front-desk", "clinician"}),
    "reports.read": frozenset({"manager", "integration"}),
    "history.read": frozenset({"manager", "records", "front-desk", "clinician"}),
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    "events.operate": _MANAGER,
}


def acts_for(principal: Principal, provider_id: UUID | None, permission: str) -> bool:
    """Whether a caller who has a permission has it for a provider's sessions.

    Clinicians have theirs only for their own sessions. Roles add up, so a caller who also has the permission through
    another role has it for all sessions. A provider of None, who is not known yet, is nobody's own.
    """
    if (POLICY[permission] - {"clinician"}) & principal.roles:
        return True
    return provider_id is not None and provider_of(principal) == provider_id


def provider_of(principal: Principal) -> UUID | None:
    """Return the provider who calls, or None without the role or where the token's `provider_id` is not a UUID."""
    if "clinician" not in principal.roles:
        return None
    try:
        return UUID(principal.provider_id or "")
    except ValueError:
        return None


#: Who may read what can be clinical: notes, and why something was changed, given up, missed or overridden.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))
#: Who may read why a provider is away.
ABSENCE = Readers(_MANAGER, own="provider_id")
