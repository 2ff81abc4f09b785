"""What the other services announce: of each event the few fields that are read here, as a dataclass and its schema."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marshmallow import fields, validate

from jalsa.events.contracts import Fields, Stream
from jalsa.http.fields import Instant, Zone
from notifications.domain import LANGUAGES, PACKAGE_CAUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicSaved:
    """A clinic; `timezone` is the IANA zone of its wall times."""

    clinic_id: UUID
    name_en: str
    name_ar: str
    timezone: str


class ClinicFields(Fields):
    into = ClinicSaved

    clinic_id = fields.UUID(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = Zone(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSaved:
    """A provider and the provider's login."""

    provider_id: UUID
    user_id: str


class ProviderFields(Fields):
    into = ProviderSaved

    provider_id = fields.UUID(required=True)
    user_id = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSaved:
    """How a patient can be reached: PatientRegistered, PatientUpdated."""

    patient_id: UUID
    active: bool
    preferred_language: str
    phone: str | None
    email: str | None


class PatientFields(Fields):
    into = PatientSaved

    patient_id = fields.UUID(required=True)
    active = fields.Boolean(required=True)
    preferred_language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    phone = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientsMerged:
    """A patient's record was merged into another one at an instant."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime


class MergedFields(Fields):
    into = PatientsMerged

    loser_id = fields.UUID(required=True)
    survivor_id = fields.UUID(required=True)
    at = Instant(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientsUnmerged:
    """A merged patient's record stands for itself again."""

    loser_id: UUID


