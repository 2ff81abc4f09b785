"""What is published of files."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.events.outbox import publish
from patient_files.events import catalogue
from patient_files.models import MainFile, SubFile


def sub_file_opened(db: Session, sub_file: SubFile, main_file: MainFile, now: datetime) -> None:
    """Publish SubFileOpened."""
    data = {
        "file_id": main_file.id,
        "file_number": main_file.file_number,
        "sub_file_id": sub_file.id,
        "sub_file_number": sub_file.sub_file_number,
        "patient_id": main_file.patient_id,
        "clinic": {"id": sub_file.clinic_id, "code": sub_file.clinic_code},
        "assigned_provider_id": sub_file.assigned_provider_id,
        "opened_at": sub_file.opened_at,
    }
    publish(db, catalogue.SUB_FILE_OPENED, main_file.id, data, now=now)
