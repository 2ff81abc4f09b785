"""The data of each event that scheduling publishes. It is the contract with every consumer."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from jalsa.events.contracts import EventType
from jalsa.service.commands import UNSET, Unset
from scheduling.events.data import EventData


class _Clinic(EventData):
    id: Annotated[UUID, "The clinic's id."]
    code: str
    name_en: str
    name_ar: str


class _Provider(EventData):
    id: Annotated[UUID, "The provider's id."]
    user_id: str
    name_en: str
    name_ar: str


class _Room(EventData):
    id: Annotated[UUID, "The room's id."]
    name: str


class _Session(EventData):
    id: Annotated[UUID, "The session's id."]
    number: Annotated[str, "The session's number, such as SES-AGDAR-2026-00001."]
    type: Annotated[str, "INDIVIDUAL (one patient) or GROUP."]
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    timezone: str
    service_type: str
    discipline: str
    max_capacity: int


class _Package(EventData):
    id: Annotated[UUID, "The package's id."]
    number: Annotated[str, "The package's number, such as PKG-20261120-0001."]
    session_number: int
    total_sessions: int


class _Announced(EventData):
    announced_with_package: bool


class _WhereAndWhen(EventData):
    session: _Session
    clinic: _Clinic
    provider: _Provider
    room: _Room | None


class _Appointment(EventData):
    appointment_id: UUID
    appointment_number: str
    patient_id: UUID


class _SessionMoment(EventData):
    session_id: UUID
    session_number: Annotated[str, "The session's number, such as SES-AGDAR-2026-00001."]


class ClinicSavedData(EventData):
    """A clinic was created or changed."""

    clinic_id: UUID
    code: str
    name_en: str
    name_ar: str
    timezone: str
    active: bool


class ProviderSavedData(EventData):
    """A provider was registered or changed."""

    provider_id: UUID
    user_id: str
    name_en: str
    name_ar: str
    discipline: str
    clinic_ids: list[UUID]
    active: Annotated[bool, "Whether the provider can be booked."]


class SessionScheduledData(_WhereAndWhen):
    """A session was scheduled."""

    session_id: UUID
    status: str


class SessionCancelledData(_SessionMoment):
    """A session was cancelled."""

    cancelled_at: datetime
    cancelled_by: str


class AppointmentBookedData(_Appointment, _WhereAndWhen, _Announced):
    """A patient was booked into a session."""

    status: str
    booked_at: datetime
    booked_by: str
    package: _Package | None
    recorded_late: bool | Unset = UNSET


class AppointmentConfirmedData(_Appointment):
    """A patient or the front desk confirmed an appointment."""

    session_id: UUID
    confirmed_at: datetime
    confirmed_by: str


class AppointmentCancelledData(_Appointment, _Announced):
    """An appointment was cancelled.

    The reason is left out, because it is free text and may be clinical.
    """

    session_id: UUID
    cancelled_at: datetime
    cancelled_by: str
    session_cancelled: bool


class _Held(EventData):
    """The placement of a session before it was moved."""

    starts_at: Annotated[datetime, "When the session started."]
    ends_at: Annotated[datetime, "When the session ended."]
    provider_id: Annotated[UUID, "The provider who held the session."]
    room_id: UUID | None


class _HeldPlace(_Held):
    session_id: Annotated[UUID, "The session of the appointment."]
    clinic_id: Annotated[UUID, "The clinic of the session."]


class SessionRescheduledData(_WhereAndWhen):
    """A session was moved to another time, provider or room."""

    session_id: UUID
    status: str
    reschedule_count: int
    rescheduled_at: datetime
    rescheduled_by: str
    previous: _Held


class SessionStartedData(_SessionMoment):
    """A session was started."""

    started_at: datetime
    started_by: str


class SessionCompletedData(_SessionMoment):
    """A session was completed."""

    completed_at: datetime
    completed_by: str
    attended: int
    no_shows: int


class SessionFilledData(_SessionMoment):
    """The last spot of a session was taken."""

    max_capacity: int
    filled_at: datetime


class SessionSpotsOpenedData(_SessionMoment):
    """A session that was full has free spots again."""

    max_capacity: int
    available_spots: int
    opened_at: datetime


class AppointmentRescheduledData(_Appointment, _WhereAndWhen, _Announced):
    """An appointment was moved to another time, provider, room or session.

    Either the whole session was moved, or this patient alone was moved to another session.
    """

    status: str
    reschedule_count: int
    rescheduled_at: datetime
    rescheduled_by: str
    previous: _HeldPlace
    package: _Package | None


class AppointmentArrivedData(_Appointment):
    """A patient checked in."""

    session_id: UUID
    arrived_at: datetime
    arrived_by: str
    late_minutes: int
    overridden: bool


class AppointmentAttendedData(_Appointment):
    """A patient attended the session."""

    session_id: UUID
    attended_at: datetime
    attended_by: str


class AppointmentNoShowData(_Appointment):
    """A patient did not come."""

    session_id: UUID
    no_show_at: datetime
    marked_by: str
    automatic: bool


class _Correction(EventData):
    """A correction. Its reason is left out, because it is free text and may be clinical."""

    from_status: Annotated[str, "The status that was recorded by mistake."]
    to_status: Annotated[str, "The status before the mistake, which is the status after the event."]
    corrected_at: datetime
    corrected_by: str


class SessionCorrectedData(_SessionMoment, _Correction):
    """The start or completion of a session was recorded by mistake and was undone.

    Each appointment whose status changes as well has an event of its own.
    """


class AppointmentCorrectedData(_Appointment, _Correction):
    """An arrival, attendance or no-show was recorded by mistake and was undone."""

    session_id: UUID


class _PackageMoment(EventData):
    package_id: UUID
    package_number: str
    patient_id: UUID
    total_sessions: int


class _PackageOf(_PackageMoment):
    """A package with its service, discipline and clinic."""

    service_type: str
    discipline: str
    clinic: _Clinic
    timezone: str


class PackageCreatedData(_PackageOf):
    """A package of sessions was created for a patient."""

    status: str
    session_duration_minutes: int
    start_date: date
    end_date: date | None
    created_at: datetime
    created_by: str


class _PackageAppointment(EventData):
    session_number: int
    appointment_id: UUID
    appointment_number: str
    starts_at: datetime
    ends_at: datetime
    provider: _Provider
    room: _Room | None


class PackageScheduledData(_PackageOf):
    """Several appointments of a package were made, moved or given up together.

    The event contains all appointments of the package that have not started.
    """

    cause: Annotated[str, "Why they changed: SCHEDULED, RESCHEDULED, SUBSTITUTED, PAUSED or RESUMED."]
    sessions: Annotated[
        list[_PackageAppointment], "The appointments of the package that have not started, in the order of their start."
    ]
    changed: Annotated[list[int], "The numbers of the package's sessions that this event changed."]
    unscheduled: Annotated[list[int], "The numbers of the package's sessions that still have no appointment."]
    scheduled_at: datetime
    scheduled_by: str


class PackageCompletedData(_PackageMoment):
    """The last session of a package was completed."""

    completed_sessions: int
    completed_at: datetime


class PackageReopenedData(_PackageMoment):
    """A completed package was reopened.

    The outcome that had completed it was undone, or the patient came late.
    """

    completed_sessions: int
    reopened_at: datetime
    reopened_by: str


class PackageCancelledData(_PackageMoment):
    """A package was cancelled.

    The reason is left out, because it is free text and may be clinical.
    """

    completed_sessions: int
    cancelled_appointments: int
    cancelled_at: datetime
    cancelled_by: str


class WaitlistOfferedData(_WhereAndWhen):
    """A free spot was offered to a patient on the waitlist."""

    entry_id: UUID
    offer_id: UUID
    patient_id: UUID
    offered_at: datetime
    expires_at: datetime


class WaitlistOfferExpiredData(EventData):
    """An offer ended without being accepted."""

    entry_id: UUID
    offer_id: UUID
    patient_id: UUID
    session_id: UUID
    expired_at: datetime
    cause: str


class WaitlistAcceptedData(EventData):
    """A patient on the waitlist accepted an offer and was booked."""

    entry_id: UUID
    offer_id: UUID
    patient_id: UUID
    session_id: UUID
    appointment_id: Annotated[UUID, "The appointment that was booked by accepting the offer."]
    accepted_at: datetime


CLINIC_SAVED = EventType("scheduling", "clinic", "ClinicSaved", ClinicSavedData)
PROVIDER_SAVED = EventType("scheduling", "provider", "ProviderSaved", ProviderSavedData)
SESSION_SCHEDULED = EventType("scheduling", "session", "SessionScheduled", SessionScheduledData)
SESSION_RESCHEDULED = EventType("scheduling", "session", "SessionRescheduled", SessionRescheduledData)
SESSION_STARTED = EventType("scheduling", "session", "SessionStarted", SessionStartedData)
SESSION_COMPLETED = EventType("scheduling", "session", "SessionCompleted", SessionCompletedData)
SESSION_CANCELLED = EventType("scheduling", "session", "SessionCancelled", SessionCancelledData)
SESSION_CORRECTED = EventType("scheduling", "session", "SessionCorrected", SessionCorrectedData)
SESSION_FILLED = EventType("scheduling", "session", "SessionFilled", SessionFilledData)
SESSION_SPOTS_OPENED = EventType("scheduling", "session", "SessionSpotsOpened", SessionSpotsOpenedData)
APPOINTMENT_BOOKED = EventType("scheduling", "appointment", "AppointmentBooked", AppointmentBookedData)
APPOINTMENT_CONFIRMED = EventType("scheduling", "appointment", "AppointmentConfirmed", AppointmentConfirmedData)
APPOINTMENT_RESCHEDULED = EventType("scheduling", "appointment", "AppointmentRescheduled", AppointmentRescheduledData)
APPOINTMENT_ARRIVED = EventType("scheduling", "appointment", "AppointmentArrived", AppointmentArrivedData)
APPOINTMENT_ATTENDED = EventType("scheduling", "appointment", "AppointmentAttended", AppointmentAttendedData)
APPOINTMENT_NO_SHOW = EventType("scheduling", "appointment", "AppointmentNoShow", AppointmentNoShowData)
APPOINTMENT_CANCELLED = EventType("scheduling", "appointment", "AppointmentCancelled", AppointmentCancelledData)
APPOINTMENT_CORRECTED = EventType("scheduling", "appointment", "AppointmentCorrected", AppointmentCorrectedData)
PACKAGE_CREATED = EventType("scheduling", "package", "PackageCreated", PackageCreatedData)
PACKAGE_SCHEDULED = EventType("scheduling", "package", "PackageScheduled", PackageScheduledData)
PACKAGE_COMPLETED = EventType("scheduling", "package", "PackageCompleted", PackageCompletedData)
PACKAGE_REOPENED = EventType("scheduling", "package", "PackageReopened", PackageReopenedData)
PACKAGE_CANCELLED = EventType("scheduling", "package", "PackageCancelled", PackageCancelledData)
WAITLIST_OFFERED = EventType("scheduling", "waitlist", "WaitlistOffered", WaitlistOfferedData)
WAITLIST_OFFER_EXPIRED = EventType("scheduling", "waitlist", "WaitlistOfferExpired", WaitlistOfferExpiredData)
WAITLIST_ACCEPTED = EventType("scheduling", "waitlist", "WaitlistAccepted", WaitlistAcceptedData)
PUBLISHES = (
    CLINIC_SAVED,
    PROVIDER_SAVED,
    SESSION_SCHEDULED,
    SESSION_RESCHEDULED,
    SESSION_STARTED,
    SESSION_COMPLETED,
    SESSION_CANCELLED,
    SESSION_CORRECTED,
    SESSION_FILLED,
    SESSION_SPOTS_OPENED,
    APPOINTMENT_BOOKED,
    APPOINTMENT_CONFIRMED,
    APPOINTMENT_RESCHEDULED,
    APPOINTMENT_ARRIVED,
    APPOINTMENT_ATTENDED,
    APPOINTMENT_NO_SHOW,
    APPOINTMENT_CANCELLED,
    APPOINTMENT_CORRECTED,
    PACKAGE_CREATED,
    PACKAGE_SCHEDULED,
    PACKAGE_COMPLETED,
    PACKAGE_REOPENED,
    PACKAGE_CANCELLED,
    WAITLIST_OFFERED,
    WAITLIST_OFFER_EXPIRED,
    WAITLIST_ACCEPTED,
)
