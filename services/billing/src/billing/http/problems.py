"""The catalogue of billing's problems: which status, code and message answers each refusal."""

from billing import errors
from jalsa.service.problems import Catalogue, Entry

PROBLEMS = Catalogue(
    Entry(
        errors.PaymentExceedsBalance,
        409,
        "payment-exceeds-balance",
        "The payment exceeds the outstanding balance.",
    ),
)
