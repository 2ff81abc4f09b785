"""Who may override rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jalsa.http import current_principal
from jalsa.service.policy import authorise
from scheduling.policy import POLICY


def check_override(body: Mapping[str, Any]) -> str | None:
    """The reason for which a request overrides a rule, if it does. Raises 403 `forbidden` where its caller may not."""
    if "override" not in body:
        return None
    authorise(POLICY, "schedule.override", current_principal())
    reason: str = body["override"]["reason"]
    return reason


def check_entry(body: Mapping[str, Any], starts_at: datetime | None, permission: str, *, now: datetime) -> str:
    """The permission that it takes to enter what begins then, or has begun. Raises 403 `forbidden` without it.

    What is to come, or whose start does not matter, takes the `permission`; so does a past that is refused in any case.
    """
    begun = starts_at is not None and starts_at <= now
    if begun and "override" in body:
        needed = "schedule.past"
    else:
        check_override(body)
        needed = "schedule.walk-in" if begun and body["walk_in"] else permission
    authorise(POLICY, needed, current_principal())
    return needed
