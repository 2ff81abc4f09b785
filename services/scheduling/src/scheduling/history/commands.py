"""Commands for the history of records."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FindHistory:
    """What is shown in addition to a record's own changes: a session's `participants`, or a package's `sessions`."""

    include: str | None = None
