"""Notes by their own address, by session and by patient."""

from typing import Any
from uuid import UUID

from flask import Response

from clinical_notes import policy, queries
from clinical_notes.commands import ChangeNote, FindNotes, WriteNote
from clinical_notes.http import schemas
from clinical_notes.models import Note, PatientProjection, SessionProjection
from clinical_notes.operations import notes as operations
from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page,
    page_of,
)
from jalsa.http.fields import EmptyBody
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound

routes = Routes("notes", "Session notes")

#: A note's characters may be written as `\\ud83d\\ude00`, twelve bytes each.
MAX_NOTE_BYTES = 256 * 1024
_NOTE = schemas.NoteAnswer()
_NOTES = page_of(schemas.NoteAnswer)


@routes.view(
    "/notes",
    "POST",
    permission="notes.write",
    body=schemas.NoteBody(),
    response=_NOTE,
    status=201,
    max_bytes=MAX_NOTE_BYTES,
)
def write_note(command: WriteNote) -> Response:
    """Begin a note, as a draft. Only the session's provider does."""
    author = policy.author_of(current_principal())
    return json_with_etag(_NOTE.dump(operations.write_note(current_db(), command, author=author, now=clock.now())), 201)


@routes.view("/notes", permission="notes.read", query=schemas.NoteArgs(), response=_NOTES)
def list_notes(query: PageOf[FindNotes]) -> dict[str, Any]:
    """The notes that the caller may read, in the order in which they were begun."""
    return _list(query.asked, query)


@routes.view("/notes/<uuid:note_id>", permission="notes.read", response=_NOTE)
def get_note(note_id: UUID) -> Response:
    """One note."""
    note = queries.find_note(current_db(), note_id, policy.reader_of(current_principal()))
    if note is None:
        raise NotFound("note")
    return json_with_etag(_NOTE.dump(note))


@routes.view(
    "/notes/<uuid:note_id>",
    "PATCH",
    permission="notes.write",
    body=schemas.NotePatch(),
    response=_NOTE,
    max_bytes=MAX_NOTE_BYTES,
)
def change_note(command: ChangeNote, note_id: UUID) -> Response:
    """Change a draft."""
    note = operations.change_note(current_db(), _matched(note_id), command, now=clock.now())
    return json_with_etag(_NOTE.dump(note))


@routes.view("/notes/<uuid:note_id>/sign", "POST", permission="notes.write", body=EmptyBody(), response=_NOTE)
def sign_note(_: object, note_id: UUID) -> Response:
    """Sign a draft. From then on it cannot be changed."""
    return json_with_etag(_NOTE.dump(operations.sign_note(current_db(), _matched(note_id), now=clock.now())))


@routes.view("/sessions/<uuid:session_id>/notes", permission="notes.read", query=PlainPageArgs(), response=_NOTES)
def list_session_notes(query: PageOf[Everything], session_id: UUID) -> dict[str, Any]:
    """The notes of a session: the shared one and those of its participants."""
    if current_db().get(SessionProjection, session_id) is None:
        raise NotFound("session")
    return _list(FindNotes(session_id=session_id), query)


@routes.view("/patients/<uuid:patient_id>/notes", permission="notes.read", query=PlainPageArgs(), response=_NOTES)
def list_patient_notes(query: PageOf[Everything], patient_id: UUID) -> dict[str, Any]:
    """A patient's notes, with the group notes of the sessions in which the patient has a place."""
    if current_db().get(PatientProjection, patient_id) is None:
        raise NotFound("patient")
    return _list(FindNotes(patient_id=patient_id), query)


def _list(asked: FindNotes, query: PageOf[object]) -> dict[str, Any]:
    reader = policy.reader_of(current_principal())
    after = decode_id_cursor(query.cursor)
    rows = queries.list_notes(current_db(), reader, asked, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda note: str(note.id), lambda note: note)


def _matched(note_id: UUID) -> Note:
    """The caller's draft. What cannot be done at all is said before a stale If-Match (RFC 9110, 13.2.1)."""
    principal = current_principal()
    author = policy.author_of(principal)
    note = operations.locked_draft(current_db(), note_id, policy.reader_of(principal), author=author)
    check_if_match(_NOTE.dump(note))
    return note
