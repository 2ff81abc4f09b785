"""Appointments across sessions, and the queue of patients who have arrived."""

from datetime import timedelta

from sqlalchemy import select

from jalsa.http import Everything, PageOf, PlainPageArgs, Routes, current_db, page, page_of
from jalsa.http.paging import decode_instant_cursor, instant_cursor
from jalsa.service import clock
from jalsa.service.json_types import JsonObject
from scheduling.appointments.commands.appointments import FindAppointments, FindQueue
from scheduling.appointments.queries import appointments as queries
from scheduling.appointments.queries.participant_records import load_participants
from scheduling.http import represent
from scheduling.http.schemas import reading as schemas
from scheduling.http.schemas.sessions import ParticipantAnswer
from scheduling.http.schemas.zones import days_of
from scheduling.http.zones import told_of_days
from scheduling.models import Participant

routes = Routes("appointments", "Appointments across sessions, and the queue of patients who have arrived")


@routes.view(
    "/appointments",
    permission="appointments.read",
    query=schemas.AppointmentArgs(),
    response=days_of(ParticipantAnswer),
)
def list_appointments(query: PageOf[FindAppointments]) -> JsonObject:
    """List the participants of all sessions, in the order of their sessions' start."""
    db, beside = current_db(), told_of_days(query.asked)
    after = decode_instant_cursor(query.cursor)
    rows = queries.list_appointments(db, query.asked, after=after, limit=query.limit + 1)
    shown = represent.participants(db, rows, clock.now())
    found = page(rows, query.limit, lambda row: instant_cursor(row.starts_at, row.id), lambda row: shown[row.id])
    return {**found, **beside}


@routes.view(
    "/appointments/overlaps",
    permission="appointments.read",
    query=PlainPageArgs(),
    response=page_of(schemas.OverlapAnswer),
)
def list_overlaps(query: PageOf[Everything]) -> JsonObject:
    """Appointments that merged patients have at the same time, in the order of their start.

    A patient cannot be booked twice at a time. Where two records turn out to be of one person, both may have been.
    Nothing is cancelled then, so the desk cancels or moves one. The list holds what is not over.
    """
    db, now = current_db(), clock.now()
    after = decode_instant_cursor(query.cursor)
    rows = queries.overlaps(db, after=after, limit=query.limit + 1, now=now)
    ids = {each for row in rows for each in (row.id, *row.earlier)}
    found = load_participants(db, select(Participant).where(Participant.id.in_(ids)))
    shown = represent.participants(db, found, now)
    return page(
        rows,
        query.limit,
        lambda row: instant_cursor(row.starts_at, row.id),
        lambda row: {
            "patient_id": row.survivor_id,
            "appointment": shown[row.id],
            "overlaps": [shown[each] for each in row.earlier],
        },
    )


@routes.view("/queue", permission="appointments.read", query=schemas.QueueArgs(), response=page_of(schemas.QueueEntry))
def list_queue(query: PageOf[FindQueue]) -> JsonObject:
    """List the patients who have arrived in a clinic and whose session is not over, in the order of arrival."""
    db, now = current_db(), clock.now()
    after = decode_instant_cursor(query.cursor)
    rows = queries.queue(db, query.asked.clinic_id, after=after, limit=query.limit + 1, now=now)
    arrived = load_participants(db, select(Participant).where(Participant.id.in_([row.id for row in rows])))
    shown = represent.participants(db, arrived, now)
    return page(
        rows,
        query.limit,
        lambda row: instant_cursor(row.arrived_at, row.id),
        lambda row: {
            **shown[row.id],
            "position": row.position,
            "waiting_minutes": max((now - row.arrived_at) // timedelta(minutes=1), 0),
        },
    )
