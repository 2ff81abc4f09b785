"""The composition root: all that patient files are made of."""

from jalsa.service.declaration import Service
from patient_files import handlers, jobs
from patient_files.config import PatientFilesConfig
from patient_files.consents.rules import CONSENT
from patient_files.events import catalogue
from patient_files.events.streams import STREAMS
from patient_files.http import consents, files, merges, patients
from patient_files.http.problems import CONSTRAINTS, PROBLEMS
from patient_files.http.reference import REFERENCE
from patient_files.policy import POLICY

SERVICE = Service(
    name="patient-files",
    title="Jalsa patient files",
    config=PatientFilesConfig,
    policy=POLICY,
    texts=("patient_files",),
    reference=REFERENCE,
    routes=(patients.routes, files.routes, consents.routes, merges.routes),
    publishes=catalogue.PUBLISHES,
    streams=STREAMS,
    handlers=handlers.HANDLERS,
    jobs=jobs.JOBS,
    machines=(CONSENT,),
    problems=PROBLEMS,
    constraints=CONSTRAINTS,
    restricted=frozenset({"patient"}),
)
