"""Settings: set as a whole."""

from sqlalchemy.orm import Session

from jalsa.service.commands import given
from jalsa.service.ids import new_id
from patient_files.models import Settings
from patient_files.settings import queries
from patient_files.settings.commands import PutSettings


def put_settings(db: Session, command: PutSettings) -> Settings:
    """Set the tenant's own rules."""
    settings = queries.settings(db)
    if settings not in db:
        settings.id = new_id()
        db.add(settings)
    for name, value in given(command).items():
        setattr(settings, name, value)
    db.flush()
    return settings
