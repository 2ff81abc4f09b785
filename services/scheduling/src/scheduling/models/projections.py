"""What scheduling knows of what other services own."""

from typing import TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import TenantRow
from scheduling.models.setup import Base


class StoredConsent(TypedDict):
    """A consent that ended, as it is kept: without `clinic_id` it was to every clinic."""

    clinic_id: str | None
    reason: str


class PatientProjection(TenantRow, Base):
    """What scheduling needs of a patient; patient-files owns the rest."""

    __tablename__ = "patients"

    file_number: Mapped[str]
    active: Mapped[bool]
    consented: Mapped[bool] = mapped_column(default=False)
    consented_clinics: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    # how consents ended, the latest last
    ended_consents: Mapped[list[StoredConsent]] = mapped_column(JSONB, default=list)
    reachable: Mapped[bool | None]  # by telephone or e-mail; unknown until the patient's next event says so


class ClearanceProjection(TenantRow, Base):
    """Whether billing has cleared an appointment, else why not; the id is the appointment's."""

    __tablename__ = "clearances"

    cleared: Mapped[bool]
    reason: Mapped[str | None]
