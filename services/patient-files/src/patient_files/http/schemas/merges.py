"""The shapes of requests and answers about merges."""

from marshmallow import Schema, fields, validate

from jalsa.http.fields import Instant, Name
from jalsa.service.commands import Loaded
from patient_files.merges.commands import MergePatients, Override, UndoMerge
from patient_files.merges.rules import WRITTEN


class MergeOverrideBody(Loaded):
    into = Override

    reason = Name(max=500, required=True, metadata={"description": "Why both are of one patient although they differ"})


class PatientMergeBody(Loaded):
    into = MergePatients

    # `into` is what the body is loaded into
    survivor_id = fields.UUID(
        data_key="into", attribute="into", required=True, metadata={"description": "The record that survives"}
    )
    reason = Name(max=500, required=True, metadata={"description": "Why both are of one patient"})
    dry_run = fields.Boolean(
        load_default=False, metadata={"description": "Only find out what would come of it, and store nothing"}
    )
    override = fields.Nested(
        MergeOverrideBody(),
        load_default=None,
        allow_none=True,
        metadata={"description": "Merges records with different identifiers of one kind, or of different sex"},
    )


class UnmergeBody(Loaded):
    into = UndoMerge

    reason = Name(max=500, required=True, metadata={"description": "Why the merge is undone"})


class RecordsOfLoser(Schema):
    """What names the loser, and is found under the survivor as well from then on."""

    sub_files = fields.Integer(metadata={"description": "How many sub-files"})
    consents = fields.Integer(metadata={"description": "How many consents"})
    appointments = fields.Integer(metadata={"description": "How many appointments"})
    encounters = fields.Integer(metadata={"description": "How many encounters"})


class MergeAnswer(Schema):
    loser_id = fields.UUID()
    survivor_id = fields.UUID()
    loser_file_number = fields.String()
    survivor_file_number = fields.String()
    dry_run = fields.Boolean(metadata={"description": "True where nothing was stored"})
    merged_at = Instant(allow_none=True, metadata={"description": "When they were merged; null for a dry run"})
    merged_by = fields.String(
        allow_none=True, metadata={"description": "The login of whoever merged them; null for a dry run"}
    )
    records = fields.Nested(RecordsOfLoser(), metadata={"description": "How many records name the loser"})


class WrittenAnswer(Schema):
    kind = fields.String(validate=validate.OneOf(WRITTEN), metadata={"description": "What kind of record it is"})
    id = fields.UUID()
    patient_id = fields.UUID(metadata={"description": "The record of the patient under which it was written"})
    at = Instant(metadata={"description": "When it was written"})


class UnmergeAnswer(Schema):
    loser_id = fields.UUID()
    survivor_id = fields.UUID()
    merged_at = Instant(metadata={"description": "When they were merged"})
    undone_at = Instant(metadata={"description": "When the merge was undone"})
    undone_by = fields.String(metadata={"description": "The login of whoever undid it"})
    to_review = fields.List(
        fields.Nested(WrittenAnswer()),
        metadata={"description": "What was written in between, oldest first: it may be meant for the other record"},
    )
    more_to_review = fields.Boolean(metadata={"description": "Whether more was written than the 500 that are shown"})
