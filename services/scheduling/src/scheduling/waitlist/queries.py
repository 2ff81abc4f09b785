"""Queries for the waitlist: who waits, in which order, and what is offered to whom."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of_all, stands_for, survivors_of
from jalsa.db.keyset import keyset
from jalsa.service.json_types import JsonObject
from scheduling.domain import OPEN_ENTRY, UPCOMING_STATUSES
from scheduling.models import (
    ClinicalSession,
    Participant,
    PatientProjection,
    ServiceType,
    WaitlistEntry,
    WaitlistOffer,
)
from scheduling.timetable.hours import day_of, part_of_day, weekday_of
from scheduling.waitlist.commands import FindEntries

# Whether an entry waits for a session: for this one alone, or for any that meets its wishes.
_SUITS = """
    e.service_type_id = :service_type
      AND (e.session_id = :session
           OR e.session_id IS NULL
              AND (e.clinic_id IS NULL OR e.clinic_id = :clinic)
              AND (e.provider_id IS NULL OR e.provider_id = :provider)
              AND (e.weekdays = '{}' OR CAST(:weekday AS smallint) = ANY (e.weekdays))
              AND (e.part_of_day IS NULL OR e.part_of_day = :part)
              AND (e.from_date IS NULL OR e.from_date <= :day)
              AND (e.until_date IS NULL OR e.until_date >= :day))
"""
# A patient who has another session at that time, or an open offer, is passed over for now. A patient who has given up a
# spot in this session, declined it or let it lapse since the entry was created is passed over permanently.
# OFFSET 0 keeps each question apart from the entries. Joined with them, no index would serve a condition that asks a
# function of an entry's patient.
_NEXT = text(f"""
    SELECT e.* FROM waitlist_entries e
    WHERE e.status = 'WAITING' AND {_SUITS} AND e.id <> ALL (CAST(:but AS uuid[]))
      AND EXISTS (SELECT FROM patients p WHERE p.id = survivor_of(e.patient_id) AND p.active OFFSET 0)
      AND NOT EXISTS (SELECT FROM waitlist_offers o WHERE o.patient_id = ANY (aliases_of(e.patient_id))
                      AND o.status = 'OPEN' OFFSET 0)
      AND NOT EXISTS (SELECT FROM waitlist_offers o WHERE o.patient_id = ANY (aliases_of(e.patient_id))
                      AND o.session_id = :session
                      AND o.status IN ('DECLINED', 'LAPSED') AND o.closed_at >= e.created_at OFFSET 0)
      AND NOT EXISTS (SELECT FROM occupancy('patient', e.patient_id, 0, 0, :starts, :ends))
      AND NOT EXISTS (SELECT FROM participants p WHERE p.patient_id = ANY (aliases_of(e.patient_id))
                      AND p.session_id = :session AND p.cancelled_at >= e.created_at OFFSET 0)
    ORDER BY e.priority, e.id LIMIT 1
""")  # noqa: S608 - made of this module's own text
_MET = text(f"""
    SELECT e.* FROM waitlist_entries e
    WHERE e.patient_id = ANY (aliases_of(:patient)) AND e.status IN ('WAITING', 'OFFERED') AND {_SUITS} ORDER BY e.id
""")  # noqa: S608 - made of this module's own text


def next_in_line(db: Session, session: ClinicalSession, but: Collection[UUID] = ()) -> WaitlistEntry | None:
    """Return the first entry, by priority and age, to which a spot of a session can be offered, or None.

    Whether the patient can be contacted is checked elsewhere. The entries in `but` are passed over.
    """
    query = select(WaitlistEntry).from_statement(_NEXT).execution_options(populate_existing=True)
    return db.scalars(query, {**_asked(session), "but": list(but)}).one_or_none()


def met_by(db: Session, patient_id: UUID, session: ClinicalSession) -> Sequence[WaitlistEntry]:
    """Return the open entries of a patient that wait for a session, or whose wishes it meets."""
    query = select(WaitlistEntry).from_statement(_MET).execution_options(populate_existing=True)
    return db.scalars(query, {**_asked(session), "patient": patient_id}).all()


def waits(db: Session, patient_id: UUID) -> bool:
    """Whether a patient has an open entry."""
    query = select(WaitlistEntry.id).where(stands_for(WaitlistEntry.patient_id, patient_id), _OPEN).limit(1)
    return db.scalar(query) is not None


def waits_for_the_same(db: Session, entry: WaitlistEntry) -> bool:
    """Whether the patient of a new entry has an open one, under whatever id, for the session or the service type."""
    same = select(WaitlistEntry.id).where(stands_for(WaitlistEntry.patient_id, entry.patient_id), _OPEN)
    same = same.where(WaitlistEntry.session_id.is_not_distinct_from(entry.session_id))
    return db.scalar(same.where(WaitlistEntry.service_type_id == entry.service_type_id).limit(1)) is not None


def waiting_among(db: Session, session_id: UUID) -> Sequence[UUID]:
    """Return the patients who are expected in a session and have an open entry, each under the survivor's id."""
    coming = select(Participant.patient_id).where(
        Participant.session_id == session_id, Participant.status.in_(UPCOMING_STATUSES)
    )
    ids = aliases_of_all(db, db.scalars(coming))
    waiting = db.scalars(select(WaitlistEntry.patient_id).distinct().where(WaitlistEntry.patient_id.in_(ids), _OPEN))
    return sorted(set(survivors_of(db, waiting).values()))


def can_be_told(db: Session, patient_id: UUID) -> bool:
    """Whether a patient has a telephone number or an e-mail address, or it is not known yet."""
    survivor = PatientProjection.id == func.survivor_of(patient_id)
    return db.scalar(select(PatientProjection.reachable).where(survivor)) is not False


