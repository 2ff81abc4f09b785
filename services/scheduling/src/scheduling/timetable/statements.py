"""SQL expressions that call the timetable's functions in the database."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, func, literal, literal_column

from jalsa.db.transactions import Instant
from scheduling.timetable.intervals import Interval


def times_overlap(
    starts_at: SQLColumnExpression[datetime], ends_at: SQLColumnExpression[datetime], time: Interval
) -> ColumnElement[bool]:
    """An expression for whether the time between two columns overlaps an interval."""
    # Without its type, an instant would be sent as a wall time.
    return func.times_overlap(starts_at, ends_at, *(literal(instant, Instant) for instant in time))


def days_overlap(
    starts_on: SQLColumnExpression[date], ends_on: SQLColumnExpression[date], first: date, last: date
) -> ColumnElement[bool]:
    """An expression for whether the days between two columns, both included, overlap those from `first` to `last`."""
    return func.days_overlap(starts_on, ends_on, first, last)


def spots_taken() -> ColumnElement[int]:
    """An expression for how many spots of a row's session are taken, in a statement about the table `sessions`."""
    return literal_column("(SELECT taken FROM spots_of(sessions.id, sessions.max_capacity))")


def spots_available() -> ColumnElement[int]:
    """An expression for how many spots of a row's session can be booked, in a statement about the table `sessions`."""
    return literal_column("(SELECT available FROM spots_of(sessions.id, sessions.max_capacity))")
