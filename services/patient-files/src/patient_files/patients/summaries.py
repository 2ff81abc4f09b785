"""What lists and candidates show of patients, read in one statement however many there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from jalsa.db.aliases import Group, groups_of
from patient_files.patients.rules import names
from patient_files.patients.rules.births import Birth
from patient_files.patients.rules.names import NameParts

_SUMMARIES = text("""
    SELECT p.id, f.file_number, p.identity_status, p.birth_order, p.mother_name_en, p.mother_name_ar, p.sex,
      p.restricted,
      ARRAY[p.first_name_en, p.father_name_en, p.grandfather_name_en, p.last_name_en] AS name_en,
      ARRAY[p.first_name_ar, p.father_name_ar, p.grandfather_name_ar, p.last_name_ar] AS name_ar,
      p.birth_calendar, p.birth_precision, p.birth_value, p.born_from, p.born_to,
      (SELECT c.number FROM phones c WHERE c.patient_id = p.id AND c.position = 1) AS phone,
      EXISTS (SELECT FROM alerts a WHERE a.patient_id = p.id AND a.ended_at IS NULL) AS alert
    FROM patients p JOIN main_files f ON f.patient_id = p.id
    WHERE p.id = ANY (CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Summary:
    """A patient among others. Phone is E.164, and `alert` is whether there is a warning.

    `survivor_id` is the record that stands for this one if it was merged. Whether there is a warning, and whether the
    record is restricted, is said of all records of the patient together.
    """

    id: UUID
    file_number: str
    name_en: str
    name_ar: str
    birth: Birth | None
    sex: str
    phone: str | None
    alert: bool
    restricted: bool
    survivor_id: UUID | None = None


def summaries(db: Session, ids: Collection[UUID]) -> dict[UUID, Summary]:
    """Those of these patients who are known."""
    found, groups = _read(db, ids), groups_of(db, ids)
    if not groups:
        return found
    every = found | _read(db, {one for group in groups.values() for one in group.ids} - found.keys())
    return {one: _of_all(each, groups[one], every) if one in groups else each for one, each in found.items()}


def _read(db: Session, ids: Collection[UUID]) -> dict[UUID, Summary]:
    return {row.id: _summary(row) for row in db.execute(_SUMMARIES, {"ids": list(ids)})}


def _of_all(own: Summary, group: Group, every: Mapping[UUID, Summary]) -> Summary:
    """What is shown of a record that is one of several of the patient."""
    records = [every[one] for one in group.ids if one in every]
    return replace(
        own,
        alert=any(each.alert for each in records),
        restricted=any(each.restricted for each in records),
        survivor_id=None if group.survivor == own.id else group.survivor,
    )


def _summary(row: Row[tuple[object, ...]]) -> Summary:
    birth = None
    if row.birth_value is not None:
        birth = Birth(row.birth_calendar, row.birth_precision, row.birth_value, row.born_from, row.born_to)
    shown = names.shown(
        row.identity_status,
        own=names.display_names(NameParts(*row.name_en), NameParts(*row.name_ar)),
        mother=names.display_names(NameParts(row.mother_name_en), NameParts(row.mother_name_ar)),
        birth_order=row.birth_order,
        file_number=row.file_number,
    )
    return Summary(row.id, row.file_number, shown.en, shown.ar, birth, row.sex, row.phone, row.alert, row.restricted)
