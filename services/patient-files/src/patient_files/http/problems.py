"""The catalogue of patient files' problems: which status, code and message answers each refusal."""

from jalsa.service.errors import DomainError
from jalsa.service.problems import Catalogue, Entry
from patient_files import errors

PROBLEMS = Catalogue(
    Entry(errors.UnknownPatient, 422, "unknown-patient", "There is no such patient."),
    Entry(
        errors.NationalIdTaken,
        409,
        "national-id-taken",
        "Another patient has this national id.",
        members=("candidates",),
    ),
    Entry(
        errors.ProbableDuplicate,
        409,
        "probable-duplicate",
        "A patient with this name, birth, sex and contact is registered.",
        members=("candidates",),
    ),
    Entry(errors.SubFileExists, 409, "sub-file-exists", "The patient already has a file in this clinic."),
    Entry(errors.SubFileInUse, 409, "sub-file-in-use", "The patient still has appointments in this clinic."),
    Entry(errors.SignerMayNotConsent, 422, "signer-may-not-consent", "The signer may not consent on that day."),
    Entry(errors.ConsentTypeExists, 409, "consent-type-exists", "There is a type of consent with this code already."),
    Entry(errors.FixedConsentType, 409, "consent-type-fixed", "Check-in needs this type of consent."),
    Entry(errors.WordingSuperseded, 409, "wording-superseded", "A later wording is published already."),
    Entry(errors.OwnGrant, 409, "own-grant", "Another person reviews an own break-glass grant."),
    Entry(errors.TooManyGrants, 409, "break-glass-limit", "A person has at most {most} break-glass grants at once."),
    Entry(errors.IdentifierExists, 409, "identifier-exists", "The patient has another identifier of this type."),
    Entry(errors.AlreadyEnded, 409, "invalid-transition", "This has ended already."),
    Entry(errors.BreakGlassRequired, 403, "break-glass-required", "This takes a break-glass grant."),
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
        errors.EncounterMergeRefused,
        409,
        "encounter-merge-refused",
        "An encounter is merged into another valid one of the same patient only.",
    ),
    Entry(
        errors.PatientMerged,
        409,
        "patient-merged",
        "The patient's record was merged into another one.",
        members=("survivor_id",),
    ),
    Entry(errors.MergeRefused, 409, "merge-refused", "The two records cannot be merged.", members=("reasons",)),
    Entry(errors.NotMerged, 409, "not-merged", "The patient's record is not merged into another one."),
)

#: The refusals that constraints of the database stand for.
CONSTRAINTS: dict[str, type[DomainError]] = {
    "identifiers_value_key": errors.NationalIdTaken,
    "identifiers_single_key": errors.IdentifierExists,
    "consent_types_code_key": errors.ConsentTypeExists,
    "sub_files_clinic_key": errors.SubFileExists,
    "break_glass_own": errors.OwnGrant,
    "encounters_appointment_key": errors.AppointmentHasEncounter,
}
