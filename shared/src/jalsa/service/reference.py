"""What a service says of its HTTP surface beside its schemas: each field in words, examples, and problem codes.

A field means the same wherever it is shown, so that it is described once, under its name. `Schema.field`, or
`operation.parameter`, describes one that means something else there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jalsa.service.json_types import JsonMapping


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`problems` maps an operation, by its operationId, to the codes that it may refuse with beside the usual ones.

    `bodies` are example requests by operation, where the one that is made of the required fields would be refused.
    """

    description: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    examples: JsonMapping = field(default_factory=dict)
    bodies: Mapping[str, JsonMapping] = field(default_factory=dict)
    problems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def describe(self, owner: str, name: str) -> str | None:
        """The words for a field of a schema or a parameter of an operation, or None where there are none."""
        words: str | None = _first(f"{owner}.{name}", name, self.fields, COMMON.fields)
        return words

    def example(self, owner: str, name: str) -> Any:
        """The example of such a field, or None where it follows from the field's type."""
        return _first(f"{owner}.{name}", name, self.examples, COMMON.examples)


def _first(exact: str, name: str, *tables: JsonMapping) -> Any:
    for key in (exact, name):
        for table in tables:
            if key in table:
                return table[key]
    return None


#: What every service has.
COMMON = Reference(
    fields={
        "id": "The record's id, a UUID of version 7",
        "items": "The records of this page, in the order of the list",
        "next_cursor": "The `cursor` of the next page, or null on the last page",
        "limit": "How many records a page has at most",
        "cursor": "The `next_cursor` of the page before. Without it, the first page is answered",
        "withheld": "The names of the fields that you may not read. They are null, whatever they hold",
        "tenant": "The tenant's slug",
        "created_at": "When the record was made",
        "created_by": "The login of whoever made the record, or `system:` and what made it",
        "permissions": "The names of the permissions that your token has in this service",
        # problems
        "Problem.type": "A URN that ends with the code",
        "Problem.title": "The code in words, in English",
        "Problem.status": "The HTTP status of the answer",
        "Problem.detail": "What is wrong, in a sentence for people. It never names a patient",
        "Problem.code": "The stable, kebab-case code on which a program can rely",
        "Problem.errors": "With 422, the messages by field, nested as the request is. There are 20 messages at most",
        "Problem.more_errors": "Present, and true, where there are more messages than are shown",
        "Problem.blockers": "With `check-in-blocked`: any of `finance`, `consent`, `too-early`",
        "Problem.rule": "The rule that refused a placement or a time, such as `outside-working-hours`",
        "Problem.overridable": "Whether a manager may override the rule, by an `override` in the request",
        "Problem.conflicts": "With codes that end in `-conflicts`: each refused part of the request, with its own code",
        "Problem.refusals": "With `merge-refused` and `undo-refused`: each participant who was refused, with the code",
        "Problem.candidates": "With `probable-duplicate` and `national-id-taken`: the records that are meant, if known",
        "Problem.reasons": "With `merge-refused` of patients: why, each reason as a code such as `different-sex`",
        "Problem.survivor_id": "With `patient-merged`: the id of the record that stands for the patient now",
        # the event log and the inbox
        "FeedAnswer.items": "Event envelopes (CloudEvents 1.0) in the order of their positions",
        "FeedAnswer.next_cursor": "The position of this page's last event, for the next `after`, or null without one",
        "read_feed.after": "The position of the last event that you have. 0 reads from the beginning",
        "read_feed.limit": "How many events a page has at most",
        "read_feed.type": "Only events of this type, such as `jalsa.scheduling.AppointmentBooked.v1`",
        "read_feed.subject": "Only events of this subject, such as `appointment/` and an id",
        "read_schema.event": "The event's name and version, such as `AppointmentBooked.v1`",
        "SchemaOfEvent.$schema": "The dialect of JSON Schema",
        "SchemaOfEvent.$id": "The absolute URI that identifies the schema, as in an event's `dataschema`",
        "SchemaOfEvent.title": "The event's name and version",
        "SchemaOfEvent.type": "Always `object`",
        "SchemaOfEvent.properties": "The schema of each field of the event's data",
        "SchemaOfEvent.required": "The fields that are always there",
        "subjects": "The subjects that are asked for, such as `appointment/` and an id",
        "KeptEvent.subject": "The subject of the event: its aggregate and the id of the record",
        "list_inbox.state": "Only events in this state",
        "PublishedSubject.subject": "The subject",
        "last": "The sequence of the subject's last event. Sequences count from 1",
        "PublishedSubject.id": "The id of the subject's last event",
        "KeptEvent.id": "The id under which the inbox keeps the event",
        "KeptEvent.source": "The service that published the event, such as `/jalsa/billing`",
        "KeptEvent.type": "The type of the event, such as `jalsa.billing.InvoicePaid.v1`",
        "KeptEvent.sequence": "The place of the event among those of its subject, counted from 1",
        "KeptEvent.state": "`waiting` for an earlier event, `retrying` after a failure, or `dead` after too many",
        "KeptEvent.attempts": "How often it was tried",
        "KeptEvent.next_at": "When it is tried next",
        "KeptEvent.error": "The name of the last error, without any data of the event",
        "KeptEvent.received_at": "When it was received",
        "KeptEvent.age_seconds": "How long it has been kept, in seconds",
        "KeptEvent.expected_sequence": "The sequence whose turn it is in its subject",
        "read_heads.source": "The service whose events are meant, such as `scheduling`",
        "HeadAnswer.subject": "The subject whose events were applied",
        "HeadAnswer.sequence": "The sequence of the last event of the subject that was applied",
        "HeadAnswer.id": "The id of that event, if it is known",
        "event_id": "The id under which the inbox keeps the event",
    },
    examples={
        "next_cursor": None,
        "FeedAnswer.next_cursor": "4711",
        "KeptEvent.type": "jalsa.scheduling.AppointmentBooked.v1",
        "KeptEvent.source": "/jalsa/scheduling",
        "KeptEvent.state": "waiting",
        "KeptEvent.error": "OperationalError",
        "state": "waiting",
        "source": "scheduling",
        "SchemaOfEvent.$schema": "https://json-schema.org/draft/2020-12/schema",
        "SchemaOfEvent.$id": "https://jalsa.test/scheduling/v1/events/schemas/AppointmentBooked.v1",
        "SchemaOfEvent.title": "AppointmentBooked.v1",
        "SchemaOfEvent.type": "object",
        "SchemaOfEvent.required": ["appointment_id"],
        "event": "AppointmentBooked.v1",
        "subject": "appointment/01939f3c-7a10-7c01-8c01-5ab7f2d10c11",
        "subjects": ["appointment/01939f3c-7a10-7c01-8c01-5ab7f2d10c11"],
        "tenant": "agdar",
        "created_by": "noura.desk",
        "timezone": "Asia/Riyadh",
        "language": "ar",
    },
    problems={
        "retry_dead": ("invalid-transition",),
        "skip_dead": ("invalid-transition",),
        "drop_waiting": ("invalid-transition",),
    },
)
