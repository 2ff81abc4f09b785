"""Which role may do what; what is not named here is refused."""

from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Readers

_REGISTRARS = frozenset({"records", "manager", "front-desk", "integration"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    # who lists the registry has everybody's identifiers; the others look up one patient
    "patients.list": frozenset({"records", "manager", "front-desk"}),
    "patients.read": _REGISTRARS | {"clinician", "biller"},
    "patients.write": _REGISTRARS,
    "patients.merge": _MANAGER | {"records"},
    # which clinics a patient goes to is clinical knowledge: an invoice can be written without it
    "files.read": _REGISTRARS | {"clinician"},
    "consents.read": _REGISTRARS | {"clinician", "biller"},
    "consents.write": _REGISTRARS,
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    # to a subscriber only where the token grants it by name
    "events.read.patient": _MANAGER | {SUBSCRIBER, SYSTEM},
    "events.operate": _MANAGER,
}

#: Who reads why a consent was revoked.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))
