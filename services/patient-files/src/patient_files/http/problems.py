"""The catalogue of patient files' problems: which status, code and message answers each refusal."""

from jalsa.service.problems import Catalogue, Entry
from patient_files import errors

PROBLEMS = Catalogue(
    Entry(errors.UnknownPatient, 422, "unknown-patient", "There is no such patient."),
    Entry(errors.OwnGrant, 409, "own-grant", "Another person reviews an own break-glass grant."),
    Entry(errors.TooManyGrants, 409, "break-glass-limit", "A person has at most {most} break-glass grants at once."),
    Entry(errors.NationalIdTaken, 409, "national-id-taken", "Another patient has this national id."),
    Entry(errors.IdentifierExists, 409, "identifier-exists", "The patient has another identifier of this type."),
    Entry(errors.AlreadyEnded, 409, "invalid-transition", "This has ended already."),
    Entry(errors.BreakGlassRequired, 403, "break-glass-required", "This takes a break-glass grant."),
)

#: The refusal that a constraint of the database stands for.
CONSTRAINTS = {
    "identifiers_value_key": errors.NationalIdTaken,
    "identifiers_single_key": errors.IdentifierExists,
    "break_glass_own": errors.OwnGrant,
}
