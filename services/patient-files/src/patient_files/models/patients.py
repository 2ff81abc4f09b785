"""The tables of patients: who they are, how they are reached, who speaks for them, and of what to beware."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jalsa.db.transactions import Instant, TenantRow
from patient_files.models.base import Base
from patient_files.models.files import MainFile


def _of_a_patient() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"])


class Patient(TenantRow, Base):
    """A person in the tenant's care, or one of two records of a person that was `merged_into` the other.

    The birth is kept as it was given, with the first and the last day that it can have been. `change_reason` is why it
    was last corrected.
    """

    __tablename__ = "patients"

    first_name_en: Mapped[str | None]
    father_name_en: Mapped[str | None]
    grandfather_name_en: Mapped[str | None]
    last_name_en: Mapped[str | None]
    first_name_ar: Mapped[str | None]
    father_name_ar: Mapped[str | None]
    grandfather_name_ar: Mapped[str | None]
    last_name_ar: Mapped[str | None]
    identity_status: Mapped[str]
    mother_patient_id: Mapped[UUID | None]
    mother_name_en: Mapped[str | None]
    mother_name_ar: Mapped[str | None]
    birth_order: Mapped[int | None]
    sex: Mapped[str]
    nationality: Mapped[str | None]
    birth_calendar: Mapped[str | None]
    birth_precision: Mapped[str | None]
    birth_value: Mapped[str | None]
    born_from: Mapped[date | None]
    born_to: Mapped[date | None]
    deceased_on: Mapped[date | None]
    email: Mapped[str | None]
    preferred_language: Mapped[str]
    tell: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    restricted: Mapped[bool] = mapped_column(default=False)
    change_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    merged_into: Mapped[UUID | None]

    # What the version before this one reads and writes while both run; a trigger takes over what it writes.
    earlier_national_id: Mapped[str | None] = mapped_column("national_id")
    earlier_date_of_birth: Mapped[date | None] = mapped_column("date_of_birth")
    earlier_phone: Mapped[str | None] = mapped_column("phone")

    file: Mapped[MainFile] = relationship()
    phones: Mapped[list["PatientPhone"]] = relationship(
        order_by="PatientPhone.position", cascade="save-update, merge, delete-orphan, delete"
    )
    identifiers: Mapped[list["PatientIdentifier"]] = relationship(
        order_by="(PatientIdentifier.created_at, PatientIdentifier.id)"
    )
    guardians: Mapped[list["Guardian"]] = relationship(order_by="Guardian.id")
    alerts: Mapped[list["Alert"]] = relationship(order_by="Alert.id")


class PatientPhone(TenantRow, Base):
    """A telephone number (E.164) of a patient, perhaps shared with others. Position 1 is the one that is called first.

    `number_type` is what libphonenumber says that it is.
    """

    __tablename__ = "phones"
    __table_args__ = (_of_a_patient(),)

    patient_id: Mapped[UUID]
    position: Mapped[int]
    number: Mapped[str]
    number_type: Mapped[str]
    label: Mapped[str | None]


class PatientIdentifier(TenantRow, Base):
    """What identifies a patient to the authorities. A current one is one patient's; one that has ended is history."""

    __tablename__ = "identifiers"
    __table_args__ = (_of_a_patient(),)

    patient_id: Mapped[UUID]
    type: Mapped[str]
    issuing_country: Mapped[str]
    value: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None]
    end_reason: Mapped[str | None]


class IdentityDue(TenantRow, Base):
    """That billing has not been told of a patient's identity yet, because another version stored it. The id is the
    patient's.
    """

    __tablename__ = "identities_due"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "id"], ["patients.tenant_id", "patients.id"]),)

    due_at: Mapped[datetime] = mapped_column(Instant)


class Guardian(TenantRow, Base):
    """Who speaks for a patient, perhaps a patient of the tenant, too. The phone is E.164.

    `ended_on` is the first local day on which it no longer holds.
    """

    __tablename__ = "guardians"
    __table_args__ = (_of_a_patient(),)

    patient_id: Mapped[UUID]
    relation: Mapped[str]
    name_en: Mapped[str | None]
    name_ar: Mapped[str | None]
    guardian_patient_id: Mapped[UUID | None]
    phone: Mapped[str | None]
    phone_type: Mapped[str | None]
    email: Mapped[str | None]
    language: Mapped[str | None]
    receives_messages: Mapped[bool]
    is_primary: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    ended_on: Mapped[date | None]
    end_reason: Mapped[str | None]

    rights: Mapped[list["GuardianRight"]] = relationship(order_by="GuardianRight.id")


class GuardianRight(TenantRow, Base):
    """A guardian's right to consent, on the local days `valid_from` through `valid_to`. `document` proves it."""

    __tablename__ = "consent_rights"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "guardian_id"], ["guardians.tenant_id", "guardians.id"]),)

    guardian_id: Mapped[UUID]
    basis: Mapped[str]
    document: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]


class Alert(TenantRow, Base):
    """Of what to beware with a patient. `audience` says whether it is for who treats, or for all."""

    __tablename__ = "alerts"
    __table_args__ = (_of_a_patient(),)

    patient_id: Mapped[UUID]
    kind: Mapped[str]
    text: Mapped[str]
    audience: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str]
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None]
    end_reason: Mapped[str | None]
