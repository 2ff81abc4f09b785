"""The catalogue of patient files' problems: which status, code and message answers each refusal."""

from jalsa.service.errors import DomainError
from jalsa.service.problems import Catalogue, Entry
from patient_files import errors

PROBLEMS = Catalogue(
    Entry(errors.UnknownPatient, 422, "unknown-patient", "There is no such patient."),
    Entry(errors.NationalIdTaken, 409, "national-id-taken", "Another patient has this national id."),
    Entry(
        errors.AppointmentHasEncounter,
        409,
        "appointment-has-encounter",
        "The appointment already has an encounter.",
        members=("encounter_id",),
    ),
    Entry(errors.EncounterSignedOff, 409, "encounter-signed-off", "The encounter is signed off."),
    Entry(errors.EncounterInError, 409, "invalid-transition", "The encounter was entered in error: it is final."),
    Entry(errors.NotSignedOff, 409, "invalid-transition", "The encounter is not signed off."),
    Entry(
        errors.SignOffBlocked,
        409,
        "sign-off-blocked",
        "The encounter cannot be signed off yet.",
        members=("blockers",),
    ),
    Entry(
        errors.RefersElsewhere,
        409,
        "refers-elsewhere",
        "The record belongs to another encounter.",
        members=("encounter_id",),
    ),
    Entry(
        errors.MergeRefused,
        409,
        "encounter-merge-refused",
        "An encounter is merged into another valid one of the same patient only.",
    ),
)

#: The refusals that constraints of the database stand for.
CONSTRAINTS: dict[str, type[DomainError]] = {
    "patients_national_id_key": errors.NationalIdTaken,
    "encounters_appointment_key": errors.AppointmentHasEncounter,
}
