"""Sub-files, which bookings open."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.service.errors import NotFound
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.files import events, queries, rules
from patient_files.files.commands import OpenSubFile
from patient_files.models import SubFile


def open_sub_file(db: Session, command: OpenSubFile, *, now: datetime) -> SubFile:
    """The patient's sub-file in a clinic: the one that there is, else a new one, which publishes SubFileOpened.

    It is in the survivor's file where the patient's record was merged.

    The main file stays locked until the transaction ends, so that two bookings cannot both find none. Raises 404 for
    an unknown patient.
    """
    main_file = queries.find_main_file(db, survivor_of(db, command.patient_id), lock=True)
    if main_file is None:
        raise NotFound("patient")
    existing = queries.sub_files_in(db, main_file.id)
    for sub_file in existing:
        if sub_file.clinic_id == command.clinic_id:
            return sub_file
    opened = SubFile(
        id=new_id(),
        sub_file_number=rules.sub_file_number(main_file.file_number, command.clinic_code, len(existing) + 1),
        main_file_id=main_file.id,
        clinic_id=command.clinic_id,
        clinic_code=command.clinic_code,
        assigned_provider_id=command.provider_id,
        status=domain.ACTIVE,
        opened_at=now,
    )
    db.add(opened)
    db.flush()
    events.sub_file_opened(db, opened, main_file, now)
    return opened
