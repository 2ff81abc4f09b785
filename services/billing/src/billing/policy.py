"""Which role may do what. What is not named here is refused. Clinicians and records have no part in money."""

from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Readers

_BILLING = frozenset({"biller", "manager"})
_DESK = _BILLING | {"front-desk"}
_READERS = _DESK | {"integration"}

POLICY: Policy = {
    "prices.read": _READERS,
    "prices.write": _BILLING,
    "invoices.read": _READERS,
    "invoices.void": _BILLING,
    "payments.write": _DESK,
    "clearance.read": _READERS,
    "clearance.write": _BILLING,
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    "events.operate": frozenset({"manager"}),
}

#: Who reads why somebody let a patient in unpaid, which tells of the patient's life. It does not hold for a code of our
#: own.
GRANT = Readers(frozenset({"front-desk", "clinician", "manager"}), only_if="manual")
#: Who reads why an invoice was made void.
VOID = Readers(_DESK)
