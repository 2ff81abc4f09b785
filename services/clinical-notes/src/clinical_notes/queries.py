"""The read side."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session

from clinical_notes.commands import FindNotes, FindSessions
from clinical_notes.domain import CANCELLED, GROUP, LIVE_PARTICIPANT, SIGNED, Reader
from clinical_notes.models import (
    ClinicProjection,
    Note,
    ParticipantProjection,
    PatientProjection,
    ProviderProjection,
    SessionProjection,
)
from jalsa.db.aliases import stands_for, survivors_of
from jalsa.db.keyset import keyset


class SessionRow(NamedTuple):
    """A session with its clinic and provider, as far as they are known."""

    session: SessionProjection
    clinic: ClinicProjection | None
    provider: ProviderProjection | None


class RosterRow(NamedTuple):
    """A participant, with the file number of the patient as far as it is known."""

    participant: ParticipantProjection
    file_number: str | None


class NoteState(NamedTuple):
    """How far a note is, without its content."""

    note_id: UUID
    status: str


def find_note(db: Session, note_id: UUID, reader: Reader, *, lock: bool = False) -> Note | None:
    """A note, if the reader may read it."""
    query = select(Note).where(Note.id == note_id, _readable(reader))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalar(query)


def list_notes(db: Session, reader: Reader, asked: FindNotes, *, after: UUID | None, limit: int) -> Sequence[Note]:
    """The notes that were asked for and that the reader may read, in the order in which they were begun."""
    query = keyset(select(Note).where(_readable(reader)), Note.id, after=after, limit=limit)
    for name in ("session_id", "participant_id", "discipline", "scope", "status"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(Note, name) == value)
    if asked.patient_id is not None:
        query = query.where(_about(asked.patient_id))
    return db.scalars(query).all()


def list_sessions(
    db: Session,
    asked: FindSessions,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[SessionRow]:
    """Sessions that are not cancelled, in the order of their start, with clinic and provider as far as known."""
    query = (
        select(SessionProjection, ClinicProjection, ProviderProjection)
        .outerjoin(ClinicProjection, ClinicProjection.id == SessionProjection.clinic_id)
        .outerjoin(ProviderProjection, ProviderProjection.id == SessionProjection.provider_id)
        .where(SessionProjection.status != CANCELLED)
    )
    query = keyset(query, SessionProjection.starts_at, SessionProjection.id, after=after, limit=limit)
    if asked.provider_id is not None:
        query = query.where(SessionProjection.provider_id == asked.provider_id)
    if asked.starts_from is not None:
        query = query.where(SessionProjection.starts_at >= asked.starts_from)
    if asked.starts_before is not None:
        query = query.where(SessionProjection.starts_at < asked.starts_before)
    return [SessionRow(session, clinic, provider) for session, clinic, provider in db.execute(query)]


def rosters(db: Session, session_ids: Sequence[UUID]) -> list[RosterRow]:
    """The live participants of sessions, with their file numbers as far as known, in the order of booking.

    A merged patient's file is the survivor's.
    """
    participants = db.scalars(
        select(ParticipantProjection)
        .where(ParticipantProjection.session_id.in_(session_ids), ParticipantProjection.status.in_(LIVE_PARTICIPANT))
        .order_by(ParticipantProjection.id)
    ).all()
    survivors = survivors_of(db, {participant.patient_id for participant in participants})
    files = select(PatientProjection.id, PatientProjection.file_number)
    known = {row.id: row.file_number for row in db.execute(files.where(PatientProjection.id.in_(survivors.values())))}
    return [RosterRow(each, known.get(survivors[each.patient_id])) for each in participants]


def note_states(db: Session, session_ids: Sequence[UUID]) -> dict[tuple[UUID, UUID | None], NoteState]:
    """How far the notes of sessions are, by session and participant. The shared note of a session has no participant.

    Of a session that was given to another provider, the draft of the former one does not count. A note that was signed
    does, as long as the present one has begun none.
    """
    of_the_provider = Note.provider_id == SessionProjection.provider_id
    rows = db.execute(
        select(Note.session_id, Note.participant_id, Note.id, Note.status)
        .join(SessionProjection, SessionProjection.id == Note.session_id)
        .where(Note.session_id.in_(session_ids), or_(of_the_provider, Note.status == SIGNED))
        .order_by(of_the_provider)  # the last row of a spot counts
    )
    return {
        (session_id, participant_id): NoteState(note_id, status) for session_id, participant_id, note_id, status in rows
    }


def _readable(reader: Reader) -> ColumnElement[bool]:
    if reader.reads_every_draft:
        return true()
    return or_(Note.status == SIGNED, Note.provider_id == reader.provider_id)


def _about(patient_id: UUID) -> ColumnElement[bool]:
    spots = select(ParticipantProjection).where(stands_for(ParticipantProjection.patient_id, patient_id))
    own = spots.with_only_columns(ParticipantProjection.id)
    live = spots.where(ParticipantProjection.status.in_(LIVE_PARTICIPANT))
    return or_(
        Note.participant_id.in_(own),
        and_(Note.scope == GROUP, Note.session_id.in_(live.with_only_columns(ParticipantProjection.session_id))),
    )
