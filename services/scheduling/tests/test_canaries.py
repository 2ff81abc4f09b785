"""Every GET of every role is asked. No word from a field that is not for everybody reaches whom it is not for."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from marshmallow import Schema
from marshmallow.fields import Nested
from sqlalchemy import text

from jalsa.dev.canaries import seen_by_role, undeclared
from jalsa.dev.kit import Client, ServiceKit
from jalsa.http.restricted import readers_of
from jalsa.service import clock
from jalsa.service.policy import ROLES
from scheduling.http.schemas.reading import CalendarAnswer

from .factories import Centre, Desk, at, created, noon_zone, ok

CARE = {"front-desk", "clinician", "manager"}
ABSENCE = {"clinician", "manager"}
#: Columns in which something is written that is not for everybody, with those who read it: a second time, on purpose.
COLUMNS: dict[str, dict[str, set[str]]] = {
    "sessions": dict.fromkeys(("group_notes", "cancel_reason", "change_reason", "override_reason"), CARE),
    "participants": dict.fromkeys(
        (
            *("notes", "cancel_reason", "change_reason", "no_show_reason"),
            *("check_in_override_reason", "booking_override_reason"),
        ),
        CARE,
    ),
    "clinics": {"change_reason": CARE},
    "providers": {"change_reason": CARE},
    "packages": dict.fromkeys(("pause_reason", "cancel_reason", "change_reason"), CARE),
    "provider_assignments": {"reason": CARE},
    "session_series": {"group_notes": CARE},
    "series_members": {"leave_reason": CARE},
    "waitlist_entries": {"notes": CARE},
    "time_off": {"reason": ABSENCE},
}
#: A reason of ours, in our own words, and one whose readers are those of the field from which it is taken.
HARMLESS = frozenset({"Proposal.reason", "HistoryEntry.reason", "BlockerDetail.reason"})
#: A code of billing's, and no text.
CODES = {("clearances", "reason")}
_SUSPECT = text("""
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'audit_log' AND column_name ~ '(^|_)(reason|notes)$'
""")


class Cage:
    """A centre whose records hold a word of its own in each of these columns."""

    def __init__(self, kit: ServiceKit, tenant: str) -> None:
        self.desk = desk = Desk(Centre(kit, tenant), timezone=noon_zone())
        self.kit, self.tenant = kit, tenant
        self.provider = desk.provider["id"]
        here = desk.create_today(30)
        ok(desk.do(here, "check-in", override={"reason": "signed"}))
        session = desk.create_session(max_capacity=1)
        participant = desk.create_participant(session)
        series = desk.create_series(start_time="20:00")
        member = desk.centre.post(f"/series/{series['id']}/members", {"patient_id": desk.centre.create_patient()})
        package = desk.create_package(start_date=at(20).date())
        waits = {"patient_id": desk.centre.create_patient(), "session_id": session["id"]}
        entry = created(desk.centre.post("/waitlist", waits))
        absence = {"starts_at": at(60).isoformat(), "ends_at": at(61).isoformat()}
        path = f"/providers/{self.provider}"
        time_off = created(desk.centre.post(f"{path}/time-off", absence))
        closure = {"name_en": "Feast", "name_ar": "عيد", "starts_on": "2030-01-01", "ends_on": "2030-01-02"}
        closure_id = created(desk.centre.post("/closures", closure))["id"]
        ok(desk.centre.client().put("/settings", ok(desk.centre.get("/settings"))))
        link = created(desk.centre.post(f"{path}/calendar-link"))["path"]
        self.feed = link.partition("token=")[2]
        self.words = self._write()
        kit.events(tenant)
        self.ids = {
            "clinic_id": desk.clinic["id"],
            "room_id": desk.room["id"],
            "provider_id": self.provider,
            "service_type_id": desk.service_type["id"],
            "time_off_id": time_off["id"],
            "closure_id": closure_id,
            "session_id": [session["id"], here["session"]["id"]],
            "participant_id": [participant["id"], here["id"]],
            "series_id": series["id"],
            "member_id": created(member)["id"],
            "package_id": package["id"],
            "entry_id": entry["id"],
            "event": "AppointmentBooked.v1",
            **self._records(),
        }
        local_days = {"from": at().date().isoformat(), "to": at(20).date().isoformat()}
        today = clock.now()
        near = {"from": (today - timedelta(days=2)).isoformat(), "to": (today + timedelta(days=30)).isoformat()}
        self.queries: dict[str, list[dict[str, Any]]] = {
            "/availability": [{"service_type": desk.service_type["code"], **local_days}],
            "/queue": [{"clinic_id": desk.clinic["id"]}],
            "/calendar": [{"clinic_id": desk.clinic["id"], "cancelled": "true", **near}],
            "/providers/{provider_id}/calendar.ics": [{"token": self.feed}],
            **{f"/reports/{name}": [local_days] for name in ("utilisation", "no-shows", "capacity", "packages")},
            "/reports/lead-time": [local_days, {**local_days, "format": "csv"}],
            "/events": [{"limit": 1000}],
            "/history/{kind}/{record_id}": [{"limit": 200}],
        }

    def _write(self) -> dict[str, set[str]]:
        """Every row gets the column's word, twice, so that the log of changes has it before and after."""
        words: dict[str, set[str]] = {}
        with self.kit.transaction(self.tenant) as db:
            for table, columns in COLUMNS.items():
                for column, readers in columns.items():
                    word = f"canary{secrets.token_hex(6)}"
                    words[word] = readers
                    for value in (f"{word} before", f"{word} after"):
                        assert db.execute(text(f"UPDATE {table} SET {column} = :value"), {"value": value}).rowcount  # type: ignore[attr-defined]
        return words

    def _records(self) -> dict[str, list[str]]:
        """Every record of every kind that has a history."""
        kinds = {
            "session": "sessions",
            "participant": "participants",
            "package": "packages",
            "provider-assignment": "provider_assignments",
            "series": "session_series",
            "series-member": "series_members",
            "waitlist-entry": "waitlist_entries",
            "time-off": "time_off",
            "provider": "providers",
            "clinic": "clinics",
        }
        with self.kit.transaction(self.tenant) as db:
            found = [
                (kind, str(row)) for kind, table in kinds.items() for row in db.scalars(text(f"SELECT id FROM {table}"))
            ]
        return {"kind": [kind for kind, _ in found], "record_id": [record for _, record in found]}

    def client(self, role: str, provider_id: str | None = None) -> Client:
        return self.kit.client(self.tenant, role, provider_id=provider_id, subject=f"canary-{role}")

    def reached(self, provider_id: str | None) -> dict[str, set[str]]:
        """Role -> the words that it finds anywhere, a clinician with that provider_id."""
        clients = {role: self.client(role, provider_id if role == "clinician" else None) for role in ROLES}
        found = seen_by_role(lambda role: clients[role], self.ids, self.queries, {**self.words, self.feed: set()})
        return {role: set().union(*paths.values()) for role, paths in found.items()}


