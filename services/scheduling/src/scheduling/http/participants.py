"""Participants by their own address, and appointments that are booked in one step."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import Routes, check_if_match, current_db, json_with_etag
from jalsa.http.fields import EmptyBody
from jalsa.service import clock
from jalsa.service.commands import value_or
from jalsa.service.errors import NotFound
from scheduling.appointments.commands.appointments import (
    BookAppointment,
    ChangeParticipant,
    CheckIn,
    EndAppointment,
    RescheduleParticipant,
)
from scheduling.appointments.commands.sessions import Reason
from scheduling.appointments.operations import participants as operations
from scheduling.appointments.queries import participant_records
from scheduling.http import represent
from scheduling.http.permissions import check_entry, check_may_undo, check_override, check_schedules, check_session
from scheduling.http.schemas import sessions as schemas
from scheduling.models import Participant
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases import corrections

routes = Routes("participants", "Participants and appointments")

_PARTICIPANT = schemas.ParticipantAnswer()


@routes.view(
    "/appointments",
    "POST",
    permission="schedule.enter",
    body=schemas.AppointmentBody(),
    response=_PARTICIPANT,
    status=201,
)
def book_appointment(command: BookAppointment) -> Response:
    """Book an individual session with its participant, or enter a visit that has started or taken place."""
    now = clock.now()
    needed = check_entry(command, command.starts_at, "appointments.write", now=now)
    check_schedules(command.provider_id, permission=needed)
    booked = use_cases.book_appointment(current_db(), command, now=now)
    return json_with_etag(_PARTICIPANT.dump(represent.participant(booked.participant, booked.standing, now)), 201)


@routes.view("/participants/<uuid:participant_id>", permission="appointments.read", response=_PARTICIPANT)
def get_participant(participant_id: UUID) -> Response:
    """Return one participant."""
    return json_with_etag(_shown(_found(participant_id)))


@routes.view(
    "/participants/<uuid:participant_id>",
    "PATCH",
    permission="appointments.write",
    body=schemas.ParticipantPatch(),
    response=_PARTICIPANT,
)
def update_participant(command: ChangeParticipant, participant_id: UUID) -> Response:
    """Change a participant's notes."""
    return json_with_etag(_shown(operations.update(current_db(), _matched(participant_id), command)))


@routes.view(
    "/participants/<uuid:participant_id>/confirm",
    "POST",
    permission="appointments.write",
    body=EmptyBody(),
    response=_PARTICIPANT,
)
def confirm_participant(_: dict[str, Any], participant_id: UUID) -> Response:
    """Confirm an appointment for the patient."""
    return json_with_etag(_shown(operations.confirm(current_db(), _matched(participant_id), now=clock.now())))


@routes.view(
    "/participants/<uuid:participant_id>/cancel",
    "POST",
    permission="appointments.write",
    body=schemas.OverridingBody(),
    response=_PARTICIPANT,
)
def cancel_participant(command: EndAppointment, participant_id: UUID) -> Response:
    """Cancel a participant before the session starts."""
    override_reason, participant = check_override(command.override), _matched(participant_id)
    use_cases.cancel_appointment(current_db(), participant, command.reason, override_reason, now=clock.now())
    return json_with_etag(_shown(participant))


@routes.view(
    "/participants/<uuid:participant_id>/reschedule",
    "POST",
    permission="appointments.write",
    body=schemas.RescheduleParticipantBody(),
    response=_PARTICIPANT,
)
def reschedule_participant(command: RescheduleParticipant, participant_id: UUID) -> Response:
    """Move a participant to another session, or an individual session to another time. The number stays."""
    check_override(command.override)
    participant = operations.held_participant(current_db(), participant_id, command.session_id)
    own = participant.session.provider_id
    check_schedules(own, value_or(command.provider_id, own))
    check_session(command.session_id)
    check_if_match(_shown(participant))
    return json_with_etag(_shown(use_cases.reschedule_appointment(current_db(), participant, command, now=clock.now())))


@routes.view(
    "/participants/<uuid:participant_id>/check-in",
    "POST",
    permission="appointments.write",
    body=schemas.CheckInBody(),
    response=_PARTICIPANT,
)
def check_in_participant(command: CheckIn, participant_id: UUID) -> Response:
    """Check in a patient who has arrived. A late patient, and a no-show while the session lasts, can check in too."""
    override_reason, participant = check_override(command.override), _matched(participant_id, regaining=True)
    return json_with_etag(_shown(use_cases.check_in(current_db(), participant, override_reason, now=clock.now())))


@routes.view(
    "/participants/<uuid:participant_id>/attend",
    "POST",
    permission="appointments.write",
    body=EmptyBody(),
    response=_PARTICIPANT,
)
def attend_participant(_: dict[str, Any], participant_id: UUID) -> Response:
    """Record that a patient who had arrived took part."""
    return json_with_etag(_shown(use_cases.attend(current_db(), _matched(participant_id), now=clock.now())))


@routes.view(
    "/participants/<uuid:participant_id>/no-show",
    "POST",
    permission="appointments.write",
    body=schemas.OverridingBody(),
    response=_PARTICIPANT,
)
def miss_participant(command: EndAppointment, participant_id: UUID) -> Response:
    """Record that the patient did not come. The session must have started."""
    override_reason, participant = check_override(command.override), _matched(participant_id)
    missed = use_cases.no_show(current_db(), participant, command.reason, override_reason, now=clock.now())
    return json_with_etag(_shown(missed))


@routes.view(
    "/participants/<uuid:participant_id>/undo",
    "POST",
    permission="appointments.write",
    body=schemas.ReasonBody(),
    response=_PARTICIPANT,
)
def undo_participant(command: Reason, participant_id: UUID) -> Response:
    """Undo the last outcome, which is an arrival, an attendance or a no-show.

    After its day, only managers can do so.
    """
    seen = _found(participant_id).status
    participant, now = _matched(participant_id, regaining=True), clock.now()
    of_today = corrections.is_of_today(participant, participant.session.clinic.timezone, now)
    check_may_undo(of_today=of_today, reason=command.reason)
    return json_with_etag(
        _shown(corrections.undo_participant(current_db(), participant, command.reason, seen=seen, now=now))
    )


def _found(participant_id: UUID) -> Participant:
    participant = participant_records.find_participant(current_db(), participant_id)
    if participant is None:
        raise NotFound("participant")
    return participant


def _matched(participant_id: UUID, *, regaining: bool = False) -> Participant:
    participant = operations.locked_participant(current_db(), participant_id, regaining=regaining)
    check_schedules(participant.session.provider_id)
    check_if_match(_shown(participant))
    return participant


def _shown(participant: Participant) -> Any:
    return _PARTICIPANT.dump(represent.participants(current_db(), [participant], clock.now())[participant.id])
