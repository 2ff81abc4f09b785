"""The composition root, which puts clinical-notes together."""

from clinical_notes import domain, events, handlers
from clinical_notes.http import notes, worklist
from clinical_notes.http.problems import CONSTRAINTS, PROBLEMS
from clinical_notes.http.reference import REFERENCE
from clinical_notes.policy import POLICY
from jalsa.service.declaration import Service

SERVICE = Service(
    name="clinical-notes",
    title="Jalsa clinical notes",
    policy=POLICY,
    texts=("clinical_notes",),
    reference=REFERENCE,
    routes=(notes.routes, worklist.routes),
    publishes=events.PUBLISHES,
    streams=events.STREAMS,
    handlers=handlers.HANDLERS,
    machines=(domain.NOTE,),
    problems=PROBLEMS,
    constraints=CONSTRAINTS,
)
