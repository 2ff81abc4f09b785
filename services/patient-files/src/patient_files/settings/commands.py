"""What the operations on settings are given."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSettings:
    """Set the tenant's own rules. Days are those of 24 hours, from the beginning of an appointment."""

    treating_days_after: int
    treating_days_before: int
