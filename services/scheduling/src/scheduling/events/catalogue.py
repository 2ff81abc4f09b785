"""The data of each event that scheduling publishes: its contract with every reader."""

from marshmallow import fields

from jalsa.events.contracts import EventType
from jalsa.http.fields import Instant
from scheduling.events.data import EventData


class _Clinic(EventData):
    id = fields.UUID(required=True, metadata={"description": "The clinic's id."})
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class _Provider(EventData):
    id = fields.UUID(required=True, metadata={"description": "The provider's id."})
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class _Room(EventData):
    id = fields.UUID(required=True, metadata={"description": "The room's id."})
    name = fields.String(required=True)


class _Session(EventData):
    id = fields.UUID(required=True, metadata={"description": "The session's id."})
    number = fields.String(
        required=True, metadata={"description": "The session's number, such as SES-AGDAR-2026-00001."}
    )
    type = fields.String(required=True, metadata={"description": "INDIVIDUAL (one patient) or GROUP."})
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    duration_minutes = fields.Integer(required=True)
    timezone = fields.String(required=True)
    service_type = fields.String(required=True)
    discipline = fields.String(required=True)
    max_capacity = fields.Integer(required=True)


class _Package(EventData):
    id = fields.UUID(required=True, metadata={"description": "The package's id."})
    number = fields.String(required=True, metadata={"description": "The package's number, such as PKG-20261120-0001."})
    session_number = fields.Integer(required=True)
    total_sessions = fields.Integer(required=True)


class _Announced(EventData):
    announced_with_package = fields.Boolean(
        required=True,
        metadata={"description": "Whether an event of the package informs the patient, so that this event need not"},
    )


class _WhereAndWhen(EventData):
    session = fields.Nested(_Session(), required=True)
    clinic = fields.Nested(_Clinic(), required=True)
    provider = fields.Nested(_Provider(), required=True)
    room = fields.Nested(_Room(), required=True, allow_none=True)


class _Appointment(EventData):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)


class _SessionMoment(EventData):
    session_id = fields.UUID(required=True)
    session_number = fields.String(
        required=True, metadata={"description": "The session's number, such as SES-AGDAR-2026-00001."}
    )


class ClinicSavedData(EventData):
    """A clinic was created or changed."""

    clinic_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = fields.String(required=True)
    active = fields.Boolean(required=True)


class ProviderSavedData(EventData):
    """A provider was registered or changed."""

    provider_id = fields.UUID(required=True)
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    discipline = fields.String(required=True)
    clinic_ids = fields.List(fields.UUID(), required=True)
    active = fields.Boolean(required=True, metadata={"description": "Whether the provider can be booked."})


class SessionScheduledData(_WhereAndWhen):
    """A session was scheduled."""

    session_id = fields.UUID(required=True)
    status = fields.String(required=True)


class SessionCancelledData(_SessionMoment):
    """A session was cancelled."""

    cancelled_at = Instant(required=True)
    cancelled_by = fields.String(required=True)


class AppointmentBookedData(_Appointment, _WhereAndWhen, _Announced):
    """A patient was booked into a session."""

    status = fields.String(required=True)
    booked_at = Instant(required=True)
    booked_by = fields.String(required=True)
    package = fields.Nested(_Package(), required=True, allow_none=True)
    recorded_late = fields.Boolean(
        metadata={
            "description": "True for a visit that was entered when its time had begun, or after it; otherwise it is not"
            " there. Nobody is notified or reminded of it. It is billed and documented like any other"
        }
    )


class AppointmentConfirmedData(_Appointment):
    """A patient or the front desk confirmed an appointment."""

    session_id = fields.UUID(required=True)
    confirmed_at = Instant(required=True)
    confirmed_by = fields.String(required=True)


class AppointmentCancelledData(_Appointment, _Announced):
    """An appointment was cancelled.

    The reason is left out, because it is free text and may be clinical.
    """

    session_id = fields.UUID(required=True)
    cancelled_at = Instant(required=True)
    cancelled_by = fields.String(required=True)
    session_cancelled = fields.Boolean(required=True)


class _Held(EventData):
    """Where and when a session was before it was moved."""

    starts_at = Instant(required=True, metadata={"description": "When the session started."})
    ends_at = Instant(required=True, metadata={"description": "When the session ended."})
    provider_id = fields.UUID(required=True, metadata={"description": "The provider who held the session."})
    room_id = fields.UUID(required=True, allow_none=True)


class _HeldPlace(_Held):
    session_id = fields.UUID(required=True, metadata={"description": "The session of the appointment."})
    clinic_id = fields.UUID(required=True, metadata={"description": "The clinic of the session."})


