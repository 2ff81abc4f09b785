"""Which role may do what; what is not named here is refused."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.errors import Forbidden
from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Principal, Readers, authorise
from patient_files.errors import BreakGlassRequired
from patient_files.models import Patient
from patient_files.patients.rules import records

_REGISTRARS = frozenset({"records", "manager", "front-desk", "integration"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    # who lists the registry has everybody's identifiers; the others look up one patient
    "patients.list": frozenset({"records", "manager", "front-desk"}),
    "patients.read": _REGISTRARS | {"clinician", "biller"},
    "patients.write": _REGISTRARS,
    # what tells a patient from others; who has just registered somebody may correct a slip of the pen
    "patients.correct": frozenset({"records", "manager", "integration"}),
    "patients.correct.recent": frozenset({"front-desk"}),
    "patients.restrict": frozenset({"records", "manager"}),
    "alerts.read": frozenset({"front-desk", "clinician", "records", "manager"}),
    "alerts.write": frozenset({"front-desk", "clinician", "records", "manager"}),
    # alerts that are for who treats the patient
    "alerts.clinical": frozenset({"clinician", "records", "manager"}),
    # which clinics a patient goes to is clinical knowledge: an invoice can be written without it
    "files.read": _REGISTRARS | {"clinician"},
    "consents.read": _REGISTRARS | {"clinician", "biller"},
    "consents.write": _REGISTRARS,
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    # to a subscriber only where the token grants it by name
    "events.read.patient": _MANAGER | {SUBSCRIBER, SYSTEM},
    "events.operate": _MANAGER,
}

#: Who reads a restricted record in full without treating the patient, and who reads a part of it.
_WHOLE = frozenset({"records", "integration"})
_A_PART = frozenset({"front-desk", "biller"})
#: Who may read a restricted record in full by treating the patient or by a grant.
_BY_RELATION = frozenset({"clinician", "manager"})

#: Who reads what of a restricted record; of all others, each role reads all.
WHOLE_RECORD = Readers(_WHOLE, only_if="restricted")
TELEPHONES = Readers(_WHOLE | {"front-desk"}, only_if="restricted")
#: Who reads why an identifier or a guardian has ended.
CORRECTIONS = Readers(_REGISTRARS)
#: Who reads why an alert has ended.
ALERTS = Readers(POLICY["alerts.read"])
#: Who reads why a consent was revoked.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))


def knows_patient(db: Session, principal: Principal, patient_id: UUID) -> bool:
    """Whether the caller reads a restricted record in full by treating the patient or by a grant.

    Neither treatment nor grants are known here yet, so nobody does.
    """
    return False


def check_record(db: Session, principal: Principal, patient: Patient, *, whole: bool) -> None:
    """Raises Forbidden unless the caller reads something of a patient's record; `whole` asks for all of it.

    It is BreakGlassRequired where a grant would help.
    """
    if not patient.restricted or _WHOLE & principal.roles or (not whole and _A_PART & principal.roles):
        return
    if knows_patient(db, principal, patient.id):
        return
    raise BreakGlassRequired if _BY_RELATION & principal.roles else Forbidden


def authorise_correction(principal: Principal, registered_at: datetime, now: datetime) -> None:
    """Raises Forbidden unless the caller may correct what tells a patient from others.

    The front desk may for a day after the registration.
    """
    recent = records.is_recent(registered_at, now) and POLICY["patients.correct.recent"] & principal.roles
    authorise(POLICY, "patients.correct.recent" if recent else "patients.correct", principal)


def audiences(principal: Principal) -> list[str]:
    """The audiences whose alerts the caller reads and raises. A clinician who is no provider treats nobody."""
    clinical = POLICY["alerts.clinical"] & principal.acting_roles
    return [records.ALL, records.CLINICAL] if clinical else [records.ALL]
