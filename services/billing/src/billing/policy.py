"""Which role may do what; what is not named here is refused. Clinicians and records have no part in money."""

from jalsa.auth import SUBSCRIBER, SYSTEM, Policy

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
    "events.operate": frozenset({"manager"}),
}
