"""The composition root, which puts billing together."""

from billing import domain, events, handlers
from billing.http import clearance, invoices, packages, prices
from billing.http.problems import PROBLEMS
from billing.http.reference import REFERENCE
from billing.policy import POLICY
from jalsa.service.declaration import Service

SERVICE = Service(
    name="billing",
    title="Jalsa billing",
    policy=POLICY,
    texts=("billing",),
    reference=REFERENCE,
    routes=(prices.routes, invoices.routes, clearance.routes, packages.routes),
    publishes=events.PUBLISHES,
    streams=events.STREAMS,
    handlers=handlers.HANDLERS,
    problems=PROBLEMS,
    machines=(domain.INVOICE,),
)
