"""The tables of the references that other systems make to encounters."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Computed, Text
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base


class ReferenceKind(Base):
    """A kind of record, of a system, that is known to refer to encounters. All tenants have the same ones."""

    __tablename__ = "reference_kinds"

    system: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)


class ReferenceSystem(TenantRow, Base):
    """The logins that alone write a system's references; everybody who may write does, where it names none."""

    __tablename__ = "reference_systems"

    system: Mapped[str]
    actors: Mapped[list[str]] = mapped_column(ARRAY(Text))


class EncounterReference(TenantRow, Base):
    """Record `ref` of a kind, in a system, belongs to an encounter, until `ended_at`.

    The encounter may have been merged into another one since, and may not be known yet.
    """

    __tablename__ = "encounter_references"

    encounter_id: Mapped[UUID]
    system: Mapped[str]
    kind: Mapped[str]
    ref: Mapped[str]
    known: Mapped[bool]
    registered_at: Mapped[datetime] = mapped_column(Instant)
    registered_by: Mapped[str]
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None]
    live: Mapped[bool] = mapped_column(Computed("ended_at IS NULL"))
