"""What billing is told of a patient's identity: of each record that stands for the patient, from all of them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from patient_files.models import Patient
from patient_files.patients import events, queries
from patient_files.patients.events import Identity


def identities(db: Session, patient: Patient) -> dict[UUID, Identity]:
    """What would be published now, by record. The caller has locked all records that stand for the patient."""
    return {one.id: identity for one, identity in _identities(db, patient)}


def tell_identities(
    db: Session, patient: Patient, before: Mapping[UUID, Identity], now: datetime, *, told_again: Collection[UUID] = ()
) -> None:
    """Publish PatientIdentityChanged of each record whose identity is not the one `before`, and of those `told_again`.

    A record that `before` does not have was unknown to everybody.
    """
    for one, identity in _identities(db, patient):
        if identity != before.get(one.id, events.NO_IDENTITY) or one.id in told_again:
            events.identity_told(db, one, identity, now)


def _identities(db: Session, patient: Patient) -> list[tuple[Patient, Identity]]:
    records = [patient, *queries.others_of(db, [patient]).get(patient.id, ())]
    return [(one, events.identity_of(one, [each for each in records if each is not one])) for one in records]
