"""The few fields that scheduling reads of what the others publish."""

from marshmallow import fields

from jalsa.events.contracts import Fields, Stream


class PatientFields(Fields):
    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)
    # only whether there is one is kept
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)


class EndedFields(Fields):
    clinic_id = fields.UUID(required=True, allow_none=True)
    reason = fields.String(required=True)


class ConsentFields(Fields):
    patient_id = fields.UUID(required=True)
    consented = fields.Boolean(required=True)
    clinic_ids = fields.List(fields.UUID(), required=True)
    ended = fields.List(fields.Nested(EndedFields()), load_default=list)


class ClearanceFields(Fields):
    appointment_id = fields.UUID(required=True)
    cleared = fields.Boolean(required=True)
    reason = fields.String(load_default=None)


STREAMS = (
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientFields(),
            "PatientUpdated.v1": PatientFields(),
            "ConsentStandingChanged.v1": ConsentFields(),
        },
        ignores=frozenset({"PatientsMerged.v1"}),
    ),
    Stream("billing", "clearance", reads={"FinancialClearanceChanged.v1": ClearanceFields()}),
)