class UnmergedFields(Fields):
    into = PatientsUnmerged

    loser_id = fields.UUID(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedSession:
    """When a session takes place: instants in UTC, and the IANA zone of its clinic."""

    starts_at: datetime
    ends_at: datetime
    timezone: str


class _SessionFields(Fields):
    into = AnnouncedSession

    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    timezone = Zone(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedClinic:
    """A clinic as an event about something else names it."""

    id: UUID
    name_en: str
    name_ar: str


class _ClinicFields(Fields):
    into = AnnouncedClinic

    id = fields.UUID(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedProvider:
    """A provider as an event about something else names it."""

    id: UUID
    user_id: str


class _ProviderFields(Fields):
    into = AnnouncedProvider

    id = fields.UUID(required=True)
    user_id = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentPlacement:
    """An appointment with its time, clinic and provider.

    `announced_with_package` says that an event of the package tells the patient, so that this one need not.
    """

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    session: AnnouncedSession
    clinic: AnnouncedClinic
    provider: AnnouncedProvider
    announced_with_package: bool


class _PlacementFields(Fields):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session = fields.Nested(_SessionFields(), required=True)
    clinic = fields.Nested(_ClinicFields(), required=True)
    provider = fields.Nested(_ProviderFields(), required=True)
    announced_with_package = fields.Boolean(load_default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentBooked(AppointmentPlacement):
    """A new appointment; one that was `recorded_late` was entered after its start."""

    recorded_late: bool


class BookedFields(_PlacementFields):
    into = AppointmentBooked

    recorded_late = fields.Boolean(load_default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentRescheduled(AppointmentPlacement):
    """An appointment with another time, clinic or provider."""

    status: str


class RescheduledFields(_PlacementFields):
    into = AppointmentRescheduled

    status = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentChanged:
    """What became of an appointment; the event's name says it."""

    appointment_id: UUID


class AppointmentFields(Fields):
    into = AppointmentChanged

    appointment_id = fields.UUID(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCancelled:
    """A cancelled appointment; of `announced_with_package` see AppointmentPlacement."""

    appointment_id: UUID
    announced_with_package: bool


class CancelledFields(Fields):
    into = AppointmentCancelled

    appointment_id = fields.UUID(required=True)
    announced_with_package = fields.Boolean(load_default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCorrected:
    """The status that an appointment has again, because a later one was a mistake."""

    appointment_id: UUID
    to_status: str


class CorrectedFields(Fields):
    into = AppointmentCorrected

    appointment_id = fields.UUID(required=True)
    to_status = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProvider(AnnouncedProvider):
    """A provider with the names that a text about a package shows."""

    name_en: str
    name_ar: str


class _NamedProviderFields(Fields):
    into = NamedProvider

    id = fields.UUID(required=True)
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedPackageSession:
    """A date of a package: the start is an instant in UTC, `session_number` counts the package's sessions from 1."""

    session_number: int
    appointment_id: UUID
    starts_at: datetime
    provider: NamedProvider


class _PackageSessionFields(Fields):
    into = AnnouncedPackageSession

    session_number = fields.Integer(required=True)
    appointment_id = fields.UUID(required=True)
    starts_at = Instant(required=True)
    provider = fields.Nested(_NamedProviderFields(), required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageScheduled:
    """All dates of a package that are to come, and the numbers of the sessions that changed or have no time."""

    package_id: UUID
    package_number: str
    patient_id: UUID
    clinic: AnnouncedClinic
    timezone: str
    cause: str
    sessions: list[AnnouncedPackageSession]
    changed: list[int]
    unscheduled: list[int]


class PackageScheduledFields(Fields):
    into = PackageScheduled

    package_id = fields.UUID(required=True)
    package_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    clinic = fields.Nested(_ClinicFields(), required=True)
    timezone = Zone(required=True)
    cause = fields.String(required=True, validate=validate.OneOf(PACKAGE_CAUSES))
    sessions = fields.List(fields.Nested(_PackageSessionFields()), required=True)
    changed = fields.List(fields.Integer(), required=True)
    unscheduled = fields.List(fields.Integer(), required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCancelled:
    """A package of which nothing more is to come."""

    package_id: UUID


class PackageFields(Fields):
    into = PackageCancelled

    package_id = fields.UUID(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedSession:
    """When an offered session starts: an instant in UTC, and the IANA zone of its clinic."""

    starts_at: datetime
    timezone: str


class _OfferedSessionFields(Fields):
    into = OfferedSession

    starts_at = Instant(required=True)
    timezone = Zone(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistOffered:
    """A spot that is held for a patient until `expires_at`, an instant in UTC."""

    entry_id: UUID
    offer_id: UUID
    patient_id: UUID
    expires_at: datetime
    session: OfferedSession
    clinic: AnnouncedClinic


class OfferedFields(Fields):
    into = WaitlistOffered

    entry_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    patient_id = fields.UUID(required=True)
    expires_at = Instant(required=True)
    session = fields.Nested(_OfferedSessionFields(), required=True)
    clinic = fields.Nested(_ClinicFields(), required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistOfferEnded:
    """An offer that was taken up, refused, or has lapsed."""

    offer_id: UUID


class OfferFields(Fields):
    into = WaitlistOfferEnded

    offer_id = fields.UUID(required=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicFields()}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderFields()}),
    Stream(
        "scheduling",
        "session",
        reads={},
        ignores=frozenset(
            {
                "SessionScheduled.v1",
                "SessionRescheduled.v1",
                "SessionStarted.v1",
                "SessionCompleted.v1",
                "SessionCancelled.v1",
                "SessionCorrected.v1",
                "SessionFilled.v1",
                "SessionSpotsOpened.v1",
            }
        ),
    ),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": BookedFields(),
            "AppointmentConfirmed.v1": AppointmentFields(),
            "AppointmentRescheduled.v1": RescheduledFields(),
            "AppointmentArrived.v1": AppointmentFields(),
            "AppointmentAttended.v1": AppointmentFields(),
            "AppointmentNoShow.v1": AppointmentFields(),
            "AppointmentCancelled.v1": CancelledFields(),
            "AppointmentCorrected.v1": CorrectedFields(),
        },
    ),
    Stream(
        "scheduling",
        "package",
        reads={"PackageScheduled.v1": PackageScheduledFields(), "PackageCancelled.v1": PackageFields()},
        ignores=frozenset({"PackageCreated.v1", "PackageCompleted.v1", "PackageReopened.v1"}),
    ),
    Stream(
        "scheduling",
        "waitlist",
        reads={
            "WaitlistOffered.v1": OfferedFields(),
            "WaitlistOfferExpired.v1": OfferFields(),
            "WaitlistAccepted.v1": OfferFields(),
        },
    ),
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientFields(),
            "PatientUpdated.v1": PatientFields(),
            "PatientsMerged.v1": MergedFields(),
            "PatientsUnmerged.v1": UnmergedFields(),
        },
        ignores=frozenset({"ConsentStandingChanged.v1"}),
    ),
)
