"""Which role may do what; what is not named here is refused."""

from uuid import UUID

from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Principal, Readers
from patient_files.timeline.rules import CLASSES_OF_ROLE

_REGISTRARS = frozenset({"records", "manager", "front-desk", "integration"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    # who lists the registry has everybody's identifiers; the others look up one patient
    "patients.list": frozenset({"records", "manager", "front-desk"}),
    "patients.read": _REGISTRARS | {"clinician", "biller"},
    "patients.write": _REGISTRARS,
    # which clinics a patient goes to is clinical knowledge: an invoice can be written without it
    "files.read": _REGISTRARS | {"clinician"},
    "consents.read": _REGISTRARS | {"clinician", "biller"},
    "consents.write": _REGISTRARS,
    "encounters.read": _REGISTRARS | {"clinician", "biller"},
    "encounters.write": _REGISTRARS | {"clinician"},
    # entered in error, moved to another patient, merged
    "encounters.correct": frozenset({"records", "manager"}),
    # a clinician's own, a manager's any
    "encounters.sign-off": frozenset({"clinician", "manager"}),
    "encounters.settings": _MANAGER,
    "references.read": frozenset({"records", "manager", "integration", "clinician"}),
    "references.write": frozenset({"records", "manager", "integration"}),
    # which logins alone write a system's references
    "references.decide": _MANAGER,
    "timeline.read": frozenset(CLASSES_OF_ROLE),
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    # to a subscriber only where the token grants it by name
    "events.read.patient": _MANAGER | {SUBSCRIBER, SYSTEM},
    "events.operate": _MANAGER,
}

#: Who reads why a consent was revoked.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))

#: Who reads what an encounter says of the patient's condition: its own provider does, too. This is the one place that
#: decides it, for answers, for repeated answers and for who may write these fields.
CLINICAL = Readers(frozenset({"records", "manager", "integration"}), own="provider_id")

#: Who reads and writes what is to be billed of an encounter.
CODES = Readers(frozenset({"clinician", "biller", "records", "manager", "integration"}))


def may_write_codes(principal: Principal) -> bool:
    """Whether a caller may write billing codes, for whom `encounters.write` is given already."""
    return bool(CODES.roles & principal.roles)


def may_take_over(principal: Principal, present: UUID | None, wanted: UUID | None) -> bool:
    """Whether a caller may name another provider of an encounter.

    Whoever became the provider of a colleague's encounter by naming themselves would read its clinical fields.
    """
    for_oneself = wanted is not None and str(wanted) == principal.provider_id
    return not for_oneself or CLINICAL.include(principal, {"provider_id": present})


def timeline_classes(principal: Principal) -> set[str]:
    """The classes of a timeline's entries that a caller reads: those of all of the caller's roles together."""
    return set[str]().union(*(CLASSES_OF_ROLE.get(role, set()) for role in principal.roles))
