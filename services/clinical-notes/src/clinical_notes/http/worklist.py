"""The worklist has sessions, who takes part in them, and which of their notes are missing, begun or signed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from clinical_notes import policy, queries
from clinical_notes.commands import FindSessions
from clinical_notes.domain import GROUP, MISSING
from clinical_notes.http import schemas
from clinical_notes.queries import NoteState, SessionRow
from jalsa.http import PageOf, Routes, current_db, current_principal, page, page_of
from jalsa.http.paging import decode_instant_cursor, instant_cursor
from jalsa.service.errors import Forbidden

routes = Routes("worklist", "What is to be written")

_OF_THE_SESSION = ("session_number", "session_type", "discipline", "status", "starts_at", "ends_at")


@routes.view("/worklist", permission="notes.read", query=schemas.WorklistArgs(), response=page_of(schemas.WorklistItem))
def get_worklist(query: PageOf[FindSessions]) -> dict[str, Any]:
    """Sessions that are not cancelled, in the order of their start. `from` and `to` bound the start."""
    db = current_db()
    asked = replace(query.asked, provider_id=_whose(query.asked.provider_id))
    after = decode_instant_cursor(query.cursor)
    rows = queries.list_sessions(db, asked, after=after, limit=query.limit + 1)
    shown = iter(_shown(db, rows[: query.limit]))
    return page(
        rows, query.limit, lambda row: instant_cursor(row.session.starts_at, row.session.id), lambda _: next(shown)
    )


def _whose(asked: UUID | None) -> UUID | None:
    """The provider whose worklist it is. Clinicians have their own, and managers the one asked for, or None for all."""
    principal = current_principal()
    if policy.reader_of(principal).reads_every_draft:
        return asked
    own = policy.author_of(principal)
    if asked not in (None, own):
        raise Forbidden("This is another provider's worklist.")
    return own


def _shown(db: Session, rows: Sequence[SessionRow]) -> list[dict[str, Any]]:
    session_ids = [row.session.id for row in rows]
    notes = queries.note_states(db, session_ids)
    rosters: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for participant, file_number in queries.rosters(db, session_ids):
        rosters[participant.session_id].append(
            {
                "participant_id": participant.id,
                "appointment_number": participant.appointment_number,
                "patient_id": participant.patient_id,
                "file_number": file_number,
                "status": participant.status,
                "note": _note(notes.get((participant.session_id, participant.id))),
            }
        )
    return [
        {
            **{name: getattr(session, name) for name in _OF_THE_SESSION},
            # the clinic's may have been corrected since
            "timezone": clinic.timezone if clinic and clinic.timezone else session.timezone,
            "session_id": session.id,
            "clinic": clinic,
            "provider": provider,
            "group_note": _note(notes.get((session.id, None))) if session.session_type == GROUP else None,
            "roster": rosters[session.id],
        }
        for session, clinic, provider in rows
    ]


def _note(found: NoteState | None) -> dict[str, Any]:
    return {"id": found.note_id, "status": found.status} if found else {"id": None, "status": MISSING}
