"""How a delivery fails."""


class NotSent(Exception):
    """A message did not go out. `outcome` is a fixed word for the attempt's record, never the other side's text.

    `reason` is what the message fails with where it is not tried again.
    """

    def __init__(self, outcome: str, reason: str, *, again: bool) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.reason = reason
        self.again = again
