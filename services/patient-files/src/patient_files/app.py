"""The composition root: all that patient files are made of."""

from jalsa.web import Service
from patient_files import domain, events, handlers, jobs
from patient_files.config import PatientFilesConfig
from patient_files.http import consents, files, patients
from patient_files.http.reference import REFERENCE
from patient_files.policy import POLICY

SERVICE = Service(
    name="patient-files",
    title="Jalsa patient files",
    config=PatientFilesConfig,
    policy=POLICY,
    reference=REFERENCE,
    routes=(patients.routes, files.routes, consents.routes),
    publishes=events.PUBLISHES,
    streams=events.STREAMS,
    handlers=handlers.HANDLERS,
    jobs=jobs.JOBS,
    machines=(domain.CONSENT,),
    constraints={
        "patients_national_id_key": ("national-id-taken", "Another patient has this national id."),
    },
    restricted=frozenset({"patient"}),
)
