"""Whatever was merged and undone, the five databases are at last as they were, in whatever order they heard of it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from jalsa.events.envelope import Envelope
from jalsa.events.outbox import COLUMNS, envelope_of
from jalsa.events.relay import assign_positions
from jalsa_local.services import load_all

Json = dict[str, Any]

PATIENTS = 4
#: What says how the rows came about, or what has passed between the services, and so has grown.
HISTORY = frozenset(
    {"access_log", "audit_log", "outbox", "outbox_heads", "inbox_heads", "idempotency_keys", "patient_merges"}
)

_TABLES = text("""
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND attname = 'tenant_id' ORDER BY relname
""")
_NEW_EVENTS = text(f"SELECT {COLUMNS} FROM outbox WHERE position > :after ORDER BY position")


@dataclass
class Centre:
    """A tenant of all five services. This test is the bus between them."""

    kits: dict[str, ServiceKit]
    tenant: str = field(default_factory=lambda: f"t{uuid4().hex[:12]}")
    patients: list[str] = field(default_factory=list)
    _read: dict[str, int] = field(default_factory=dict)

    def post(self, service: str, path: str, body: Json) -> TestResponse:
        return self.kits[service].client(self.tenant, "manager").post(path, body)

    def make(self, service: str, path: str, body: Json) -> Json:
        answer = self.post(service, path, body)
        assert answer.status_code in (200, 201), answer.json
        made: Json = answer.json or {}
        return made

    def deliver(self, picks: Sequence[int] = ()) -> None:
        """Bring every event to everybody who follows it: each subject's in order, subjects in an order of `picks`."""
        while waiting := self._new_events():
            order = iter(picks)
            for name, kit in self.kits.items():
                queues: dict[str, list[Envelope]] = {}
                for event in waiting:
                    if event.service != name and kit.inbox.follows(event):
                        queues.setdefault(f"{event.source} {event.subject}", []).append(event)
                while queues:
                    subject = sorted(queues)[next(order, 0) % len(queues)]
                    kit.inbox.receive(queues[subject].pop(0))
                    if not queues[subject]:
                        del queues[subject]

    def rows(self) -> dict[str, list[str]]:
        """Every row of the tenant in every table, but for what is history."""
        found = {}
        for name, kit in self.kits.items():
            with kit.transaction(self.tenant) as db:
                for table in set(db.scalars(_TABLES)) - HISTORY:
                    query = text(f"SELECT to_jsonb(t)::text AS row FROM {table} t ORDER BY row")
                    found[f"{name}.{table}"] = list(db.scalars(query))
        return found

    def _new_events(self) -> list[Envelope]:
        found = []
        for name, kit in self.kits.items():
            while assign_positions(kit.relay.engine):
                pass
            with kit.transaction(self.tenant) as db:
                rows = db.execute(_NEW_EVENTS, {"after": self._read.get(name, 0)}).all()
            self._read[name] = max((row.position for row in rows), default=self._read.get(name, 0))
            found += [envelope_of(row) for row in rows]
        return found


@pytest.fixture(scope="module")
def centre(servers: Servers, issuer: Issuer) -> Iterator[Centre]:
    """Patients with files, consents, appointments, notes to be written, invoices and messages. All have heard of it."""
    with ExitStack() as stack:
        kits = {name: stack.enter_context(service_kit(each, servers, issuer)) for name, each in load_all().items()}
        made = Centre(kits)
        _set_up(made)
        yield made


