"""The catalogue of clinical notes' problems: which status, code and message answers each refusal."""

from clinical_notes import errors
from jalsa.service.problems import Catalogue, Entry

PROBLEMS = Catalogue(
    Entry(errors.SessionCancelled, 409, "invalid-transition", "The session is cancelled."),
    Entry(errors.NoSpotAnyMore, 409, "invalid-transition", "The participant has no spot in the session any more."),
    Entry(errors.NoteSigned, 409, "invalid-transition", "A signed note cannot be changed."),
    Entry(errors.NoteExists, 409, "note-exists", "The participant has a note of this session."),
    Entry(errors.GroupNoteExists, 409, "note-exists", "The session has its group note."),
)

#: The refusal that a constraint of the database stands for.
CONSTRAINTS = {
    "notes_group_once": errors.GroupNoteExists,
    "notes_participant_once": errors.NoteExists,
    "notes_signed": errors.NoteSigned,
}
