"""The meanings of the fields of scheduling's events."""

from typing import ClassVar

from jalsa.events.data import Data

_ACTOR = "The login of the person who did it, or `system:…` where Jalsa did it automatically."


class EventData(Data):
    """The base of all event data.

    Fields have their meaning by their name, unless they have a description of their own.
    """

    meanings: ClassVar = {
        "code": "The clinic's code, such as OT.",
        "name_en": "The name in English.",
        "name_ar": "The name in Arabic.",
        "user_id": "The provider's login, as in the claim `sub` of the provider's tokens.",
        "name": "The room's name.",
        "starts_at": "When the session starts.",
        "ends_at": "When the session ends.",
        "duration_minutes": "How long the session takes, in minutes.",
        "timezone": "The clinic's time zone, an IANA name such as Asia/Riyadh.",
        "service_type": "The code of the service type, such as OT-60.",
        "discipline": "The code of the discipline, such as OT or SLP.",
        "max_capacity": "The number of patients for whom the session has spots.",
        "session_number": "Which session of the package it is. The first one is 1.",
        "total_sessions": "How many sessions the package has.",
        "session": "The session as it is after the event.",
        "clinic": "The clinic.",
        "provider": "The provider who holds the session.",
        "room": "The room, or null for a session without one.",
        "appointment_id": "The appointment. It is the id of the patient's participation in the session.",
        "appointment_number": "The appointment's number, such as APT-AGDAR-2026-00001.",
        "patient_id": "The patient. The id stays the same if the record is later merged into another one.",
        "session_id": "The session.",
        "clinic_id": "The clinic.",
        "active": "Whether the clinic can be booked.",
        "provider_id": "The provider.",
        "clinic_ids": "The clinics in which the provider works.",
        "status": "The status after the event.",
        "cancelled_at": "When it was cancelled.",
        "cancelled_by": _ACTOR,
        "booked_at": "When it was booked.",
        "booked_by": _ACTOR,
        "package": "The package that the appointment is part of, or null.",
        "recorded_late": (
            "True for a visit that was entered after it started, and absent otherwise. Nobody is notified or "
            "reminded of it. It is billed and documented like any other."
        ),
        "announced_with_package": "Whether an event of the package informs the patient, so that this event need not.",
        "confirmed_at": "When it was confirmed.",
        "confirmed_by": _ACTOR,
        "session_cancelled": "Whether the whole session was cancelled, and not only this appointment.",
        "room_id": "The room, or null for a session without one.",
        "reschedule_count": "How often it has been moved since it was booked, including this time.",
        "rescheduled_at": "When it was moved.",
        "rescheduled_by": _ACTOR,
        "previous": "The placement before it was moved.",
        "started_at": "When the session was started.",
        "started_by": _ACTOR,
        "completed_at": "When it was completed.",
        "completed_by": _ACTOR,
        "attended": "How many patients attended.",
        "no_shows": "How many patients did not come.",
        "filled_at": "When the last spot was taken.",
        "available_spots": "How many spots are available after the event.",
        "opened_at": "When spots became available again.",
        "arrived_at": "When the patient arrived.",
        "arrived_by": _ACTOR,
        "late_minutes": "How many whole minutes after the start of the session the patient came, or 0 if in time.",
        "overridden": "Whether a manager overrode a condition of the check-in that was not met.",
        "attended_at": "When the attendance was recorded.",
        "attended_by": _ACTOR,
        "no_show_at": "When the no-show was recorded.",
        "marked_by": _ACTOR,
        "automatic": "Whether Jalsa recorded it automatically after the grace period.",
        "corrected_at": "When the correction was made.",
        "corrected_by": _ACTOR,
        "package_id": "The package.",
        "package_number": "The package's number, such as PKG-20261120-0001.",
        "session_duration_minutes": "How long each session takes, in minutes.",
        "start_date": "The local day from which sessions may be scheduled.",
        "end_date": "The local day until which sessions may be scheduled, or null.",
        "created_at": "When the package was created.",
        "created_by": _ACTOR,
        "scheduled_at": "When the appointments were made or changed.",
        "scheduled_by": _ACTOR,
        "completed_sessions": "How many sessions of the package count as completed.",
        "reopened_at": "When the package was reopened.",
        "reopened_by": _ACTOR,
        "cancelled_appointments": "How many appointments were cancelled with the package.",
        "entry_id": "The waitlist entry.",
        "offer_id": "The offer.",
        "offered_at": "When the spot was offered.",
        "expires_at": "Until when the offer can be accepted.",
        "expired_at": "When the offer ended.",
        "cause": "Why the offer ended: LAPSED, DECLINED, SESSION_CANCELLED, WITHDRAWN or FULFILLED.",
        "accepted_at": "When the offer was accepted.",
    }
