"""Refusals say that a rule of the domain does not allow something.

They carry data, and know neither HTTP nor a language. Each service has a catalogue (`jalsa.service.problems`) that maps
them to a status, a code and a message.
"""

from collections.abc import Mapping
from dataclasses import dataclass


class Message(str):
    """An English sentence, made of a template and its values, so that it can be said in another language as well.

    It is the English sentence wherever a string is asked for. No value may be a patient's data, because it is returned
    and logged.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, **values: object) -> "Message":
        """`Message("Must be at most {days} days long.", days=31)`."""
        message = super().__new__(cls, template.format(**values) if values else template)
        message.template, message.values = template, values
        return message


class DomainError(Exception):
    """A rule refuses what was asked for. Its public attributes are what a caller may learn about it."""


class Conflict(DomainError):
    """The request makes sense, but what is stored does not allow it."""


class NotYetKnown(DomainError):
    """A refusal that may be over in a moment, because what is asked for may be on its way here as an event.

    The edge rolls back, waits outside of any transaction, and runs the request again before it answers this.
    """


class NotFound(DomainError):
    """There is no such record, or it belongs to another tenant. The two are never told apart."""

    def __init__(self, record: str) -> None:
        super().__init__(record)
        self.record = record


class Forbidden(DomainError):
    """The caller is known, and may not do this."""

    def __init__(self, message: str = "Your roles do not allow this.") -> None:
        super().__init__(message)
        self.message = message


class InvalidFields(DomainError):
    """Fields that the schema alone could not judge. `errors` has the messages by field, nested as the body is."""

    def __init__(self, errors: Mapping[str, object]) -> None:
        super().__init__(*errors)
        self.errors = errors


class InvalidField(InvalidFields):
    """One field that the schema alone could not judge."""

    def __init__(self, field: str, template: str, **values: object) -> None:
        super().__init__({field: [template if isinstance(template, Message) else Message(template, **values)]})
        self.field = field


class InvalidTransition(Conflict):
    """A record's state does not allow a change. Services derive a class for each further rule of this kind."""


@dataclass(eq=False)
class RefusedMove(InvalidTransition):
    """A record is not to go from the state `current` to `target`. `machine` is what kind of record it is."""

    machine: str
    current: str
    target: str

    @property
    def article(self) -> str:
        """The English article of the record, at the start of a sentence."""
        return "An" if self.machine[0] in "aeiou" else "A"


class NoSuchMove(RefusedMove):
    """The table of states has no such move."""


class NoSuchUndo(RefusedMove):
    """The table of states has no such way back."""
