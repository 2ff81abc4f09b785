"""Messages and reminders."""

from uuid import UUID

from flask import Response

from jalsa.http import PageOf, Routes, current_db, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from notifications import queries
from notifications.commands import FindMessages, FindReminders
from notifications.http import represent, schemas

routes = Routes("messages", "Messages to patients, and reminders")

_MESSAGE = schemas.MessageAnswer()
_REMINDER = schemas.ReminderAnswer()


@routes.view(
    "/messages", permission="messages.read", query=schemas.MessageArgs(), response=page_of(schemas.MessageAnswer)
)
def list_messages(query: PageOf[FindMessages]) -> JsonObject:
    """Messages, of one patient or appointment or of all, in the order in which they were queued."""
    after = decode_id_cursor(query.cursor)
    rows = queries.list_messages(current_db(), query.asked, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: str(row.message.id), represent.message)


@routes.view("/messages/<uuid:message_id>", permission="messages.read", response=_MESSAGE)
def get_message(message_id: UUID) -> Response:
    """One message."""
    row = queries.find_message(current_db(), message_id)
    if row is None:
        raise NotFound("message")
    return json_with_etag(_MESSAGE.dump(represent.message(row)))


@routes.view(
    "/reminders", permission="reminders.read", query=schemas.ReminderArgs(), response=page_of(schemas.ReminderAnswer)
)
def list_reminders(query: PageOf[FindReminders]) -> JsonObject:
    """Reminders, of one appointment or of all, in the order in which they were scheduled."""
    after = decode_id_cursor(query.cursor)
    rows = queries.list_reminders(current_db(), query.asked, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: str(row.reminder.id), represent.reminder)


@routes.view("/reminders/<uuid:reminder_id>", permission="reminders.read", response=_REMINDER)
def get_reminder(reminder_id: UUID) -> Response:
    """One reminder."""
    row = queries.find_reminder(current_db(), reminder_id)
    if row is None:
        raise NotFound("reminder")
    return json_with_etag(_REMINDER.dump(represent.reminder(row)))
