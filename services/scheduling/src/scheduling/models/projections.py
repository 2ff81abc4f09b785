"""What scheduling stores about data that other services own."""

from typing import TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from jalsa.db.transactions import TenantRow
from scheduling.models.setup import Base


class StoredConsent(TypedDict):
    """A consent that ended, as it is stored. Without `clinic_id`, it was a consent to every clinic."""

    clinic_id: str | None
    reason: str


class PatientProjection(TenantRow, Base):
    """The data of a patient that scheduling needs. patient-files owns the patient."""

    __tablename__ = "patients"

    file_number: Mapped[str]
    active: Mapped[bool]
    consented: Mapped[bool] = mapped_column(default=False)
    consented_clinics: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    # How consents ended, the latest last.
    ended_consents: Mapped[list[StoredConsent]] = mapped_column(JSONB, default=list)
    reachable: Mapped[bool | None]  # By telephone or e-mail. It is unknown until an event of the patient contains it.


class ClearanceProjection(TenantRow, Base):
    """Whether billing has cleared an appointment, or else the reason why not. The id is that of the appointment."""

    __tablename__ = "clearances"

    cleared: Mapped[bool]
    reason: Mapped[str | None]
