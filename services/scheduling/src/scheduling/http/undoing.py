"""Until when, and by whom, a slip is taken back."""

from jalsa.http import current_principal
from jalsa.service.errors import Problem, invalid
from scheduling.policy import POLICY


def check_may_undo(*, of_today: bool, reason: str | None) -> None:
    """Earlier than this local day it is a manager's to take back. Raises 403 `forbidden`; 422 without a reason."""
    if of_today:
        return
    if not POLICY["schedule.override"] & current_principal().roles:
        raise Problem(403, "forbidden", "An outcome of an earlier day is taken back by a manager only.")
    if not reason:
        raise invalid("reason", "Required for an outcome of an earlier day.")
