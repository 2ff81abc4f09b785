"""The composition root: all that billing is made of."""

from billing import domain, events, handlers
from billing.http import clearance, invoices, packages, prices
from billing.http.reference import REFERENCE
from billing.policy import POLICY
from jalsa.web import Service

SERVICE = Service(
    name="billing",
    title="Jalsa billing",
    policy=POLICY,
    reference=REFERENCE,
    routes=(prices.routes, invoices.routes, clearance.routes, packages.routes),
    publishes=events.PUBLISHES,
    streams=events.STREAMS,
    handlers=handlers.HANDLERS,
    machines=(domain.INVOICE,),
)
