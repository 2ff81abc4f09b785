"""Records with the values that are computed for their answers, by id. The schemas of the answers serialise them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.appointments.operations.attendance import blocker_details, late_minutes
from scheduling.appointments.queries import participant_records
from scheduling.domain import PARTICIPANT, check_in_blockers
from scheduling.http.schemas.sessions import ParticipantAnswer, SessionAnswer
from scheduling.models import ClinicalSession, Participant
from scheduling.timetable.conflicts import absences_over
from scheduling.timetable.spots import Spots, spots_of

# The fields of the answers. Those that a row does not have are computed here.
_SESSION = tuple(SessionAnswer().fields)
_PARTICIPANT = tuple(ParticipantAnswer().fields)


def sessions(db: Session, rows: Sequence[ClinicalSession]) -> dict[UUID, dict[str, Any]]:
    """Return sessions with their spots, and with the absences that affect them."""
    ids = [row.id for row in rows]
    spots, blocked = spots_of(db, ids), absences_over(db, ids)
    return {row.id: _session(row, spots[row.id], blocked[row.id]) for row in rows}


def participants(db: Session, rows: Sequence[Participant], now: datetime) -> dict[UUID, dict[str, Any]]:
    """Return participants with their session, and with what currently blocks their check-in."""
    standings = participant_records.standings(db, [row.id for row in rows])
    return {row.id: participant(row, standings[row.id], now) for row in rows}


def _session(row: ClinicalSession, spots: Spots, blocked: Sequence[str]) -> dict[str, Any]:
    return {
        **{name: getattr(row, name, None) for name in _SESSION},
        "service_type": row.service_type.code,
        "timezone": row.clinic.timezone,
        "booked_count": spots.taken,
        "current_capacity": spots.taken,
        "held_spots": spots.held,
        "available_spots": spots.available,
        "is_full": not spots.available,
        "capacity_percentage": round(100 * spots.taken / row.max_capacity, 1),
        "blocked_by": blocked,
    }


def participant(row: Participant, standing: participant_records.Standing, now: datetime) -> dict[str, Any]:
    """Return one participant whose standing is already known."""
    blockers = check_in_blockers(
        cleared=standing.cleared,
        consented=standing.consented,
        starts_at=row.session.starts_at,
        zone=row.session.clinic.timezone,
        now=now,
    )
    return {
        **{name: getattr(row, name, None) for name in _PARTICIPANT},
        "finance_cleared": standing.cleared,
        "consent_verified": standing.consented,
        "can_check_in": not blockers and "ARRIVED" in PARTICIPANT.moves[row.status],
        "check_in_blockers": blockers,
        "check_in_blocker_details": blocker_details(row, standing, blockers),
        "late_minutes": late_minutes(row),
        "check_in": _check_in(row) if row.arrived_at else None,
        "package": standing.package,
        "session": _session(row.session, standing.spots, standing.blocked),
    }


def _check_in(row: Participant) -> dict[str, Any]:
    return {
        "by": row.arrived_by,
        "finance_cleared": row.arrived_cleared,
        "consent_verified": row.arrived_consented,
        "override_reason": row.check_in_override_reason,
    }
