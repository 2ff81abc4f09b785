"""What a view says to the access log: which records of which patients it has shown, in this very request.

A view that declares a kind of records (`Routes.view(…, reads="consent")`) calls one of these functions each time. The
edge stores what was said with one statement, in the transaction of the request. So nothing is shown without its row. A
view that has said nothing fails: that is a fault of ours. What such a view refuses (403, 404) is stored, too, in a
transaction of its own, because the request's is rolled back.
"""

import hashlib
import hmac
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast
from uuid import UUID

from flask import current_app, g

from jalsa.db.access_log import OPERATIONS, PAYMENT, TREATMENT, Read, Reader
from jalsa.service.folding import fold

if TYPE_CHECKING:
    from jalsa.service.policy import Principal

#: The status of an answer that keeps a record from somebody.
REFUSALS = frozenset({403, 404})


class NothingSaid(RuntimeError):
    """A view that shows records of patients did not say which."""


@dataclass
class Shown:
    """What a request has shown so far. `kind` is what its view declares, `asked` of whom it was asked for something."""

    kind: str | None
    asked: UUID | None = None
    reads: list[Read] = field(default_factory=list)
    said: bool = False


class ThisHour:
    """The hour's rows that this process has stored: a list that is shown again in the hour needs no statement.

    It goes by the process's clock. What it forgets, the unique key of the table keeps from being stored twice.
    """

    #: So many rows take about ten megabytes.
    most = 50_000

    def __init__(self) -> None:
        self._hour = 0
        self._stored: set[tuple[str, str, str, UUID | None]] = set()

    def without_stored(self, tenant: str, person: str, reads: list[Read]) -> list[Read]:
        """The reads that are not known to be stored."""
        hour = int(time.time() // 3600)  # of UTC, as in the table
        if hour != self._hour or len(self._stored) > self.most:
            self._hour, self._stored = hour, set()
        stored = self._stored
        return [read for read in reads if not read.hourly or (tenant, person, read.kind, read.patient_id) not in stored]

    def keep(self, tenant: str, person: str, reads: list[Read]) -> None:
        """Remember what was stored, once it is committed."""
        self._stored.update((tenant, person, read.kind, read.patient_id) for read in reads if read.hourly)


def asks_for(patient_id: UUID) -> None:
    """Say whose record is asked for, where the path does not: a refusal then names the patient."""
    _shown().asked = patient_id


def shows_record(
    patient_id: UUID | None,
    record_id: object = None,
    *,
    kind: str | None = None,
    relation: str | None = None,
    reason: str | None = None,
    grant_id: UUID | None = None,
) -> None:
    """Say that one record is shown: a row of its own.

    `kind` is said where it is not the one that the view declares. `relation` is what the caller is to the patient, if
    the record is shown for that. `grant_id` and `reason` are those of the grant under which it is shown.
    """
    shown = _shown()
    shown.reads.append(
        Read(
            kind=kind or _declared(shown),
            patient_id=patient_id,
            record_id=None if record_id is None else str(record_id),
            relation=relation,
            reason=reason,
            grant_id=grant_id,
        )
    )
    shown.said = True


def shows_list(patient_ids: Collection[UUID | None], *, kind: str | None = None) -> None:
    """Say of whom a list shows something: a row for each patient in each hour. An empty list is said as well."""
    shown = _shown()
    kind = kind or _declared(shown)
    patients = dict.fromkeys(patient_id for patient_id in patient_ids if patient_id is not None)
    shown.reads += [Read(kind=kind, patient_id=patient_id, hourly=True) for patient_id in patients]
    shown.said = True


def shows_search(text: str, patient_ids: Collection[UUID], *, kind: str | None = None) -> None:
    """Say what was searched for and whom it found: a row with the HMAC of the folded text, and a list."""
    shown = _shown()
    key = current_app.extensions["jalsa"].config.access_log_key
    shown.reads.append(Read(kind=kind or _declared(shown), text_hmac=text_hmac(key, g.principal.tenant, text)))
    shows_list(patient_ids, kind=kind)


def text_hmac(key: str, tenant: str, text: str) -> bytes:
    """The HMAC (SHA-256) of a text as it is compared: whoever has the key can look whether a name was searched for."""
    return hmac.digest(key.encode(), f"{tenant}\n{fold(text)}".encode("utf-8", "surrogatepass"), hashlib.sha256)


def reader(principal: "Principal", request_id: str) -> Reader:
    """The caller as a reader. The purpose follows from the roles: nobody is asked for it."""
    roles = sorted(principal.roles)
    purpose = PAYMENT if roles == ["biller"] else OPERATIONS
    if "clinician" in principal.acting_roles:
        purpose = TREATMENT
    return Reader(person=principal.subject, roles=roles, request_id=request_id, purpose=purpose)


def shown_or_fail(shown: Shown, view: str) -> list[Read]:
    """What a view has shown. Raises NothingSaid for one that declares what it reads, and has not said which it was."""
    if shown.kind is not None and not shown.said:
        raise NothingSaid(view)
    return shown.reads


def refused(shown: Shown, values: Mapping[str, object], code: str) -> list[Read]:
    """What a view was not to show: what it had found already, else what the path's `values` name."""
    if shown.reads:
        return [_refused(read, code) for read in shown.reads]
    patient_id = shown.asked or values.get("patient_id")
    others = [str(value) for name, value in values.items() if name != "patient_id"]
    asked = Read(
        kind=_declared(shown),
        patient_id=patient_id if isinstance(patient_id, UUID) else None,
        record_id=others[-1] if others else None,
        reason=code,
    )
    return [asked]


def _refused(read: Read, code: str) -> Read:
    return replace(read, reason=code, grant_id=None, hourly=False)


def _shown() -> Shown:
    return cast(Shown, g.shown)


def _declared(shown: Shown) -> str:
    if shown.kind is None:
        raise NothingSaid("a view that declares no kind of records")
    return shown.kind
