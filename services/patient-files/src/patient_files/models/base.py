"""What every table of patient files is made from."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The tables of this service alone: others have tables of the same names, and may live in the same process."""
