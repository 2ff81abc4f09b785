"""Which role may do what; what is not named here is refused."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.errors import Forbidden
from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Principal, Readers, authorise
from patient_files.access import operations as access
from patient_files.access.rules import OWN, READERS, RECORD, Right
from patient_files.errors import BreakGlassRequired
from patient_files.patients.rules import records
from patient_files.timeline.rules import CLASSES_OF_ROLE, CLASSES_OF_TREATMENT

_REGISTRARS = frozenset({"records", "manager", "front-desk", "integration"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    # who lists the registry has everybody's identifiers; the others look up one patient
    "patients.list": frozenset({"records", "manager", "front-desk"}),
    "patients.read": _REGISTRARS | {"clinician", "biller"},
    # whoever looks for a patient knows a name or a number, and finds no list of everybody
    "patients.search": _REGISTRARS | {"clinician", "biller"},
    "patients.write": _REGISTRARS,
    # two records are compared side by side, and what is decided lasts
    "duplicates.review": frozenset({"records", "manager"}),
    # what tells a patient from others; who has just registered somebody may correct a slip of the pen
    "patients.correct": frozenset({"records", "manager", "integration"}),
    "patients.correct.recent": frozenset({"front-desk"}),
    "patients.restrict": frozenset({"records", "manager"}),
    "alerts.read": frozenset({"front-desk", "clinician", "records", "manager"}),
    "alerts.write": frozenset({"front-desk", "clinician", "records", "manager"}),
    # alerts that are for who treats the patient
    "alerts.clinical": frozenset({"clinician", "records", "manager"}),
    "patients.merge": _MANAGER | {"records"},
    # which clinics a patient goes to is clinical knowledge: an invoice can be written without it
    "files.read": _REGISTRARS | {"clinician"},
    "files.write": frozenset({"records", "manager"}),
    "consents.read": _REGISTRARS | {"clinician", "biller"},
    "consents.write": _REGISTRARS,
    # whom to ask for a new signature, for who lists the registry
    "consents.due": frozenset({"records", "manager", "front-desk"}),
    "consent-types.write": frozenset({"records", "manager"}),
    # who has read what; of the own reading everybody is told
    "access-log.read": frozenset({"records", "manager"}),
    "access-log.own": _REGISTRARS | {"clinician", "biller"},
    # an emergency: who may take a grant, who ends one, and who says whether it was justified
    "break-glass.open": frozenset({"clinician", "manager"}),
    "break-glass.read": frozenset({"clinician", "records", "manager"}),
    "break-glass.close": frozenset({"clinician", "records", "manager"}),
    "break-glass.review": frozenset({"records", "manager"}),
    "settings.manage": _MANAGER,
    "encounters.read": _REGISTRARS | {"clinician", "biller"},
    "encounters.write": _REGISTRARS | {"clinician"},
    # entered in error, moved to another patient, merged
    "encounters.correct": frozenset({"records", "manager"}),
    # a clinician's own, a manager's any
    "encounters.sign-off": frozenset({"clinician", "manager"}),
    "references.read": frozenset({"records", "manager", "integration", "clinician"}),
    "references.write": frozenset({"records", "manager", "integration"}),
    # which logins alone write a system's references
    "references.decide": _MANAGER,
    "timeline.read": frozenset(CLASSES_OF_ROLE),
    # which records have changed, of the kinds that the caller reads
    "changes.read": _REGISTRARS | {"clinician", "biller"},
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    # to a subscriber only where the token grants it by name
    "events.read.patient": _MANAGER | {SUBSCRIBER, SYSTEM},
    "events.operate": _MANAGER,
}

#: The kinds of records of whose changes a caller is told, each with the permission to read such a record.
CHANGE_KINDS: Mapping[str, str] = {
    "patient": "patients.read",
    "file": "files.read",
    "encounter": "encounters.read",
    "break-glass": "break-glass.review",
}

#: The kinds of records of patients whose reading is in the access log.
READS: Mapping[str, str] = {
    "patient": "names, contacts, birth and identifiers",
    "identifier": "an identifier, also one that has ended",
    "guardian": "a guardian, also one who speaks for the patient no longer",
    "alert": "a warning, also one that has ended",
    "file": "the main file with its sub-files",
    "sub-file": "a patient's file in a clinic, also one that a booking waits for",
    "consent": "a consent",
    "access-log": "who has read what of a patient",
    "break-glass": "a break-glass grant",
    "encounter": "an encounter",
    "reference": "which records of other systems belong to an encounter",
    "timeline": "what happened to a patient, in the order of time",
    "search": "whom a search found",
    "name": "the name of a patient, for a list that has the id",
    "candidate": "who else a person may be",
    "duplicate-pair": "two records that may be one person's",
}

#: Who reads a restricted record in full without treating the patient, and who reads a part of it.
_WHOLE = READERS[RECORD].always
_A_PART = frozenset({"front-desk", "biller"})
#: Whom a grant would help to read it.
_BY_GRANT = READERS[RECORD].under_grant

#: Who reads what of a restricted record; of all others, each role reads all.
WHOLE_RECORD = Readers(_WHOLE, only_if="restricted")
TELEPHONES = Readers(_WHOLE | {"front-desk"}, only_if="restricted")
#: Who reads why an identifier or a guardian has ended.
CORRECTIONS = Readers(_REGISTRARS)
#: Who reads why an alert has ended.
ALERTS = Readers(POLICY["alerts.read"])
#: Who reads why two records are not one person's.
DUPLICATES = Readers(POLICY["duplicates.review"])
#: Who reads why a consent was revoked.
CARE = Readers(frozenset({"front-desk", "clinician", "manager"}))
#: Who reads why a sub-file was closed or reopened: those who read files, except systems.
FILING = Readers(frozenset({"front-desk", "clinician", "records", "manager"}))


def right_to_record(db: Session, principal: Principal, patient_id: UUID, now: datetime) -> Right | None:
    """Under which right the caller reads a restricted record in full: by role, by treating the patient, by a grant."""
    return access.may_read_restricted(db, principal, patient_id, now=now)


def rights_to_read(
    db: Session, principal: Principal, patient_ids: Collection[UUID], scope: str, now: datetime
) -> Mapping[UUID, Right]:
    """The caller's right to what a scope stands for, of those of these patients of whom there is one."""
    return access.rights_to_read(db, principal, patient_ids, scope, now=now)