class SessionRescheduledData(_WhereAndWhen):
    """A session was moved to another time, provider or room."""

    session_id = fields.UUID(required=True)
    status = fields.String(required=True)
    reschedule_count = fields.Integer(required=True)
    rescheduled_at = Instant(required=True)
    rescheduled_by = fields.String(required=True)
    previous = fields.Nested(_Held(), required=True)


class SessionStartedData(_SessionMoment):
    """A session was started."""

    started_at = Instant(required=True)
    started_by = fields.String(required=True)


class SessionCompletedData(_SessionMoment):
    """A session was completed."""

    completed_at = Instant(required=True)
    completed_by = fields.String(required=True)
    attended = fields.Integer(required=True)
    no_shows = fields.Integer(required=True)


class SessionFilledData(_SessionMoment):
    """The last spot of a session was taken."""

    max_capacity = fields.Integer(required=True)
    filled_at = Instant(required=True)


class SessionSpotsOpenedData(_SessionMoment):
    """A session that was full has free spots again."""

    max_capacity = fields.Integer(required=True)
    available_spots = fields.Integer(required=True)
    opened_at = Instant(required=True)


class AppointmentRescheduledData(_Appointment, _WhereAndWhen, _Announced):
    """An appointment was moved to another time, provider, room or session.

    Either the whole session was moved, or this patient alone was moved to another session.
    """

    status = fields.String(required=True)
    reschedule_count = fields.Integer(required=True)
    rescheduled_at = Instant(required=True)
    rescheduled_by = fields.String(required=True)
    previous = fields.Nested(_HeldPlace(), required=True)
    package = fields.Nested(_Package(), required=True, allow_none=True)


class AppointmentArrivedData(_Appointment):
    """A patient checked in."""

    session_id = fields.UUID(required=True)
    arrived_at = Instant(required=True)
    arrived_by = fields.String(required=True)
    late_minutes = fields.Integer(required=True)
    overridden = fields.Boolean(required=True)


class AppointmentAttendedData(_Appointment):
    """A patient attended the session."""

    session_id = fields.UUID(required=True)
    attended_at = Instant(required=True)
    attended_by = fields.String(required=True)


class AppointmentNoShowData(_Appointment):
    """A patient did not come."""

    session_id = fields.UUID(required=True)
    no_show_at = Instant(required=True)
    marked_by = fields.String(required=True)
    automatic = fields.Boolean(required=True)


class _Correction(EventData):
    """The reason of a correction is left out, because it is free text and may be clinical."""

    from_status = fields.String(required=True, metadata={"description": "What was recorded by mistake"})
    to_status = fields.String(required=True, metadata={"description": "What it was before, and is again"})
    corrected_at = Instant(required=True)
    corrected_by = fields.String(required=True)


class SessionCorrectedData(_SessionMoment, _Correction):
    """The start or completion of a session had been recorded by mistake and was taken back.

    Each appointment whose status changes as well has an event of its own.
    """


class AppointmentCorrectedData(_Appointment, _Correction):
    """An arrival, attendance or no-show had been recorded by mistake and was taken back."""

    session_id = fields.UUID(required=True)


class _PackageMoment(EventData):
    package_id = fields.UUID(required=True)
    package_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    total_sessions = fields.Integer(required=True)


class _PackageOf(_PackageMoment):
    """What it is a package of."""

    service_type = fields.String(required=True)
    discipline = fields.String(required=True)
    clinic = fields.Nested(_Clinic(), required=True)
    timezone = fields.String(required=True)


class PackageCreatedData(_PackageOf):
    """A package of sessions was created for a patient."""

    status = fields.String(required=True)
    session_duration_minutes = fields.Integer(required=True)
    start_date = fields.Date(required=True)
    end_date = fields.Date(required=True, allow_none=True)
    created_at = Instant(required=True)
    created_by = fields.String(required=True)


class _PackageAppointment(EventData):
    session_number = fields.Integer(required=True)
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    provider = fields.Nested(_Provider(), required=True)
    room = fields.Nested(_Room(), required=True, allow_none=True)


class PackageScheduledData(_PackageOf):
    """Several dates of a package were set, moved or given up together.

    It carries all dates of the package that are still to come.
    """

    cause = fields.String(
        required=True, metadata={"description": "SCHEDULED, RESCHEDULED, SUBSTITUTED, PAUSED or RESUMED"}
    )
    sessions = fields.List(
        fields.Nested(_PackageAppointment()), required=True, metadata={"description": "In the order of their start"}
    )
    changed = fields.List(
        fields.Integer(), required=True, metadata={"description": "The numbers of those that this change is about"}
    )
    unscheduled = fields.List(
        fields.Integer(), required=True, metadata={"description": "The numbers of those that have no time yet"}
    )
    scheduled_at = Instant(required=True)
    scheduled_by = fields.String(required=True)


