"""A patient's preferences."""

from sqlalchemy.orm import Session

from notifications.commands import SetPreferences
from notifications.models import PatientProjection, Preferences


def replace(db: Session, patient: PatientProjection, command: SetPreferences) -> None:
    """Store a patient's preferences in place of what was. The patient's row is locked by the caller."""
    preferences = db.get(Preferences, patient.id) or Preferences(id=patient.id)
    preferences.whatsapp_enabled = command.whatsapp_enabled
    preferences.sms_enabled = command.sms_enabled
    preferences.email_enabled = command.email_enabled
    preferences.language = command.language
    quiet = command.quiet_hours
    preferences.quiet_start, preferences.quiet_end = (quiet.start, quiet.end) if quiet else (None, None)
    db.add(preferences)
    db.flush()
