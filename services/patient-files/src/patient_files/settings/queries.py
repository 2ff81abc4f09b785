"""The read side of settings."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from patient_files.models import Settings
from patient_files.settings.rules import DEFAULTS


def settings(db: Session) -> Settings:
    """The tenant's rules, or the defaults, which are not stored."""
    return db.scalar(select(Settings)) or Settings(**DEFAULTS)
