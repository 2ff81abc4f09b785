"""The shapes of searches for patients, and of lists of their names."""

from marshmallow import Schema, fields, validate

from jalsa.http.fields import Words
from jalsa.service.commands import Loaded
from patient_files.http.schemas.summaries import PatientSummary
from patient_files.patients.commands import NamePatients, SearchPatients
from patient_files.patients.terms import MATCHES

MOST_FOUND, MOST_NAMED = 50, 500


class SearchBody(Loaded):
    into = SearchPatients

    text = Words(least=0, max=200, required=True)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, MOST_FOUND))
    cursor = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=400))


class FoundPatient(PatientSummary):
    last_visit_on = fields.Date(allow_none=True)
    match = fields.String(validate=validate.OneOf(MATCHES))


class SearchPage(Schema):
    items = fields.List(fields.Nested(FoundPatient()))
    truncated = fields.Boolean()
    next_cursor = fields.String(allow_none=True)


class NamesBody(Loaded):
    into = NamePatients

    ids = fields.List(fields.UUID(), required=True, validate=validate.Length(max=MOST_NAMED))


class NamedPatient(Schema):
    id = fields.UUID()
    survivor_id = fields.UUID(allow_none=True)
    name_en = fields.String()
    name_ar = fields.String()
    file_number = fields.String()
    alert = fields.Boolean()
    restricted = fields.Boolean()


class NamesAnswer(Schema):
    items = fields.List(fields.Nested(NamedPatient()))
    missing = fields.List(fields.UUID())
