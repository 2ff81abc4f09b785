"""The composition root: all that patient files are made of."""

from jalsa.service.declaration import Service
from patient_files import handlers, jobs
from patient_files.access.rules import GRANT
from patient_files.config import PatientFilesConfig
from patient_files.consents.rules import CONSENT, WORDING
from patient_files.duplicates.rules.pairs import PAIR
from patient_files.encounters.rules import ENCOUNTER
from patient_files.events import catalogue
from patient_files.events.streams import STREAMS
from patient_files.files.rules import SUB_FILE
from patient_files.http import (
    access,
    alerts,
    break_glass,
    changes,
    consent_types,
    consents,
    duplicates,
    encounters,
    files,
    guardians,
    identifiers,
    old_addresses,
    patients,
    references,
    search,
    timeline,
)
from patient_files.http.problems import CONSTRAINTS, PROBLEMS
from patient_files.http.reference import REFERENCE
from patient_files.patients.rules.records import IDENTITY
from patient_files.policy import POLICY, READS

SERVICE = Service(
    name="patient-files",
    title="Jalsa patient files",
    config=PatientFilesConfig,
    policy=POLICY,
    texts=("patient_files",),
    reference=REFERENCE,
    routes=(
        patients.routes,
        search.routes,
        duplicates.routes,
        identifiers.routes,
        guardians.routes,
        alerts.routes,
        files.routes,
        consents.routes,
        consent_types.routes,
        encounters.routes,
        references.routes,
        timeline.routes,
        changes.routes,
        access.routes,
        break_glass.routes,
    ),
    old_routes=(old_addresses.routes,),
    publishes=catalogue.PUBLISHES,
    streams=STREAMS,
    handlers=handlers.HANDLERS,
    jobs=jobs.JOBS,
    machines=(CONSENT, ENCOUNTER, GRANT, IDENTITY, PAIR, SUB_FILE, WORDING),
    problems=PROBLEMS,
    constraints=CONSTRAINTS,
    restricted=frozenset({"patient"}),
    withheld={"identity": frozenset({"billing"})},
    reads=READS,
)
