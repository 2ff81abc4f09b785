"""The composition root: all that scheduling is made of."""

from jalsa.web import Service
from scheduling import domain, handlers, jobs
from scheduling.events import catalogue
from scheduling.events.streams import STREAMS
from scheduling.http import (
    absences,
    appointments,
    availability,
    calendar,
    history,
    package_changes,
    packages,
    participants,
    proposals,
    reports,
    series,
    sessions,
    setup,
    waitlist,
)
from scheduling.http.reference import REFERENCE
from scheduling.policy import POLICY

SERVICE = Service(
    name="scheduling",
    title="Jalsa scheduling",
    policy=POLICY,
    reference=REFERENCE,
    routes=(
        setup.routes,
        absences.routes,
        proposals.routes,
        availability.routes,
        sessions.routes,
        participants.routes,
        series.routes,
        packages.routes,
        package_changes.routes,
        waitlist.routes,
        appointments.routes,
        calendar.routes,
        reports.routes,
        history.routes,
    ),
    publishes=catalogue.PUBLISHES,
    streams=STREAMS,
    handlers=handlers.HANDLERS,
    jobs=jobs.JOBS,
    machines=(domain.SESSION, domain.PARTICIPANT, domain.ENTRY, domain.OFFER, domain.PACKAGE, domain.PACKAGE_SESSION),
    constraints={
        "sessions_provider_busy": ("provider-busy", "The provider has another session at that time."),
        "sessions_room_busy": ("room-busy", "The room is taken at that time."),
        "participants_patient_busy": ("patient-busy", "The patient has another session at that time."),
        "participants_enrolled_once": ("already-enrolled", "The patient has a place in this session."),
        "series_members_once": ("already-enrolled", "The patient is on the roster of this series."),
        "participants_capacity": ("session-full", "Every place of this session is taken."),
        "waitlist_entries_session_once": ("already-waiting", "The patient waits for this session already."),
        "waitlist_entries_service_once": ("already-waiting", "The patient waits for this service type already."),
        "participants_package_session_once": ("already-enrolled", "This session of the package has an appointment."),
        "clinics_code_key": ("code-taken", "Another clinic has this code."),
        "rooms_name_key": ("name-taken", "Another room of the clinic has this name."),
        "rooms_name_folded": ("name-taken", "Another room of the clinic has this name."),
        "providers_user_folded": ("user-taken", "Another provider has this user_id."),
        "providers_user_key": ("user-taken", "Another provider has this user_id."),
        "service_types_code_key": ("code-taken", "Another service type has this code."),
    },
)
