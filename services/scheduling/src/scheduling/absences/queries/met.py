"""What a closure meets of what is stored already."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduling.absences.commands import AddClosure
from scheduling.models import Closure


def same_closure(db: Session, command: AddClosure) -> Closure | None:
    """A closure of the same clinic, kind and days, if it is stored already."""
    return db.scalar(
        select(Closure)
        .where(
            Closure.clinic_id.is_not_distinct_from(command.clinic_id),
            Closure.kind == command.kind,
            Closure.starts_on == command.starts_on,
            Closure.ends_on == command.ends_on,
        )
        .limit(1)
    )
