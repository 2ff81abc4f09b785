"""Notes: write, change while a draft, sign."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical_notes import domain, errors, events, queries
from clinical_notes.commands import ChangeNote, WriteNote
from clinical_notes.models import Note, ParticipantProjection, SessionProjection
from jalsa.db.transactions import context_of
from jalsa.service.errors import Forbidden, InvalidField, NotFound
from jalsa.service.ids import new_id


def write_note(db: Session, command: WriteNote, *, author: UUID, now: datetime) -> Note:
    """Store a draft. `author` is the writing provider's id.

    Raises 422 for a session or participant that is unknown or does not fit the scope, 403 `forbidden` for another
    provider's session, 409 `invalid-transition` for a cancelled session or spot, and 409 `note-exists`.
    """
    session = db.get(SessionProjection, command.session_id)
    if session is None:
        raise InvalidField("session_id", "There is no such session.")
    if session.provider_id != author:
        raise _not_the_provider()
    participant = _participant(db, session, command.scope, command.participant_id)
    _check_takes_place(session, participant)
    note = Note(
        id=new_id(),
        session_id=command.session_id,
        scope=command.scope,
        participant_id=command.participant_id,
        discipline=command.discipline,
        content=command.content,
        provider_id=author,
        status=domain.DRAFT,
        version=1,
        created_at=now,
        created_by=context_of(db).actor,
        updated_at=now,
    )
    db.add(note)
    db.flush()
    return note


def change_note(db: Session, note: Note, command: ChangeNote, *, now: datetime) -> Note:
    """Replace a draft's content and count its version up. Raises 409 `invalid-transition` for a signed note."""
    _check_draft(note)
    note.content, note.version, note.updated_at = command.content, note.version + 1, now
    db.flush()
    return note


def sign_note(db: Session, note: Note, *, now: datetime) -> Note:
    """DRAFT → SIGNED, and publish NoteSigned.

    Raises 409 `invalid-transition` for a signed note, and where the session or the spot was cancelled meanwhile or the
    participant has moved to another session. Raises 403 `forbidden` where the session has another provider by now.
    """
    domain.NOTE.check(note.status, domain.SIGNED)
    session = db.get_one(SessionProjection, note.session_id)
    if session.provider_id != note.provider_id:
        raise _not_the_provider()
    _check_takes_place(session, db.get(ParticipantProjection, note.participant_id) if note.participant_id else None)
    note.status, note.signed_at, note.signed_by, note.updated_at = domain.SIGNED, now, context_of(db).actor, now
    db.flush()
    events.note_signed(db, note, now)
    return note


def locked_draft(db: Session, note_id: UUID, reader: domain.Reader, *, author: UUID) -> Note:
    """The author's draft, its row locked until the transaction ends.

    Raises 404 where the caller may not even read it, 403 `forbidden` where it is another provider's, and 409
    `invalid-transition` where it is signed.
    """
    note = queries.find_note(db, note_id, reader, lock=True)
    if note is None:
        raise NotFound("note")
    if note.provider_id != author:
        raise _not_the_provider()
    _check_draft(note)
    return note


def _participant(
    db: Session, session: SessionProjection, scope: str, participant_id: UUID | None
) -> ParticipantProjection | None:
    if scope == domain.GROUP:
        if session.session_type != domain.GROUP:
            raise InvalidField("scope", "The session is not a group session.")
        return None
    participant = db.get(ParticipantProjection, participant_id)
    if participant is None or participant.session_id != session.id:
        raise InvalidField("participant_id", "There is no such participant in this session.")
    return participant


def _check_takes_place(session: SessionProjection, participant: ParticipantProjection | None) -> None:
    """Nothing is documented of a session that was cancelled, nor of a spot in it that was given up or moved."""
    if session.status == domain.CANCELLED:
        raise errors.SessionCancelled
    if participant is None:
        return
    if participant.session_id != session.id or participant.status not in domain.LIVE_PARTICIPANT:
        raise errors.NoSpotAnyMore


def _check_draft(note: Note) -> None:
    if note.status != domain.DRAFT:
        raise errors.NoteSigned


def _not_the_provider() -> Forbidden:
    return Forbidden("Only the session's provider writes and signs its notes.")
