"""What is asked of the changes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FindChanges:
    """What has changed after a position. Without one, only the last position is asked for."""

    after: int | None
