"""What the operations on settings are given."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSettings:
    """Set the tenant's own rules.

    The days of treatment are those of 24 hours, from the beginning of an appointment. Those after majority are local
    days of the clinic, and the age is in full years of the calendar.
    """

    treating_days_after: int
    treating_days_before: int
    sign_off_needs_documentation: bool
    known_signer_required: bool
    days_after_majority: int
    age_of_majority: int
    majority_calendar: str
