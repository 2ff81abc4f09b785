"""The read side of settings."""

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from patient_files.models import Settings
from patient_files.settings.rules import DEFAULTS

_KNOWN = "settings"


def settings(db: Session) -> Settings:
    """The tenant's rules, or the defaults, which are not stored. They are read once in a transaction."""
    known: Settings | None = db.info.get(_KNOWN)
    if known is None:
        known = db.info[_KNOWN] = db.scalar(select(Settings)) or Settings(**DEFAULTS)
    return known


def settings_for(row: object) -> Settings:
    """The rules of the tenant whose row it is. One that is in no session yet is read by the defaults."""
    db = object_session(row)
    return Settings(**DEFAULTS) if db is None else settings(db)
