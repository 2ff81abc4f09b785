"""The composition root, which wires the parts of the service."""

from jalsa.service.declaration import Service
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
from scheduling.http.problems import CONSTRAINTS, PROBLEMS
from scheduling.http.reference import REFERENCE
from scheduling.policy import POLICY

SERVICE = Service(
    name="scheduling",
    title="Jalsa scheduling",
    policy=POLICY,
    texts=("scheduling",),
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
    problems=PROBLEMS,
    constraints=CONSTRAINTS,
)
