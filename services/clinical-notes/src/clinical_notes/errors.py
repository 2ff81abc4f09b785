"""What the rules of clinical notes refuse."""

from jalsa.service.errors import Conflict, InvalidTransition


class SessionCancelled(InvalidTransition):
    """Nothing is documented of a cancelled session."""


class NoSpotAnyMore(InvalidTransition):
    """Nothing is documented of a participant who has no spot in the session any more."""


class NoteSigned(InvalidTransition):
    """A signed note cannot be changed."""


class NoteExists(Conflict):
    """The participant has a note of this session."""


class GroupNoteExists(NoteExists):
    """The session has its group note."""
