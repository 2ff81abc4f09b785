"""Structured logs: one JSON object a line on standard output, static event names with ids, never objects or values."""

import logging
import sys
import traceback
from typing import TextIO

import structlog
from structlog.typing import EventDict


def _without_values(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and the places it passed, because its message may carry a patient's data."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = describe(error)
        event["at"] = [f"{f.filename}:{f.lineno}:{f.name}" for f in traceback.extract_tb(error.__traceback__)[-8:]]
    return event


def describe(error: BaseException) -> str:
    """An exception in words that hold no data: its type, and a database error's state and constraint."""
    name = type(error).__name__
    original = getattr(error, "orig", None)
    if original is None:
        return name
    diag = getattr(original, "diag", None)
    parts = (getattr(original, "sqlstate", None), getattr(diag, "constraint_name", None))
    return " ".join([name, *(part for part in parts if part)])


class _Bridge(logging.Handler):
    """Libraries' warnings, without their arguments. A text that was put together beforehand may hold any value."""

    def emit(self, record: logging.LogRecord) -> None:
        template = str(record.msg)[:200] if record.args else None
        structlog.get_logger().warning(
            "library", logger=record.name, line=record.lineno, template=template, exc_info=record.exc_info
        )


def configure(level: str, service: str, *, stream: TextIO | None = None) -> None:
    """Set up logging for this process, to standard output or `stream`. Raises ValueError for an unknown level."""
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_values,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Bridge()], level=logging.WARNING, force=True)
    structlog.contextvars.bind_contextvars(service=service)
