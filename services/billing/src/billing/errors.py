"""What the rules of billing refuse."""

from jalsa.service.errors import Conflict


class PaymentExceedsBalance(Conflict):
    """A payment is more than what is left to pay."""
