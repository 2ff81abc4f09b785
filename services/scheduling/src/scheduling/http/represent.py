"""Records as their answers show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from scheduling import queries
from scheduling.domain import check_in_blockers
from scheduling.http.schemas import ParticipantAnswer, SessionAnswer
from scheduling.models import ClinicalSession, Participant

_SESSION = SessionAnswer()
_PARTICIPANT = ParticipantAnswer()


def sessions(db: Session, rows: Sequence[ClinicalSession]) -> list[dict[str, Any]]:
    """Sessions with their places counted."""
    taken = queries.places_taken(db, [row.id for row in rows])
    return [_session(row, taken.get(row.id, 0)) for row in rows]


def participants(db: Session, rows: Sequence[Participant], now: datetime) -> list[dict[str, Any]]:
    """Participants with their session and what stands against their check-in at this instant."""
    taken = queries.places_taken(db, list({row.session_id for row in rows}))
    cleared = queries.cleared(db, [row.id for row in rows])
    consented = queries.consented(db, list({row.patient_id for row in rows}))
    return [
        _participant(row, taken.get(row.session_id, 0), row.id in cleared, row.patient_id in consented, now)
        for row in rows
    ]


def _session(row: ClinicalSession, taken: int) -> dict[str, Any]:
    shown = {
        **{name: getattr(row, name, None) for name in _SESSION.fields},
        "service_type": row.service_type.code,
        "timezone": row.clinic.timezone,
        "duration_minutes": (row.ends_at - row.starts_at).total_seconds() // 60,
        "current_capacity": taken,
        "available_spots": max(row.max_capacity - taken, 0),
        "is_full": taken >= row.max_capacity,
        "capacity_percentage": round(100 * taken / row.max_capacity, 1),
    }
    dumped: dict[str, Any] = _SESSION.dump(shown)
    return dumped


def _participant(row: Participant, taken: int, cleared: bool, consented: bool, now: datetime) -> dict[str, Any]:
    blockers = check_in_blockers(
        cleared=cleared,
        consented=consented,
        starts_at=row.session.starts_at,
        zone=row.session.clinic.timezone,
        now=now,
    )
    shown = {
        **{name: getattr(row, name, None) for name in _PARTICIPANT.fields if name != "session"},
        "finance_cleared": cleared,
        "consent_verified": consented,
        "can_check_in": not blockers and row.status in ("BOOKED", "CONFIRMED"),
        "check_in_blockers": blockers,
    }
    dumped: dict[str, Any] = _PARTICIPANT.dump(shown)
    return {**dumped, "session": _session(row.session, taken)}
