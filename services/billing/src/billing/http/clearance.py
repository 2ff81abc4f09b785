"""Whether an appointment's patient may check in as far as money goes."""

from uuid import UUID

from flask import Response

from billing.commands import ClearAppointment
from billing.http import represent, schemas
from billing.models import Clearance
from billing.operations import clearance as operations
from billing.operations.invoices import locked_invoice_of
from jalsa.http import Routes, check_if_match, current_db, json_with_etag
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject

routes = Routes("clearance", "Financial clearance")

_CLEARANCE = schemas.ClearanceAnswer()


@routes.view("/clearance/<uuid:appointment_id>", permission="clearance.read", response=_CLEARANCE)
def get_clearance(appointment_id: UUID) -> Response:
    """The clearance of an appointment."""
    return json_with_etag(_shown(_found(appointment_id)))


@routes.view(
    "/clearance/<uuid:appointment_id>",
    "POST",
    permission="clearance.write",
    body=schemas.ClearanceBody(),
    response=_CLEARANCE,
)
def clear_appointment(command: ClearAppointment, appointment_id: UUID) -> Response:
    """Clear an appointment by hand, whatever its invoice says."""
    db = current_db()
    invoice = locked_invoice_of(db, appointment_id)
    check_if_match(_shown(_found(appointment_id)))
    return json_with_etag(_shown(operations.clear_by_hand(db, invoice, command, now=clock.now())))


def _found(appointment_id: UUID) -> Clearance:
    clearance = current_db().get(Clearance, appointment_id)
    if clearance is None:
        raise NotFound("clearance")
    return clearance


def _shown(clearance: Clearance) -> JsonObject:
    shown: JsonObject = _CLEARANCE.dump(represent.clearance(clearance))
    return shown
