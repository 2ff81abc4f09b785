"""Which role may do what; what is not named here is refused."""

from collections.abc import Mapping

from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Readers

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
    # who has read what; of the own reading everybody is told
    "access-log.read": frozenset({"records", "manager"}),
    "access-log.own": _REGISTRARS | {"clinician", "biller"},
    # an emergency: who may take a grant, who ends one, and who says whether it was justified
    "break-glass.open": frozenset({"clinician", "manager"}),
    "break-glass.read": frozenset({"clinician", "records", "manager"}),
    "break-glass.close": frozenset({"clinician", "records", "manager"}),
    "break-glass.review": frozenset({"records", "manager"}),
    "settings.manage": _MANAGER,
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    # to a subscriber only where the token grants it by name
    "events.read.patient": _MANAGER | {SUBSCRIBER, SYSTEM},
    "events.operate": _MANAGER,
}

#: The kinds of records of patients whose reading is in the access log.
READS: Mapping[str, str] = {
    "patient": "names, contacts, birth and identifiers",
    "file": "the main file with its sub-files",
    "sub-file": "a patient's file in a clinic",
    "consent": "a consent",
    "access-log": "who has read what of a patient",
    "break-glass": "a break-glass grant",
}

#: Who reads why a consent was revoked.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))
