"""Who may set rules aside."""

from collections.abc import Mapping
from typing import Any

from jalsa.auth import authorise
from jalsa.web import current_principal
from scheduling.policy import POLICY


def check_override(body: Mapping[str, Any]) -> str | None:
    """The reason for which a request overrides a rule, if it does. Raises 403 `forbidden` where its caller may not."""
    if "override" not in body:
        return None
    authorise(POLICY, "schedule.override", current_principal())
    reason: str = body["override"]["reason"]
    return reason
