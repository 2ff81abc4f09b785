"""The problem codes of each operation, by its operationId, beside those that every operation of its kind has."""

PROBLEMS: dict[str, tuple[str, ...]] = {}
CODES: dict[str, tuple[int, str]] = {}
