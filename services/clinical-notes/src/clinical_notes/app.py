"""The composition root: all that clinical-notes is made of."""

from clinical_notes import domain, events, handlers
from clinical_notes.http import notes, worklist
from clinical_notes.http.reference import REFERENCE
from clinical_notes.policy import POLICY
from jalsa.web import Service

SERVICE = Service(
    name="clinical-notes",
    title="Jalsa clinical notes",
    policy=POLICY,
    reference=REFERENCE,
    routes=(notes.routes, worklist.routes),
    publishes=events.PUBLISHES,
    streams=events.STREAMS,
    handlers=handlers.HANDLERS,
    machines=(domain.NOTE,),
    constraints={
        "notes_group_once": ("note-exists", "The session has its group note."),
        "notes_participant_once": ("note-exists", "The participant has a note of this session."),
        "notes_signed": ("invalid-transition", "A signed note can not be changed."),
    },
)
