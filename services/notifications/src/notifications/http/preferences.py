"""How a patient wants to be contacted."""

from uuid import UUID

from flask import Response

from jalsa.http import Routes, check_if_match, current_db, json_with_etag
from jalsa.service.errors import NotFound
from notifications import queries
from notifications.commands import SetPreferences
from notifications.http import represent, schemas
from notifications.models import PatientProjection, Preferences
from notifications.operations import preferences as operations

routes = Routes("preferences", "Patients' preferences")

_RULE = "/preferences/<uuid:patient_id>"
_PREFERENCES = schemas.PreferencesAnswer()


@routes.view(_RULE, permission="preferences.read", response=_PREFERENCES)
def get_preferences(patient_id: UUID) -> Response:
    """A patient's preferences, or what counts without any."""
    return json_with_etag(_shown(_patient(patient_id)))


@routes.view(_RULE, "PUT", permission="preferences.write", body=schemas.PreferencesBody(), response=_PREFERENCES)
def put_preferences(command: SetPreferences, patient_id: UUID) -> Response:
    """Replace a patient's preferences. They count for every message that is not yet on its way."""
    patient = _patient(patient_id, lock=True)
    check_if_match(_shown(patient))
    operations.replace(current_db(), patient, command)
    return json_with_etag(_shown(patient))


def _patient(patient_id: UUID, *, lock: bool = False) -> PatientProjection:
    patient = queries.find_patient(current_db(), patient_id, lock=lock)
    if patient is None:
        raise NotFound("patient")
    return patient


def _shown(patient: PatientProjection) -> object:
    return _PREFERENCES.dump(represent.preferences(patient, current_db().get(Preferences, patient.id)))
