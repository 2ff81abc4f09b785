"""Who may override rules."""

from datetime import datetime

from jalsa.http import current_principal
from jalsa.service.policy import authorise
from scheduling.appointments.commands.appointments import BookParticipant
from scheduling.appointments.commands.placements import Override, WantedPlacement
from scheduling.policy import POLICY


def check_override(override: Override | None) -> str | None:
    """The reason for which a request overrides a rule, if it does. Raises 403 `forbidden` where its caller may not."""
    if override is None:
        return None
    authorise(POLICY, "schedule.override", current_principal())
    return override.reason


def check_entry(
    command: WantedPlacement | BookParticipant, starts_at: datetime | None, permission: str, *, now: datetime
) -> str:
    """The permission that it takes to enter what begins then, or has begun. Raises 403 `forbidden` without it.

    What is to come, or whose start does not matter, takes the `permission`; so does a past that is refused in any case.
    """
    begun = starts_at is not None and starts_at <= now
    if begun and command.override is not None:
        needed = "schedule.past"
    else:
        check_override(command.override)
        needed = "schedule.walk-in" if begun and command.walk_in else permission
    authorise(POLICY, needed, current_principal())
    return needed
