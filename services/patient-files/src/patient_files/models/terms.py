"""The table of terms: by what each patient is found."""

from jalsa.db.terms import TermIndex, TermRow
from patient_files.models.base import Base


class PatientTerm(TermRow, Base):
    """A term of a patient, whose id is `record_id` (`patient_files.patients.terms`)."""

    __tablename__ = "patient_terms"


TERMS = TermIndex(PatientTerm.__tablename__)