def unreachable(db: Session, patient_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the patients who have neither a telephone number nor an e-mail address."""
    survivors = survivors_of(db, patient_ids)
    query = select(PatientProjection.id).where(PatientProjection.id.in_(survivors.values()), _UNREACHABLE)
    found = set(db.scalars(query))
    return {asked for asked, survivor in survivors.items() if survivor in found}


def passed_over(db: Session, patient_id: UUID) -> set[UUID]:
    """Return the sessions for which a patient who still waits was passed over last."""
    waiting = stands_for(WaitlistEntry.patient_id, patient_id), WaitlistEntry.status == "WAITING"
    query = select(WaitlistEntry.passed_over_session_id).where(*waiting)
    return {session_id for session_id in db.scalars(query) if session_id}


def _asked(session: ClinicalSession) -> JsonObject:
    day = day_of(session.starts_at, session.clinic.timezone)
    return {
        "session": session.id,
        "service_type": session.service_type_id,
        "clinic": session.clinic_id,
        "provider": session.provider_id,
        "day": day,
        "weekday": weekday_of(day),
        "part": part_of_day(session.starts_at, session.clinic.timezone),
        "starts": session.starts_at,
        "ends": session.ends_at,
    }


_OPEN = WaitlistEntry.status.in_(OPEN_ENTRY)
_UNREACHABLE = PatientProjection.reachable.is_(False)


def list_entries(
    db: Session, asked: FindEntries, *, after: tuple[int, UUID] | None, limit: int
) -> Sequence[WaitlistEntry]:
    """List entries in the order in which spots are offered to them."""
    query = keyset(select(WaitlistEntry), WaitlistEntry.priority, WaitlistEntry.id, after=after, limit=limit)
    if asked.patient_id is not None:
        query = query.where(stands_for(WaitlistEntry.patient_id, asked.patient_id))
    for name in ("session_id", "clinic_id", "status"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(WaitlistEntry, name) == value)
    if asked.service_type:
        query = query.where(WaitlistEntry.service_type.has(ServiceType.code == asked.service_type))
    if asked.attention:
        survivor = PatientProjection.id == func.survivor_of(WaitlistEntry.patient_id)
        reachable = select(PatientProjection.reachable).where(survivor).scalar_subquery()
        query = query.where(
            WaitlistEntry.status == "WAITING",
            WaitlistEntry.passed_over_at.is_not(None),
            reachable.is_(False),
        )
    return db.scalars(query).all()


def waiting_for(db: Session, session_id: UUID) -> Sequence[WaitlistEntry]:
    """Return the entries without an offer that wait only for one session."""
    query = select(WaitlistEntry).where(WaitlistEntry.session_id == session_id, WaitlistEntry.status == "WAITING")
    return db.scalars(query.execution_options(populate_existing=True)).all()


def last_offer(db: Session, entry_id: UUID) -> WaitlistOffer | None:
    """Return the latest offer of an entry in any state, or None."""
    query = select(WaitlistOffer).where(WaitlistOffer.entry_id == entry_id).order_by(WaitlistOffer.id.desc()).limit(1)
    return db.scalar(query.execution_options(populate_existing=True))


def open_offer(db: Session, entry_id: UUID) -> WaitlistOffer | None:
    """Return the open offer of an entry, or None."""
    offer = last_offer(db, entry_id)
    return offer if offer and offer.status == "OPEN" else None


def open_offers(db: Session, session_id: UUID) -> Sequence[UUID]:
    """Return the open offers of a session, in the order in which they were made."""
    query = select(WaitlistOffer.id).where(WaitlistOffer.session_id == session_id, WaitlistOffer.status == "OPEN")
    return db.scalars(query.order_by(WaitlistOffer.id)).all()


def with_open_offers(db: Session, session_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the sessions that have an open offer."""
    query = select(WaitlistOffer.session_id).where(
        WaitlistOffer.session_id.in_(session_ids), WaitlistOffer.status == "OPEN"
    )
    return set(db.scalars(query))


def sessions_offered(db: Session, entry_id: UUID) -> Sequence[UUID]:
    """Return the session of an entry's open offer, or nothing."""
    query = select(WaitlistOffer.session_id).where(WaitlistOffer.entry_id == entry_id, WaitlistOffer.status == "OPEN")
    return db.scalars(query).all()


def offer_and_entry(db: Session, offer_id: UUID) -> tuple[WaitlistOffer, WaitlistEntry]:
    """Return the current state of an existing offer and of its entry."""
    offer = db.get_one(WaitlistOffer, offer_id, populate_existing=True)
    return offer, db.get_one(WaitlistEntry, offer.entry_id, populate_existing=True)


_SHOWN = text("""
    SELECT o.entry_id, o.id, o.session_id, o.offered_at, o.expires_at, s.session_number, s.starts_at, s.ends_at,
           s.clinic_id, s.provider_id
    FROM waitlist_offers o JOIN sessions s ON s.id = o.session_id
    WHERE o.status = 'OPEN' AND o.entry_id = ANY (CAST(:entries AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class ShownOffer:
    """An open offer, with the place and time of its session."""

    id: UUID
    session_id: UUID
    offered_at: datetime
    expires_at: datetime
    session_number: str
    starts_at: datetime
    ends_at: datetime
    clinic_id: UUID
    provider_id: UUID


def offers_shown(db: Session, entry_ids: Sequence[UUID]) -> dict[UUID, ShownOffer]:
    """Return the open offer of each entry that has one."""
    rows = db.execute(_SHOWN, {"entries": list(entry_ids)})
    return {entry_id: ShownOffer(*offer) for entry_id, *offer in rows}
