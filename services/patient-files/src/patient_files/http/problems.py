"""The catalogue of patient files' problems: which status, code and message answers each refusal."""

from jalsa.service.problems import Catalogue, Entry
from patient_files import errors

PROBLEMS = Catalogue(
    Entry(errors.UnknownPatient, 422, "unknown-patient", "There is no such patient."),
    Entry(
        errors.PatientMerged,
        409,
        "patient-merged",
        "The patient's record was merged into another one.",
        members=("survivor_id",),
    ),
    Entry(errors.MergeRefused, 409, "merge-refused", "The two records cannot be merged.", members=("reasons",)),
    Entry(errors.NotMerged, 409, "not-merged", "The patient's record is not merged into another one."),
    Entry(errors.NationalIdTaken, 409, "national-id-taken", "Another patient has this national id."),
)

#: The refusal that a constraint of the database stands for.
CONSTRAINTS = {"patients_national_id_key": errors.NationalIdTaken}
