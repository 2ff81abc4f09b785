"""The timetable's rules in statements that are put together: each is a function of the database."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, func, literal, literal_column

from jalsa.db.transactions import Instant
from scheduling.timetable.intervals import Interval


def times_overlap(
    starts_at: SQLColumnExpression[datetime], ends_at: SQLColumnExpression[datetime], time: Interval
) -> ColumnElement[bool]:
    """Whether the time between two columns overlaps an interval."""
    # without its type, an instant would be sent as a wall time
    return func.times_overlap(starts_at, ends_at, *(literal(instant, Instant) for instant in time))


def days_overlap(
    starts_on: SQLColumnExpression[date], ends_on: SQLColumnExpression[date], first: date, last: date
) -> ColumnElement[bool]:
    """Whether the days from one column to another, both included, are among those from the first to the last."""
    return func.days_overlap(starts_on, ends_on, first, last)


def spots_taken() -> ColumnElement[int]:
    """How many spots of the session of each row are taken, in a statement about the table `sessions`."""
    return literal_column("(SELECT taken FROM spots_of(sessions.id, sessions.max_capacity))")


def spots_available() -> ColumnElement[int]:
    """How many of them can be booked."""
    return literal_column("(SELECT available FROM spots_of(sessions.id, sessions.max_capacity))")
