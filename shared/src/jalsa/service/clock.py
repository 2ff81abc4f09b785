"""The one place that reads the clock, so that tests can set it."""

from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

_DATABASE = text("SELECT clock_timestamp()")


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def database_now(db: Session | Connection) -> datetime:
    """The present instant by the database's clock, aware, in UTC.

    Due work goes by it. The workers then agree about what is due, and a leap of one machine's clock changes nothing.
    """
    read: datetime = db.execute(_DATABASE).scalar_one()
    return read.astimezone(UTC)
