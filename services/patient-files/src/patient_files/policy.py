"""Which role may do what; what is not named here is refused."""

from jalsa.auth import SYSTEM, Policy

_REGISTRARS = frozenset({"records", "manager", "front-desk", "integration"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    "patients.read": _REGISTRARS | {"clinician", "biller"},
    "patients.write": _REGISTRARS,
    # which clinics a patient goes to is clinical knowledge: an invoice can be written without it
    "files.read": _REGISTRARS | {"clinician"},
    "consents.read": _REGISTRARS | {"clinician", "biller"},
    "consents.write": _REGISTRARS,
    "events.read": frozenset({"manager", "integration", SYSTEM}),
    "events.read.patient": _MANAGER | {SYSTEM},
    "events.operate": _MANAGER,
}
