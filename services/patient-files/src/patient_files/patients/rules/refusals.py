"""What the rules of a patient's identity refuse."""

from jalsa.service.errors import Message


class RefusedValue(ValueError):
    """What was given is no name, identifier, telephone number or day of birth.

    The message is English, never holds the value, and can be said in another language.
    """

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message
