"""What the other services announce: of each event the few fields that are read here."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from marshmallow.validate import OneOf

from jalsa.events.contracts import Stream
from jalsa.events.data import Data, ZoneName
from notifications.domain import LANGUAGES, PACKAGE_CAUSES


class ClinicSaved(Data):
    """A clinic. `timezone` is the IANA zone of its wall times."""

    clinic_id: UUID
    name_en: str
    name_ar: str
    timezone: ZoneName


class ProviderSaved(Data):
    """A provider and the provider's login."""

    provider_id: UUID
    user_id: str


class PatientSaved(Data):
    """How a patient can be reached: PatientRegistered, PatientUpdated."""

    patient_id: UUID
    active: bool
    preferred_language: Annotated[str, OneOf(LANGUAGES)]
    phone: str | None
    email: str | None


class PatientsMerged(Data):
    """A patient's record was merged into another one at an instant."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime


class PatientsUnmerged(Data):
    """A merged patient's record stands for itself again."""

    loser_id: UUID


class AnnouncedSession(Data):
    """When a session takes place: instants in UTC, and the IANA zone of its clinic."""

    starts_at: datetime
    ends_at: datetime
    timezone: ZoneName


class AnnouncedClinic(Data):
    """A clinic as an event about something else names it."""

    id: UUID
    name_en: str
    name_ar: str


class AnnouncedProvider(Data):
    """A provider as an event about something else names it."""

    id: UUID
    user_id: str


class AppointmentPlacement(Data):
    """An appointment with its time, clinic and provider.

    `announced_with_package` says that an event of the package tells the patient, so that this one need not.
    """

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    session: AnnouncedSession
    clinic: AnnouncedClinic
    provider: AnnouncedProvider
    announced_with_package: bool = False


class AppointmentBooked(AppointmentPlacement):
    """A new appointment. One that was `recorded_late` was entered after its start."""

    recorded_late: bool = False


class AppointmentRescheduled(AppointmentPlacement):
    """An appointment with another time, clinic or provider."""

    status: str


class AppointmentCancelled(Data):
    """A cancelled appointment. AppointmentPlacement explains `announced_with_package`."""

    appointment_id: UUID
    announced_with_package: bool = False


class AppointmentCorrected(Data):
    """The status that an appointment has again, because a later one was a mistake."""

    appointment_id: UUID
    to_status: str


class NamedProvider(AnnouncedProvider):
    """A provider with the names that a text about a package shows."""

    name_en: str
    name_ar: str


class AnnouncedPackageSession(Data):
    """A date of a package: the start is an instant in UTC, `session_number` counts the package's sessions from 1."""

    session_number: int
    appointment_id: UUID
    starts_at: datetime
    provider: NamedProvider


class PackageScheduled(Data):
    """All dates of a package that are to come, and the numbers of the sessions that changed or have no time."""

    package_id: UUID
    package_number: str
    patient_id: UUID
    clinic: AnnouncedClinic
    timezone: ZoneName
    cause: Annotated[str, OneOf(PACKAGE_CAUSES)]
    sessions: list[AnnouncedPackageSession]
    changed: list[int]
    unscheduled: list[int]


class PackageCancelled(Data):
    """A package of which nothing more is to come."""

    package_id: UUID


class OfferedSession(Data):
    """When an offered session starts: an instant in UTC, and the IANA zone of its clinic."""

    starts_at: datetime
    timezone: ZoneName


class WaitlistOffered(Data):
    """A spot that is held for a patient until `expires_at`, an instant in UTC."""

    entry_id: UUID
    offer_id: UUID
    patient_id: UUID
    expires_at: datetime
    session: OfferedSession
    clinic: AnnouncedClinic


class WaitlistOfferEnded(Data):
    """An offer that was taken up, refused, or has lapsed."""

    offer_id: UUID


class EmergencyAccess(Data):
    """A grant by which the login `opened_by` reads what is not for everybody: opened, due for review, or reviewed.

    Whose record it opens is not read here, because no notice tells it.
    """

    grant_id: UUID
    opened_by: str
    reason_code: str


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicSaved}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderSaved}),
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
            "AppointmentBooked.v1": AppointmentBooked,
            "AppointmentConfirmed.v1": Data,
            "AppointmentRescheduled.v1": AppointmentRescheduled,
            "AppointmentArrived.v1": Data,
            "AppointmentAttended.v1": Data,
            "AppointmentNoShow.v1": Data,
            "AppointmentCancelled.v1": AppointmentCancelled,
            "AppointmentCorrected.v1": AppointmentCorrected,
        },
    ),
    Stream(
        "scheduling",
        "package",
        reads={"PackageScheduled.v1": PackageScheduled, "PackageCancelled.v1": PackageCancelled},
        ignores=frozenset({"PackageCreated.v1", "PackageCompleted.v1", "PackageReopened.v1"}),
    ),
    Stream(
        "scheduling",
        "waitlist",
        reads={
            "WaitlistOffered.v1": WaitlistOffered,
            "WaitlistOfferExpired.v1": WaitlistOfferEnded,
            "WaitlistAccepted.v1": WaitlistOfferEnded,
        },
    ),
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientSaved,
            "PatientUpdated.v1": PatientSaved,
            "PatientsMerged.v1": PatientsMerged,
            "PatientsUnmerged.v1": PatientsUnmerged,
        },
        ignores=frozenset({"ConsentStandingChanged.v1"}),
    ),
    Stream(
        "patient-files",
        "break-glass",
        reads={
            "EmergencyAccessOpened.v1": EmergencyAccess,
            "EmergencyAccessReviewDue.v1": EmergencyAccess,
            "EmergencyAccessReviewed.v1": EmergencyAccess,
        },
    ),
)