def check_record(principal: Principal, right: Right | None, *, whole: bool) -> None:
    """Raises Forbidden unless the caller reads something of a restricted record; `whole` asks for all of it.

    It is BreakGlassRequired where a grant would help.
    """
    if right is not None or (not whole and _A_PART & principal.roles):
        return
    raise BreakGlassRequired if _BY_GRANT & principal.roles else Forbidden


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


#: Who reads what an encounter says of the patient's condition: its own provider does, too, and so do clinicians with a
#: right to the patient's encounters. The functions below decide by it who writes these fields, and what is marked.
CLINICAL = Readers(frozenset({"records", "manager", "integration"}), own="provider_id")

#: Who reads and writes what is to be billed of an encounter.
CODES = Readers(frozenset({"clinician", "biller", "records", "manager", "integration"}))


def may_write_codes(principal: Principal) -> bool:
    """Whether a caller may write billing codes, for whom `encounters.write` is given already."""
    return bool(CODES.roles & principal.roles)


def right_to_clinical(principal: Principal, provider_id: UUID | None, to_patient: Right | None) -> Right | None:
    """Under which right a caller reads the clinical fields of an encounter with this provider.

    `to_patient` is the caller's right to the encounters of the patient. It counts where neither a role nor the own
    encounter is enough.
    """
    if CLINICAL.roles & principal.acting_roles:
        return Right()
    if CLINICAL.include(principal, {"provider_id": provider_id}):
        return Right(relation=OWN)
    return to_patient


def may_write_clinical(right: Right | None) -> bool:
    """Whether a caller with this right to an encounter's clinical fields writes them: a grant only lets read."""
    return right is not None and right.grant_id is None


def may_take_over(principal: Principal, wanted: UUID | None, right: Right | None) -> bool:
    """Whether a caller with this right to an encounter's clinical fields may name another provider of it.

    Whoever became the provider of a colleague's encounter by naming themselves would read its clinical fields.
    """
    for_oneself = wanted is not None and str(wanted) == principal.provider_id
    return not for_oneself or may_write_clinical(right)


def timeline_classes(principal: Principal, right: Right | None) -> set[str]:
    """The classes of a timeline's entries that a caller reads: those of all of the caller's roles together.

    With a right by treating the patient or by a grant, they are also the classes of who treats the patient.
    """
    classes = set[str]().union(*(CLASSES_OF_ROLE.get(role, set()) for role in principal.roles))
    return classes | CLASSES_OF_TREATMENT if right is not None and right != Right() else classes


def readable_kinds(principal: Principal) -> list[str]:
    """The kinds of records of whose changes the caller is told."""
    return [kind for kind, permission in CHANGE_KINDS.items() if POLICY[permission] & principal.roles]
