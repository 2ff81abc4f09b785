"""The table of terms: by what each patient is found."""

from jalsa.db.terms import TermIndex, TermRow
from patient_files.models.base import Base
from patient_files.models.projections import PatientActivity


class PatientTerm(TermRow, Base):
    """A term of a patient, whose id is `record_id` (`patient_files.patients.terms`)."""

    __tablename__ = "patient_terms"


#: What is found is ordered by the last visit.
TERMS = TermIndex(PatientTerm.__tablename__, values=PatientActivity.__tablename__, value="last_visit_on")
