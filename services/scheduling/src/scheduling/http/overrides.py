"""Who may set rules aside."""

from collections.abc import Mapping
from typing import Any

from jalsa.auth import authorise
from jalsa.web import current_principal
from scheduling.policy import POLICY


def check_override(body: Mapping[str, Any]) -> None:
    """Raises 403 `forbidden` where a request overrides a rule and its caller may not."""
    if "override" in body:
        authorise(POLICY, "schedule.override", current_principal())
