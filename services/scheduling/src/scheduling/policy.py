"""Which role may do what; what is not named here is refused."""

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
    # to ask for it at all; what is to come takes the right to write sessions or appointments, too
    "schedule.enter": _DESK | {"clinician", "records"},
    # what has begun: within the hour, and any earlier with a reason
    "schedule.walk-in": _DESK,
    "schedule.past": frozenset({"manager", "records"}),
    # managers and the desk for every provider, clinicians for themselves
    "calendar-links.write": frozenset({"manager", "front-desk", "clinician"}),
    "reports.read": frozenset({"manager", "integration"}),
    "history.read": frozenset({"manager", "records", "front-desk", "clinician"}),
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    "events.operate": _MANAGER,
}


def acts_for(principal: Principal, provider_id: UUID | None, permission: str) -> bool:
    """Whether a caller who has a permission has it in a provider's sessions.

    Clinicians have theirs in their own sessions alone. Roles add up: whoever has the permission by another role, too,
    has it in everybody's. None, a provider who is not known yet, is nobody's own.
    """
    if (POLICY[permission] - {"clinician"}) & principal.roles:
        return True
    return provider_id is not None and provider_of(principal) == provider_id


def provider_of(principal: Principal) -> UUID | None:
    """The provider who calls; nobody without the role, or where the token's `provider_id` is no id."""
    if "clinician" not in principal.roles:
        return None
    try:
        return UUID(principal.provider_id or "")
    except ValueError:
        return None


#: Who reads what may be clinical: notes, and why something was changed, given up, missed or overridden.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))
#: Why a provider is away.
ABSENCE = Readers(_MANAGER, own="provider_id")
