"""What a closure meets of what is stored already."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduling.models import Closure


def same_closure(db: Session, clinic_id: UUID | None, data: Mapping[str, Any]) -> Closure | None:
    """A closure of the same clinic, kind and days, if it is stored already."""
    query = select(Closure).where(Closure.clinic_id.is_not_distinct_from(clinic_id))
    return db.scalar(query.filter_by(**{name: data[name] for name in ("kind", "starts_on", "ends_on")}).limit(1))
