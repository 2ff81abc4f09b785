"""The shapes of requests and answers about possible duplicates."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Instant, Name
from jalsa.service.commands import Loaded
from patient_files.duplicates.commands import DismissPair, FindCandidates, FindPairs
from patient_files.duplicates.rules.grades import GRADES, REASONS
from patient_files.duplicates.rules.pairs import PAIR
from patient_files.http.schemas.patients import PatientBody
from patient_files.http.schemas.summaries import PatientSummary
from patient_files.patients.rules.records import LANGUAGES, SEXES
from patient_files.policy import DUPLICATES

_grade = validate.OneOf(GRADES)
_decision = validate.OneOf(PAIR.states)
_NEEDED = ("sex", "preferred_language")


class DuplicatesBody(PatientBody):
    """Either a registration, or `patient_id` alone, for somebody who is registered."""

    patient_id = fields.UUID()
    sex = fields.String(validate=validate.OneOf(SEXES), metadata={"description": "M: male, F: female, U: unknown"})
    preferred_language = fields.String(validate=validate.OneOf(LANGUAGES))

    @pre_load
    def _check_alone(self, data: Any, **_: Any) -> Any:
        if isinstance(data, Mapping) and "patient_id" in data and len(data) > 1:
            raise ValidationError("Must be given alone, or not at all.", "patient_id")
        return data

    @validates_schema
    def _check_registration(self, data: dict[str, Any], **_: Any) -> None:
        missing = [name for name in _NEEDED if name not in data]
        if "patient_id" not in data and missing:
            raise ValidationError({name: ["Missing data for required field."] for name in missing})

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> FindCandidates:
        if "patient_id" in data:
            return FindCandidates(patient_id=data["patient_id"])
        return FindCandidates(registration=self.registration(data))


class CandidateAnswer(Schema):
    patient = fields.Nested(PatientSummary())
    grade = fields.String(validate=_grade)
    score = fields.Float(metadata={"description": "From 0 to 1"})
    reasons = fields.List(fields.String(validate=validate.OneOf(REASONS)))


class CandidatesAnswer(Schema):
    candidates = fields.List(fields.Nested(CandidateAnswer()))


class PairAnswer(Answer):
    id = fields.UUID()
    patients = fields.List(fields.Nested(PatientSummary()))
    grade = fields.String(validate=_grade)
    reasons = fields.List(fields.String(validate=validate.OneOf(REASONS)))
    decision = fields.String(validate=_decision)
    decision_reason = restricted(DUPLICATES, fields.String(allow_none=True))
    decided_at = Instant(allow_none=True)
    decided_by = fields.String(allow_none=True)
    created_at = Instant()
    created_by = fields.String()


class PairArgs(PageArgs):
    into = FindPairs

    decision = fields.String(load_default=None, validate=_decision)


class DismissBody(Loaded):
    into = DismissPair

    reason = Name(max=500, required=True)
