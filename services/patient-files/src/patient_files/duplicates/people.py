"""Patients as they are compared: from a record, or from what the database keeps of many."""

from sqlalchemy import Row

from patient_files.duplicates.rules.grades import Person
from patient_files.models import Patient
from patient_files.patients import record
from patient_files.patients.rules.births import Birth
from patient_files.patients.rules.identifiers import Identifier
from patient_files.patients.rules.names import SCRIPTS, NameParts


def person_of(patient: Patient) -> Person:
    """A patient, who need not be stored."""
    return Person(
        names=tuple(record.name_parts(patient, script) for script in SCRIPTS),
        mother=_mother(patient.mother_name_en, patient.mother_name_ar),
        identity_status=patient.identity_status,
        birth=record.birth_of(patient),
        sex=patient.sex,
        birth_order=patient.birth_order,
        phones=frozenset(each.number for each in patient.phones),
        guardian_phones=record.guardian_phones(patient),
        email=patient.email,
        identifiers=frozenset(
            Identifier(each.type, each.issuing_country, each.value) for each in record.current_identifiers(patient)
        ),
    )


def person_from(row: Row[tuple[object, ...]]) -> Person:
    """A patient from a row of `duplicates.queries`, which is what many of them are read as."""
    birth = None
    if row.birth_value is not None:
        birth = Birth(row.birth_calendar, row.birth_precision, row.birth_value, row.born_from, row.born_to)
    return Person(
        names=(NameParts(*row.name_en), NameParts(*row.name_ar)),
        mother=_mother(row.mother_name_en, row.mother_name_ar),
        identity_status=row.identity_status,
        birth=birth,
        sex=row.sex,
        birth_order=row.birth_order,
        phones=frozenset(row.phones),
        guardian_phones=frozenset(row.guardian_phones),
        email=row.email,
        identifiers=frozenset(Identifier(*each) for each in row.identifiers),
    )


def _mother(english: str | None, arabic: str | None) -> tuple[NameParts, ...]:
    return tuple(NameParts(name) for name in (english, arabic) if name)
