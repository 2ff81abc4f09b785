"""Until when, and by whom, a slip is taken back."""

from jalsa.http import current_principal
from jalsa.service.errors import Forbidden, InvalidField
from scheduling.policy import POLICY


def check_may_undo(*, of_today: bool, reason: str | None) -> None:
    """Earlier than this local day it is a manager's to take back. Raises 403 `forbidden`; 422 without a reason."""
    if of_today:
        return
    if not POLICY["schedule.override"] & current_principal().roles:
        raise Forbidden("Only a manager can undo an outcome of an earlier day.")
    if not reason:
        raise InvalidField("reason", "Required to undo an outcome of an earlier day.")