def _set_up(centre: Centre) -> None:
    clinic = centre.make("scheduling", "/clinics", {"code": "OT", "name_en": "Therapy", "name_ar": "علاج"})
    types = {"code": "OT-60", "name_en": "OT", "name_ar": "علاج", "discipline": "OT", "default_duration_minutes": 60}
    centre.make("scheduling", "/service-types", types)
    centre.make("billing", "/prices", {"service_type": "OT-60", "amount": "300.00", "vat_category": "S"})
    start = (datetime.now(UTC) + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
    for n in range(PATIENTS):
        provider = _provider(centre, clinic, n)
        registered = centre.make("patient-files", "/patients", _person(n))
        centre.patients.append(registered["id"])
        centre.deliver()
        placement = {"clinic_id": clinic["id"], "provider_id": provider["id"], "service_type": "OT-60"}
        # all at one time, so that those of merged patients overlap
        when = {"starts_at": start.isoformat(), "duration_minutes": 60, "patient_id": registered["id"]}
        centre.make("scheduling", "/appointments", {**placement, **when})
        consent = {"consent_type": "TREATMENT", "signed_by": "Huda", "signed_at": "2026-06-01T09:00:00Z"}
        given = centre.make("patient-files", "/consents", {"patient_id": registered["id"], **consent})
        if n % 2:
            centre.make("patient-files", f"/consents/{given['id']}/revoke", {})
    centre.deliver()


def _provider(centre: Centre, clinic: Json, n: int) -> Json:
    body = {"name_en": "Layla", "name_ar": "ليلى", "user_id": f"layla-{n}", "discipline": "OT"}
    provider = centre.make("scheduling", "/providers", {**body, "clinic_ids": [clinic["id"]]})
    week = [{"weekday": day, "start": "00:00", "end": "00:00", "clinic_id": clinic["id"]} for day in range(7)]
    manager = centre.kits["scheduling"].client(centre.tenant, "manager")
    assert manager.put(f"/providers/{provider['id']}/working-hours", {"items": week}).status_code == 200
    return provider


def _person(n: int) -> Json:
    names = {"first_name_en": "Sara", "last_name_en": "Nasser"}
    contact = {"phone": f"+96650000000{n + 1}", "preferred_language": "ar"}
    return {**names, **contact, "date_of_birth": "2015-04-30", "sex": "F"}


which = st.integers(0, PATIENTS - 1)
histories = st.lists(st.tuples(st.sampled_from(["merge", "merge", "undo"]), which, which, st.booleans()), max_size=8)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, picks=st.lists(st.integers(0, 20), max_size=60))
def test_after_every_merge_is_undone_all_rows_of_the_five_databases_are_as_at_the_start(
    centre: Centre, history: list[tuple[str, int, int, bool]], picks: list[int]
) -> None:
    before, merged = centre.rows(), dict[str, str]()
    assert before["scheduling.aliases"] == []
    for kind, one, other, delivered in history:
        loser, into = centre.patients[one], centre.patients[other]
        if kind == "undo":
            answer = centre.post("patient-files", f"/patients/{loser}/unmerge", {"reason": "Two persons"})
            assert answer.status_code == (200 if loser in merged else 409)
            merged.pop(loser, None)
        else:
            answer = centre.post("patient-files", f"/patients/{loser}/merge", {"into": into, "reason": "One person"})
            may = loser != into and loser not in merged and into not in merged
            assert answer.status_code == (200 if may else 409)
            if may:
                merged[loser] = into
        if delivered:
            centre.deliver(picks)
    centre.deliver(picks)
    _assert_all_read_alike(centre, merged)
    for loser in list(merged):
        centre.make("patient-files", f"/patients/{loser}/unmerge", {"reason": "Two persons"})
    centre.deliver(picks)
    assert centre.rows() == before


def _assert_all_read_alike(centre: Centre, merged: dict[str, str]) -> None:
    """Under each id, the appointments, invoices and messages of all who are one person by now. And no event is dead."""

    def last(one: str) -> str:
        return last(merged[one]) if one in merged else one

    for patient in centre.patients:
        person = {each for each in centre.patients if last(each) == last(patient)}
        for service, path in (
            ("scheduling", "/appointments"),
            ("billing", "/invoices"),
            ("notifications", "/messages"),
        ):
            found = centre.kits[service].client(centre.tenant).get(path, patient_id=patient).json["items"]
            assert {each["patient_id"] for each in found} == person, service
        with centre.kits["clinical-notes"].transaction(centre.tenant) as db:
            found_here = db.execute(text("SELECT survivor_of(:id)"), {"id": UUID(patient)}).scalar_one()
        assert str(found_here) == last(patient)
    for kit in centre.kits.values():
        assert kit.client(centre.tenant).get("/events/inbox").json["items"] == []
