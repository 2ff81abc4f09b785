"""Warnings about patients."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import Forbidden, NotFound
from patient_files import policy
from patient_files.http import records
from patient_files.http.schemas import alerts as schemas
from patient_files.http.schemas.identity import WithdrawBody
from patient_files.models import Alert, Patient
from patient_files.patients import queries
from patient_files.patients.commands import RaiseAlert, Withdraw
from patient_files.patients.operations import alerts as operations

routes = Routes("alerts", "Warnings about patients")

_ALERT = schemas.AlertAnswer()
_OF_A_PATIENT = "/patients/<uuid:patient_id>/alerts"


@routes.view(
    _OF_A_PATIENT,
    permission="alerts.read",
    reads="alert",
    query=PlainPageArgs(),
    response=page_of(schemas.AlertAnswer),
)
def list_alerts(query: PageOf[Everything], patient_id: UUID) -> dict[str, Any]:
    """A patient's alerts, with those that have ended, in the order in which they were raised.

    The front desk reads those for everybody, and nothing shows that there are others.
    """
    records.shows_some(records.readable(patient_id))
    audiences, after = policy.audiences(current_principal()), decode_id_cursor(query.cursor)
    rows = queries.list_alerts(current_db(), patient_id, audiences, after=after, limit=query.limit + 1)
    return page_by_id(rows, query.limit)


@routes.view(
    _OF_A_PATIENT,
    "POST",
    permission="alerts.write",
    body=schemas.AlertBody(),
    response=_ALERT,
    status=201,
)
def raise_alert(command: RaiseAlert, patient_id: UUID) -> Response:
    """Warn of something with a patient. The front desk raises alerts for everybody."""
    if command.audience not in policy.audiences(current_principal()):
        raise Forbidden
    patient = records.locked_survivor(patient_id)
    return json_with_etag(_ALERT.dump(operations.raise_alert(current_db(), patient, command, now=clock.now())), 201)


@routes.view("/alerts/<uuid:alert_id>", permission="alerts.read", reads="alert", response=_ALERT)
def get_alert(alert_id: UUID) -> Response:
    """One alert."""
    alert, patient = _readable(current_db().get(Alert, alert_id))
    records.shows(patient, alert.id)
    return json_with_etag(_ALERT.dump(alert))


@routes.view("/alerts/<uuid:alert_id>/end", "POST", permission="alerts.write", body=WithdrawBody(), response=_ALERT)
def end_alert(command: Withdraw, alert_id: UUID) -> Response:
    """End an alert that holds no longer."""
    alert, _ = _readable(operations.locked_alert(current_db(), alert_id))
    check_if_match(_ALERT.dump(alert))
    return json_with_etag(_ALERT.dump(operations.end_alert(current_db(), alert, command, now=clock.now())))


def _readable(alert: Alert | None) -> tuple[Alert, Patient]:
    """An alert whose audience the caller belongs to, and its patient.

    Raises 404, since nothing shows that there are others.
    """
    if alert is None or alert.audience not in policy.audiences(current_principal()):
        raise NotFound("alert")
    return alert, records.readable(alert.patient_id)
