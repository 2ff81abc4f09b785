"""Messages and reminders."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import Routes, current_db, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service.errors import NotFound
from notifications import queries
from notifications.http import represent, schemas

routes = Routes("messages", "Messages to patients, and reminders")

_MESSAGE = schemas.MessageAnswer()
_REMINDER = schemas.ReminderAnswer()


@routes.view(
    "/messages", permission="messages.read", query=schemas.MessageArgs(), response=page_of(schemas.MessageAnswer)
)
def list_messages(args: dict[str, Any]) -> dict[str, Any]:
    """Messages, of one patient or appointment or of all, in the order in which they were queued."""
    filters = {name: args[name] for name in ("patient_id", "appointment_number", "status")}
    after = decode_id_cursor(args["cursor"])
    rows = queries.list_messages(current_db(), after=after, limit=args["limit"] + 1, **filters)
    return page(rows, args["limit"], lambda row: str(row[0].id), lambda row: represent.message(*row))


@routes.view("/messages/<uuid:message_id>", permission="messages.read", response=_MESSAGE)
def get_message(message_id: UUID) -> Response:
    """One message."""
    for row in queries.list_messages(current_db(), message_id=message_id, limit=1):
        return json_with_etag(_MESSAGE.dump(represent.message(*row)))
    raise NotFound("message")


@routes.view(
    "/reminders", permission="reminders.read", query=schemas.ReminderArgs(), response=page_of(schemas.ReminderAnswer)
)
def list_reminders(args: dict[str, Any]) -> dict[str, Any]:
    """Reminders, of one appointment or of all, in the order in which they were scheduled."""
    rows = queries.list_reminders(
        current_db(),
        after=decode_id_cursor(args["cursor"]),
        limit=args["limit"] + 1,
        appointment_number=args["appointment_number"],
    )
    return page(rows, args["limit"], lambda row: str(row.Reminder.id), represent.reminder)


@routes.view("/reminders/<uuid:reminder_id>", permission="reminders.read", response=_REMINDER)
def get_reminder(reminder_id: UUID) -> Response:
    """One reminder."""
    for row in queries.list_reminders(current_db(), reminder_id=reminder_id, limit=1):
        return json_with_etag(_REMINDER.dump(represent.reminder(row)))
    raise NotFound("reminder")
