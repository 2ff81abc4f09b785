"""The waitlist, and the offers to waiting patients."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import PageOf, Routes, check_if_match, current_db, json_with_etag, page, page_of
from jalsa.http.fields import EmptyBody
from jalsa.http.paging import decode_cursor
from jalsa.service import clock
from jalsa.service.errors import InvalidField, NotFound
from scheduling.domain import UNREACHABLE
from scheduling.http import represent
from scheduling.http.permissions import check_override, check_schedules
from scheduling.http.schemas import waitlist as schemas
from scheduling.http.schemas.sessions import ParticipantAnswer
from scheduling.models import WaitlistEntry
from scheduling.use_cases import waitlist
from scheduling.waitlist import queries
from scheduling.waitlist.commands import AcceptOffer, AddEntry, ChangeEntry, FindEntries

routes = Routes("waitlist", "Waitlist entries, and the spots that are offered to them")

_ENTRY = schemas.WaitlistEntryAnswer()
_PARTICIPANT = ParticipantAnswer()


@routes.view("/waitlist", "POST", permission="waitlist.write", body=schemas.WaitlistBody(), response=_ENTRY, status=201)
def add_entry(command: AddEntry) -> Response:
    """Add a patient to the waitlist for a session, or for any session of a service type that meets the wishes."""
    return json_with_etag(_shown(waitlist.add(current_db(), command, now=clock.now())), 201)


@routes.view(
    "/waitlist", permission="waitlist.read", query=schemas.WaitlistArgs(), response=page_of(schemas.WaitlistEntryAnswer)
)
def list_entries(query: PageOf[FindEntries]) -> dict[str, Any]:
    """List the entries in the order in which spots are offered, by priority and then by age."""
    rows = queries.list_entries(current_db(), query.asked, after=_decoded(query.cursor), limit=query.limit + 1)
    shown = _represented(rows)
    return page(rows, query.limit, lambda row: f"{row.priority} {row.id}", lambda row: shown[row.id])


@routes.view("/waitlist/<uuid:entry_id>", permission="waitlist.read", response=_ENTRY)
def get_entry(entry_id: UUID) -> Response:
    """Return one entry, with its open offer."""
    entry = current_db().get(WaitlistEntry, entry_id)
    if entry is None:
        raise NotFound("waitlist entry")
    return json_with_etag(_shown(entry))


@routes.view(
    "/waitlist/<uuid:entry_id>", "PATCH", permission="waitlist.write", body=schemas.WaitlistPatch(), response=_ENTRY
)
def update_entry(command: ChangeEntry, entry_id: UUID) -> Response:
    """Change an entry's priority, notes or preferences. Its age stays."""
    return json_with_etag(_shown(waitlist.update(current_db(), _matched(entry_id), command, now=clock.now())))


@routes.view(
    "/waitlist/<uuid:entry_id>/accept",
    "POST",
    permission="waitlist.write",
    body=schemas.AcceptBody(),
    response=_PARTICIPANT,
    status=201,
)
def accept_offer(command: AcceptOffer, entry_id: UUID) -> Response:
    """Accept the offer and book the patient. The answer is the booking."""
    check_override(command.override)
    now = clock.now()
    booked = waitlist.accept(current_db(), _matched(entry_id), command.override, now=now)
    check_schedules(booked.participant.session.provider_id)
    return json_with_etag(_PARTICIPANT.dump(represent.participant(booked.participant, booked.standing, now)), 201)


@routes.view(
    "/waitlist/<uuid:entry_id>/decline", "POST", permission="waitlist.write", body=EmptyBody(), response=_ENTRY
)
def decline_offer(_: dict[str, Any], entry_id: UUID) -> Response:
    """Decline the offer. The spot is offered to the next patient."""
    return json_with_etag(_shown(waitlist.decline(current_db(), _matched(entry_id), now=clock.now())))


@routes.view("/waitlist/<uuid:entry_id>/cancel", "POST", permission="waitlist.write", body=EmptyBody(), response=_ENTRY)
def cancel_entry(_: dict[str, Any], entry_id: UUID) -> Response:
    """Cancel an entry, because the patient no longer waits."""
    return json_with_etag(_shown(waitlist.cancel(current_db(), _matched(entry_id), now=clock.now())))


def _matched(entry_id: UUID) -> WaitlistEntry:
    entry = waitlist.held_entry(current_db(), entry_id)
    check_if_match(_shown(entry))
    return entry


def _shown(entry: WaitlistEntry) -> Any:
    return _ENTRY.dump(_represented([entry])[entry.id])


def _represented(rows: Sequence[WaitlistEntry]) -> dict[UUID, dict[str, Any]]:
    db = current_db()
    offers = queries.offers_shown(db, [row.id for row in rows])
    passed_over = [row.patient_id for row in rows if row.status == "WAITING" and row.passed_over_at]
    unreachable = queries.unreachable(db, passed_over) if passed_over else set()
    return {
        row.id: {
            **{name: getattr(row, name, None) for name in _ENTRY.fields},
            "service_type": row.service_type.code,
            "offer": offers.get(row.id),
            "attention": UNREACHABLE if row.patient_id in unreachable and row.passed_over_at else None,
        }
        for row in rows
    }


def _decoded(cursor: str | None) -> tuple[int, UUID] | None:
    if cursor is None:
        return None
    priority, _, entry_id = decode_cursor(cursor).partition(" ")
    try:
        return int(priority), UUID(entry_id)
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
