"""The schemas of what is only read: lists across sessions, the queue, the calendar and its feed, reports, history."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from jalsa.http import PageArgs
from jalsa.http.fields import Day, DayOrInstant, Instant, Name, Words, state
from jalsa.http.sheets import separator
from jalsa.service.commands import Loaded
from jalsa.service.errors import Message
from jalsa.service.fields import AnyField
from jalsa.service.json_types import JsonObject
from scheduling.appointments.commands.appointments import FindAppointments, FindQueue
from scheduling.calendar.commands import ReadFeed, ShowCalendar
from scheduling.domain import GROUP, INDIVIDUAL, PACKAGE, PARTICIPANT, SESSION
from scheduling.history.commands import FindHistory
from scheduling.http.schemas.sessions import DECISIONS, PackagePlace, ParticipantAnswer
from scheduling.http.schemas.setup import CLOSURE_KINDS
from scheduling.http.schemas.zones import left_out_clinics
from scheduling.reports.commands import MakeGroupedReport, MakePackageReport, MakeReport
from scheduling.reports.queries.packages import MAX_SERVICES

MAX_CALENDAR_DAYS = 42
MAX_REPORT_DAYS = 366


class AppointmentArgs(PageArgs):
    into = FindAppointments

    patient_id = fields.UUID()
    package_id = fields.UUID()
    clinic_id = fields.UUID()
    provider_id = fields.UUID()
    service_type = Name(max=20)
    status = fields.String(validate=validate.OneOf(PARTICIPANT.states))
    starts_from = DayOrInstant(
        data_key="from", metadata={"description": "The earliest start, as an instant or a local day of each clinic"}
    )
    starts_before = DayOrInstant(
        data_key="to",
        metadata={"description": "An instant before which they start, or the last local day on which they start"},
    )
    text = Words(metadata={"description": "A part of the appointment's number"})


class QueueArgs(PageArgs):
    into = FindQueue

    clinic_id = fields.UUID(required=True)


class QueueEntry(ParticipantAnswer):
    position = fields.Integer(
        metadata={"description": "The position in the queue. 1 is the patient who arrived first and is still waiting"}
    )
    waiting_minutes = fields.Integer(metadata={"description": "Whole minutes since the arrival"})


class OverlapAnswer(Schema):
    patient_id = fields.UUID(metadata={"description": "The patient, under the id of the survivor"})
    appointment = fields.Nested(
        ParticipantAnswer(), metadata={"description": "The appointment that starts while others last"}
    )
    overlaps = fields.List(
        fields.Nested(ParticipantAnswer()),
        metadata={"description": "The appointments of the same patient that start earlier, or together with it"},
    )


class CalendarArgs(Loaded):
    into = ShowCalendar

    first = DayOrInstant(
        required=True,
        data_key="from",
        metadata={"description": "A local day of the clinic (2026-11-20), from its first instant on, or an instant"},
    )
    last = DayOrInstant(
        required=True,
        data_key="to",
        metadata={
            "description": f"A local day, included, or an instant, not included. At most {MAX_CALENDAR_DAYS} days later"
        },
    )
    clinic_id = fields.UUID(
        load_default=None,
        metadata={"description": "This clinic only. At least one of clinic_id and provider_id is required"},
    )
    provider_id = fields.UUID(load_default=None)
    room_id = fields.UUID(load_default=None)
    cancelled = fields.Boolean(
        load_default=False, metadata={"description": "Whether cancelled sessions and participants are shown too"}
    )

    @validates_schema
    def _of_somebody(self, data: JsonObject, **_: object) -> None:
        if not data["clinic_id"] and not data["provider_id"]:
            raise ValidationError("Either clinic_id or provider_id is required.", "clinic_id")


class CalendarClinic(Schema):
    id = fields.UUID()
    code = fields.String()
    name_en = fields.String()
    name_ar = fields.String()
    timezone = fields.String()


class CalendarRoom(Schema):
    id = fields.UUID()
    clinic_id = fields.UUID()
    name = fields.String()
    active = fields.Boolean()


class CalendarHours(Schema):
    clinic_id = fields.UUID()
    starts_at = Instant()
    ends_at = Instant()


class CalendarTimeOff(Schema):
    id = fields.UUID()
    provider_id = fields.UUID()
    starts_at = Instant()
    ends_at = Instant()


class CalendarProvider(Schema):
    id = fields.UUID()
    name_en = fields.String()
    name_ar = fields.String()
    discipline = fields.String()
    active = fields.Boolean()
    working_hours = fields.List(
        fields.Nested(CalendarHours()),
        metadata={"description": "As instants, within the window. Absences and closures are not subtracted"},
    )
    time_off = fields.List(fields.Nested(CalendarTimeOff()))


class CalendarClosure(Schema):
    id = fields.UUID()
    clinic_id = fields.UUID(allow_none=True, metadata={"description": "Every clinic if null"})
    kind = fields.String(validate=validate.OneOf(CLOSURE_KINDS))
    name_en = fields.String()
    name_ar = fields.String()
    starts_on = fields.Date()
    ends_on = fields.Date()


class CalendarParticipant(Schema):
    id = fields.UUID()
    patient_id = fields.UUID()
    appointment_number = fields.String()
    status = state(PARTICIPANT)
    package = fields.Nested(PackagePlace(), allow_none=True)


class CalendarSession(Schema):
    id = fields.UUID()
    session_number = fields.String()
    session_type = fields.String(validate=validate.OneOf([INDIVIDUAL, GROUP]))
    status = state(SESSION)
    starts_at = Instant()
    ends_at = Instant()
    service_type = fields.String()
    provider_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)
    clinic_id = fields.UUID()
    max_capacity = fields.Integer()
    booked_count = fields.Integer(metadata={"description": "How many participants occupy a spot"})
    current_capacity = fields.Integer(
        metadata={"description": "The same number as `booked_count`, which replaces it", "deprecated": True}
    )
    held_spots = fields.Integer()
    available_spots = fields.Integer()
    is_full = fields.Boolean()
    decision = fields.String(validate=validate.OneOf(DECISIONS), allow_none=True)
    participants = fields.List(
        fields.Nested(CalendarParticipant()),
        metadata={"description": "The participants who are not cancelled. With `cancelled`, all of them"},
    )


class CalendarAnswer(Schema):
    starts_at = Instant(data_key="from")
    ends_at = Instant(data_key="to")
    clinics = fields.List(fields.Nested(CalendarClinic()))
    rooms = fields.List(fields.Nested(CalendarRoom()))
    providers = fields.List(
        fields.Nested(CalendarProvider()),
        metadata={"description": "The providers who work there or have a session there"},
    )
    closures = fields.List(fields.Nested(CalendarClosure()))
    sessions = fields.List(
        fields.Nested(CalendarSession()), metadata={"description": "The sessions in the order of their start"}
    )


class LinkAnswer(Schema):
    provider_id = fields.UUID()
    created_at = Instant()
    created_by = fields.String()


class NewLinkAnswer(LinkAnswer):
    path = fields.String(metadata={"description": "The feed's address with its secret, which is shown only once"})


class FeedArgs(Loaded):
    into = ReadFeed

    token = fields.String(load_default="")
    language = fields.String(load_default="en", validate=validate.OneOf(["en", "ar"]))


Asked = TypeVar("Asked", bound=MakeReport, covariant=True)


@dataclass(frozen=True, slots=True)
class ReportRequest(Generic[Asked]):
    """The requested report and its form. `format` is json or csv, or None for what the Accept header says."""

    asked: Asked
    format: str | None
    separator: str


class ReportArgs(Loaded):
    """The query of a report. It is loaded as a ReportRequest, with the command `into` and the form."""

    into = MakeReport

    first = Day(required=True, data_key="from", metadata={"description": "The first local day of each clinic"})
    last = Day(required=True, data_key="to", metadata={"description": "The last local day, included"})
    clinic_id = fields.UUID(load_default=None)
    provider_id = fields.UUID(load_default=None)
    format = fields.String(
        validate=validate.OneOf(["json", "csv"]),
        metadata={"description": "The form of the report. As the Accept header says if absent"},
    )
    separator = separator()

    @post_load
    def _into(self, data: JsonObject, **_: object) -> ReportRequest[MakeReport]:
        form = {"format": data.pop("format", None), "separator": data.pop("separator")}
        return ReportRequest(self.into(**data), **form)

    @validates_schema
    def _has_an_end(self, data: JsonObject, **_: object) -> None:
        if data["last"] < data["first"]:
            raise ValidationError("Must not be before from.", "to")
        if (data["last"] - data["first"]).days >= MAX_REPORT_DAYS:
            raise ValidationError(Message("Must be at most {days} days in all.", days=MAX_REPORT_DAYS), "to")


class UtilisationArgs(ReportArgs):
    into = MakeGroupedReport

    by = fields.String(load_default="provider", validate=validate.OneOf(["provider", "room"]))


class GroupedArgs(ReportArgs):
    into = MakeGroupedReport

    by = fields.String(load_default="provider", validate=validate.OneOf(["provider", "service_type", "weekday"]))


class _Named(Schema):
    key = fields.String(
        metadata={"description": "The id of a provider or room, a service type's code, or a weekday (0 = Sunday)"}
    )
    name_en = fields.String()
    name_ar = fields.String()


class Utilisation(_Named):
    sessions = fields.Integer(
        metadata={"description": "Sessions that were not cancelled. A session counts on the day on which it starts"}
    )
    booked_minutes = fields.Integer()
    available_minutes = fields.Integer(
        metadata={
            "description": (
                "For a provider, the working hours without time off and closures. For a room, the time in "
                "which any provider of its clinic has working hours, without closures"
            )
        }
    )
    utilisation_percent = fields.Float(
        allow_none=True,
        metadata={"description": "Above 100 where rules were overridden, null where no time was available"},
    )


class NoShows(_Named):
    attended = fields.Integer()
    arrived = fields.Integer()
    no_shows = fields.Integer()
    expected = fields.Integer(
        metadata={"description": "The sum of these three. Patients who have not come yet are not included"}
    )
    no_show_percent = fields.Float()


class Capacity(_Named):
    sessions = fields.Integer(metadata={"description": "Group sessions that were not cancelled"})
    places_offered = fields.Integer()
    places_used = fields.Integer(metadata={"description": "The spots that live participants have"})
    used_percent = fields.Float()


class LeadTime(_Named):
    appointments = fields.Integer(
        metadata={"description": "Appointments that were booked before their start and not cancelled"}
    )
    median_days = fields.Float()
    mean_days = fields.Float()
    percentile_90_days = fields.Float()


class PackageReportArgs(ReportArgs):
    into = MakePackageReport

    provider_id = fields.UUID(
        load_default=None, metadata={"description": "Packages with a session that is assigned to this provider"}
    )
    service_type = Name(max=20, load_default=None, metadata={"description": "A service type's code"})


class PackageTotals(Schema):
    packages = fields.Integer(
        metadata={"description": "How many packages were created on these local days of their clinics"}
    )
    completed_percent = fields.Float(
        allow_none=True,
        metadata={
            "description": (
                "The percentage of COMPLETED packages among those that are COMPLETED or CANCELLED, null if there "
                "are none"
            )
        },
    )
    sessions = fields.Integer(metadata={"description": "How many sessions these packages have, in any state"})
    completed_sessions = fields.Integer()
    completed_sessions_percent = fields.Float(
        allow_none=True, metadata={"description": "The percentage of their sessions that are COMPLETED"}
    )
    mean_sessions = fields.Float(allow_none=True, metadata={"description": "The mean number of sessions of a package"})
    mean_completed_sessions = fields.Float(
        allow_none=True, metadata={"description": "The mean number of completed sessions of a package"}
    )
    tried_sessions = fields.Integer(metadata={"description": "Sessions for which a time was searched"})
    placed_sessions = fields.Integer(
        metadata={"description": "Tried sessions that are not FAILED now and have an appointment, even a cancelled one"}
    )
    placed_percent = fields.Float(
        allow_none=True, metadata={"description": "The percentage of the tried sessions that were placed"}
    )
    placed_at_first_attempt_sessions = fields.Integer(
        metadata={"description": "Sessions that were placed without any failed attempt"}
    )
    placed_at_first_attempt_percent = fields.Float(
        allow_none=True,
        metadata={"description": "The percentage of the tried sessions that were placed at the first attempt"},
    )


class StatusCount(Schema):
    key = state(PACKAGE, metadata={"description": "A package's status"})
    packages = fields.Integer()


class FailureCount(Schema):
    key = fields.String(metadata={"description": "The code of the reason for which a session is FAILED now"})
    sessions = fields.Integer()


class PackageServices(_Named):
    packages = fields.Integer()
    sessions = fields.Integer(metadata={"description": "How many sessions these packages have, in any state"})


class PackageProviders(_Named):
    scheduled_sessions = fields.Integer(
        metadata={"description": "Sessions with an appointment that was neither attended nor missed"}
    )
    completed_sessions = fields.Integer()
    missed_sessions = fields.Integer(metadata={"description": "Appointments to which the patient did not come"})


class PackageReport(Schema):
    first = fields.Date(data_key="from")
    last = fields.Date(data_key="to")
    totals = fields.Nested(PackageTotals())
    by_status = fields.List(fields.Nested(StatusCount()), metadata={"description": "One item for each status"})
    failures = fields.List(
        fields.Nested(FailureCount()), metadata={"description": "The reasons for failures, the most common first"}
    )
    service_types = fields.List(
        fields.Nested(PackageServices()),
        metadata={"description": f"The {MAX_SERVICES} with the most packages, the most common first"},
    )
    providers = fields.List(
        fields.Nested(PackageProviders()),
        metadata={"description": "The providers who hold or held their sessions, the one with the most sessions first"},
    )
    left_out_clinics = left_out_clinics()


class HistoryArgs(PageArgs):
    into = FindHistory

    include = fields.String(
        validate=validate.OneOf(["participants", "sessions"]),
        metadata={
            "description": (
                "`participants` of a session adds the changes of its present and former participants. "
                "`sessions` of a package adds the changes of its sessions and of their assignments"
            )
        },
    )


class Change(Schema):
    field = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)
    withheld = fields.Boolean(
        metadata={"description": "Whether the values are not shown because you may not read this field"}
    )


class HistoryEntry(Schema):
    """One change. Its fields and its reason are shown to those who may read these fields of the record itself."""

    at = Instant()
    by = fields.String(metadata={"description": "The login, or system:<what>"})
    request_id = fields.String()
    kind = fields.String(
        metadata={"description": "The kind of the record that changed, which is this record or a part of it"}
    )
    id = fields.UUID(metadata={"description": "The id of the record that changed"})
    action = fields.String(
        validate=validate.OneOf(["CREATED", "CHANGED", "REMOVED"]),
        metadata={"description": "CREATED, CHANGED or REMOVED"},
    )
    changes = fields.List(fields.Nested(Change()))
    reason = fields.String(allow_none=True)
    withheld = fields.List(
        fields.String(), metadata={"description": "Contains `reason` if there is one that you may not read"}
    )


def report_of(row: type[Schema]) -> Schema:
    """Return the schema of a report with these rows."""
    shape: dict[str, AnyField] = {
        "from": fields.Date(),
        "to": fields.Date(),
        "items": fields.List(fields.Nested(row())),
        "left_out_clinics": left_out_clinics(),
    }
    return Schema.from_dict(shape, name=f"{row.__name__}Report")()