class PackageCompletedData(_PackageMoment):
    """The last session of a package was completed."""

    completed_sessions = fields.Integer(required=True)
    completed_at = Instant(required=True)


class PackageReopenedData(_PackageMoment):
    """A package that was completed goes on.

    The outcome that had completed it was taken back, or the patient came late.
    """

    completed_sessions = fields.Integer(required=True)
    reopened_at = Instant(required=True)
    reopened_by = fields.String(required=True)


class PackageCancelledData(_PackageMoment):
    """A package was cancelled.

    The reason is left out, because it is free text and may be clinical.
    """

    completed_sessions = fields.Integer(required=True)
    cancelled_appointments = fields.Integer(required=True)
    cancelled_at = Instant(required=True)
    cancelled_by = fields.String(required=True)


class WaitlistOfferedData(_WhereAndWhen):
    """A free spot was offered to a patient on the waitlist."""

    entry_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    patient_id = fields.UUID(required=True)
    offered_at = Instant(required=True)
    expires_at = Instant(required=True)


class WaitlistOfferExpiredData(EventData):
    """An offer ended without being accepted."""

    entry_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    patient_id = fields.UUID(required=True)
    session_id = fields.UUID(required=True)
    expired_at = Instant(required=True)
    cause = fields.String(required=True)


class WaitlistAcceptedData(EventData):
    """A patient on the waitlist accepted an offer and was booked."""

    entry_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    patient_id = fields.UUID(required=True)
    session_id = fields.UUID(required=True)
    appointment_id = fields.UUID(
        required=True, metadata={"description": "The appointment that was booked by accepting the offer."}
    )
    accepted_at = Instant(required=True)


CLINIC_SAVED = EventType("scheduling", "clinic", "ClinicSaved", ClinicSavedData())
PROVIDER_SAVED = EventType("scheduling", "provider", "ProviderSaved", ProviderSavedData())
SESSION_SCHEDULED = EventType("scheduling", "session", "SessionScheduled", SessionScheduledData())
SESSION_RESCHEDULED = EventType("scheduling", "session", "SessionRescheduled", SessionRescheduledData())
SESSION_STARTED = EventType("scheduling", "session", "SessionStarted", SessionStartedData())
SESSION_COMPLETED = EventType("scheduling", "session", "SessionCompleted", SessionCompletedData())
SESSION_CANCELLED = EventType("scheduling", "session", "SessionCancelled", SessionCancelledData())
SESSION_CORRECTED = EventType("scheduling", "session", "SessionCorrected", SessionCorrectedData())
SESSION_FILLED = EventType("scheduling", "session", "SessionFilled", SessionFilledData())
SESSION_SPOTS_OPENED = EventType("scheduling", "session", "SessionSpotsOpened", SessionSpotsOpenedData())
APPOINTMENT_BOOKED = EventType("scheduling", "appointment", "AppointmentBooked", AppointmentBookedData())
APPOINTMENT_CONFIRMED = EventType("scheduling", "appointment", "AppointmentConfirmed", AppointmentConfirmedData())
APPOINTMENT_RESCHEDULED = EventType("scheduling", "appointment", "AppointmentRescheduled", AppointmentRescheduledData())
APPOINTMENT_ARRIVED = EventType("scheduling", "appointment", "AppointmentArrived", AppointmentArrivedData())
APPOINTMENT_ATTENDED = EventType("scheduling", "appointment", "AppointmentAttended", AppointmentAttendedData())
APPOINTMENT_NO_SHOW = EventType("scheduling", "appointment", "AppointmentNoShow", AppointmentNoShowData())
APPOINTMENT_CANCELLED = EventType("scheduling", "appointment", "AppointmentCancelled", AppointmentCancelledData())
APPOINTMENT_CORRECTED = EventType("scheduling", "appointment", "AppointmentCorrected", AppointmentCorrectedData())
PACKAGE_CREATED = EventType("scheduling", "package", "PackageCreated", PackageCreatedData())
PACKAGE_SCHEDULED = EventType("scheduling", "package", "PackageScheduled", PackageScheduledData())
PACKAGE_COMPLETED = EventType("scheduling", "package", "PackageCompleted", PackageCompletedData())
PACKAGE_REOPENED = EventType("scheduling", "package", "PackageReopened", PackageReopenedData())
PACKAGE_CANCELLED = EventType("scheduling", "package", "PackageCancelled", PackageCancelledData())
WAITLIST_OFFERED = EventType("scheduling", "waitlist", "WaitlistOffered", WaitlistOfferedData())
WAITLIST_OFFER_EXPIRED = EventType("scheduling", "waitlist", "WaitlistOfferExpired", WaitlistOfferExpiredData())
WAITLIST_ACCEPTED = EventType("scheduling", "waitlist", "WaitlistAccepted", WaitlistAcceptedData())
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
