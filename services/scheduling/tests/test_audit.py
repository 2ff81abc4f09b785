"""Every change of a record leaves one audit row that the application role cannot alter (P6)."""

from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from jalsa.dev.kit import ServiceKit

from .factories import Centre, Desk, ok, tenant_tables

#: Tables of the mechanisms, whose rows are no records, and the projections, whose owners keep their history.
NOT_AUDITED = {
    "aliases",
    "audit_log",
    "clearances",
    "idempotency_keys",
    "inbox_heads",
    "numbers",
    "outbox",
    "outbox_heads",
    "patients",
    "roster_changes",
}


def audit(centre: Centre, after: int = 0) -> list[Any]:
    """The tenant's audit rows, in order, after a given one."""
    with centre.kit.transaction(centre.tenant) as db:
        return list(db.execute(text("SELECT * FROM audit_log WHERE id > :after ORDER BY id"), {"after": after}))


def last(centre: Centre) -> int:
    rows = audit(centre)
    return rows[-1].id if rows else 0


def test_each_request_leaves_one_row_per_record_with_who_when_and_what(centre: Centre) -> None:
    caller = centre.client("manager", subject="maryam")
    body = {"code": "OT", "name_en": "OT", "name_ar": "علاج"}
    created = caller.call("POST", "/clinics", headers={"X-Request-ID": "request-1"}, json=body)
    clinic = created.get_json()
    [row] = audit(centre)
    assert (row.table_name, row.row_id, row.action) == ("clinics", clinic["id"], "INSERT")
    assert (row.actor, row.request_id) == ("maryam", "request-1")
    assert row.at.tzinfo is not None
    assert row.before is None
    assert row.after["name_ar"] == "علاج"

    changed = centre.client("manager", subject="omar").call(
        "PATCH",
        f"/clinics/{clinic['id']}",
        headers={"X-Request-ID": "request-2", "If-Match": created.headers["ETag"]},
        json={"name_en": "Occupational therapy"},
    )
    assert ok(changed)["name_en"] == "Occupational therapy"
    [row] = audit(centre, row.id)
    assert (row.action, row.actor, row.request_id) == ("UPDATE", "omar", "request-2")
    assert (row.before["name_en"], row.after["name_en"]) == ("OT", "Occupational therapy")
    assert {name for name in row.after if row.after[name] != row.before[name]} == {"name_en", "folded"}


def test_a_booking_and_its_end_are_told_row_by_row(desk: Desk) -> None:
    seen = last(desk.centre)

    def told() -> list[tuple[str, str, str | None, str | None]]:
        nonlocal seen
        rows = audit(desk.centre, seen)
        seen = rows[-1].id
        return [(r.table_name, r.action, (r.before or {}).get("status"), (r.after or {}).get("status")) for r in rows]

    participant = desk.create_appointment()
    assert told() == [("sessions", "INSERT", None, "SCHEDULED"), ("participants", "INSERT", None, "BOOKED")]
    ok(desk.centre.post(f"/participants/{participant['id']}/confirm"))
    assert told() == [("participants", "UPDATE", "BOOKED", "CONFIRMED")]
    ok(desk.centre.post(f"/sessions/{participant['session']['id']}/cancel"))
    assert sorted(told()) == [
        ("participants", "UPDATE", "CONFIRMED", "CANCELLED"),
        ("sessions", "UPDATE", "SCHEDULED", "CANCELLED"),
    ]


def test_replaced_working_hours_and_left_clinics_are_kept_as_they_were(desk: Desk) -> None:
    seen = last(desk.centre)
    ok(desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": []}))
    gone = audit(desk.centre, seen)
    assert [(row.table_name, row.action, row.after) for row in gone] == [("working_hours", "DELETE", None)] * 7
    assert {row.before["provider_id"] for row in gone} == {desk.provider["id"]}


def test_a_refused_request_leaves_no_row(desk: Desk) -> None:
    desk.create_appointment()
    seen = last(desk.centre)
    assert desk.centre.post("/appointments", desk.placement(patient_id=desk.centre.create_patient())).status_code == 409
    assert audit(desk.centre, seen) == []


def test_every_table_of_records_is_audited(kit: ServiceKit) -> None:
    with kit.transaction("anybody") as db:
        audited = set(
            db.execute(
                text("""
                    SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
                    WHERE proname = 'jalsa_audit' AND tgenabled = 'O'
                """)
            ).scalars()
        )
        assert audited == set(tenant_tables(db)) - NOT_AUDITED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'somebody else'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        """INSERT INTO audit_log (tenant_id, table_name, row_id, action, actor, request_id)
           VALUES (current_setting('jalsa.tenant'), 'clinics', 'x', 'UPDATE', 'somebody', 'x')""",
        "ALTER TABLE clinics DISABLE TRIGGER audit",
        "ALTER TABLE audit_log NO FORCE ROW LEVEL SECURITY",
        "CREATE OR REPLACE FUNCTION jalsa_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP TABLE audit_log",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_can_neither_alter_nor_forge_nor_silence_the_log(desk: Desk, statement: str) -> None:
    before = audit(desk.centre)
    refused = pytest.raises(ProgrammingError, match=r"permission denied|must be owner")
    with refused, desk.centre.kit.transaction(desk.centre.tenant) as db:
        db.execute(text(statement))
    assert audit(desk.centre) == before


def test_control_without_the_trigger_a_change_would_leave_no_row(desk: Desk) -> None:
    rename = text("UPDATE clinics SET name_en = 'Renamed' WHERE id = :id")
    counted = text("SELECT count(*) FROM audit_log")
    owner = create_engine(desk.centre.kit.config.database_owner_url)
    with owner.connect() as conn:
        for name in ("tenant", "actor", "request"):
            conn.execute(text(f"SELECT set_config('jalsa.{name}', :value, true)"), {"value": desk.centre.tenant})
        before = conn.execute(counted).scalar_one()
        conn.execute(rename, {"id": desk.clinic["id"]})
        assert conn.execute(counted).scalar_one() == before + 1
        conn.execute(text("ALTER TABLE clinics DISABLE TRIGGER audit"))
        conn.execute(rename, {"id": desk.clinic["id"]})
        assert conn.execute(counted).scalar_one() == before + 1
        conn.rollback()
    owner.dispose()