@pytest.fixture(scope="module")
def cage(kit: ServiceKit) -> Cage:
    return Cage(kit, f"cage{secrets.token_hex(4)}")


def test_each_word_reaches_who_may_read_it_and_nobody_else(cage: Cage) -> None:
    reached = cage.reached(cage.provider)
    for role in sorted(ROLES):
        assert reached[role] == {word for word, readers in cage.words.items() if role in readers}, role


def test_another_provider_learns_nothing_of_an_absence_and_nobodys_therapist_nothing_at_all(cage: Cage) -> None:
    care = {word for word, readers in cage.words.items() if readers == CARE}
    assert cage.reached(str(uuid4()))["clinician"] == care
    assert cage.reached("layla")["clinician"] == set()


def test_every_column_of_that_kind_is_looked_after(cage: Cage) -> None:
    with cage.kit.transaction(cage.tenant) as db:
        suspect = {(table, column) for table, column in db.execute(_SUSPECT)}
    assert suspect - CODES == {(table, column) for table, columns in COLUMNS.items() for column in columns}


def test_every_field_that_sounds_like_it_says_who_reads_it(cage: Cage) -> None:
    document = cage.client("manager").get("/openapi.json").get_json()
    assert undeclared(document, HARMLESS) == set()


def test_what_the_database_itself_writes_has_no_such_field() -> None:
    """The calendar's answer goes out as it comes from the database: no schema could withhold anything."""
    shapes: list[Schema] = [CalendarAnswer()]
    while shapes:
        shape = shapes.pop()
        assert not readers_of(shape)
        for field in shape.fields.values():
            inner = getattr(field, "inner", field)
            if isinstance(inner, Nested):
                shapes.append(inner.schema)
