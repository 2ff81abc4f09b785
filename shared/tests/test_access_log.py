"""The access log: what a view shows is stored with its answer, refusals as well, and nobody changes a row."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from jalsa.db import access_log
from jalsa.db.access_log import FindEntries, Read, Reader
from jalsa.db.transactions import begin, wait_for_disk
from jalsa.dev.kit import ACCESS_LOG_KEY, ServiceKit, context
from jalsa.dev.provision import Urls
from jalsa.dev.servers import Servers
from jalsa.http import Routes, current_db, shows_list, shows_record, shows_search
from jalsa.http.access import text_hmac
from jalsa.service import metrics
from jalsa.service.declaration import Service
from jalsa.service.errors import Forbidden, NotFound
from jalsa.service.policy import Policy
from jalsa.service.problems import Problem
from jalsa.work.access_log import keep_months
from jalsa.work.jobs import JobTools

from .lamps import MakeKit, as_owner, superuser_of

POLICY: Policy = {"cards.read": frozenset({"clinician", "biller", "records"})}
#: What GET /v1/patients/<id>/cards/<id> and GET /v1/cards do: a test puts its own view here.
VIEWS: dict[str, Callable[..., Any]] = {}
routes = Routes("cards", "Cards")
STORED = "INSERT INTO lamps (id, name, level) VALUES (:id, :name, 1)"


@routes.view("/patients/<uuid:patient_id>/cards/<uuid:card_id>", permission="cards.read", reads="card")
def read_card(patient_id: UUID, card_id: UUID) -> Any:
    return VIEWS["card"](patient_id, card_id)


@routes.view("/cards", permission="cards.read", reads="card")
def list_cards() -> Any:
    return VIEWS["list"]()


@routes.view("/anything", permission="cards.read")
def read_anything() -> Any:
    return VIEWS["anything"]()


@routes.view("/anything", "POST", permission="cards.read")
def change_anything() -> Any:
    return VIEWS["anything"]()


CARDS = Service(name="alpha", title="Cards", policy=POLICY, routes=(routes,), reads={"card": "A card"})


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit(CARDS)


@pytest.fixture(autouse=True)
def views() -> Iterator[None]:
    VIEWS.clear()
    yield
    VIEWS.clear()


def saying(say: Callable[..., None], *what: Any) -> Callable[..., Any]:
    """A view that says this, or what it is called with, and answers an empty document."""

    def view(*values: UUID) -> Any:
        say(*(what or values))
        return {}

    return view


def entries(kit: ServiceKit, tenant: str, **asked: Any) -> list[access_log.Entry]:
    with kit.transaction(tenant) as db:
        return list(access_log.entries(db, FindEntries(**asked), limit=1_000))


def store(kit: ServiceKit, tenant: str, *reads: Read, person: str = "noura") -> int:
    with kit.transaction(tenant) as db:
        return access_log.store(db, a_reader(person), reads)


def a_reader(person: str = "noura") -> Reader:
    return Reader(person=person, roles=["records"], request_id="r-1", purpose=access_log.OPERATIONS)


def address(patient: UUID, card: UUID) -> str:
    return f"/patients/{patient}/cards/{card}"


# What a view shows


def test_a_record_that_is_shown_leaves_a_row_with_who_what_whose_why_and_in_which_request(
    kit: ServiceKit, tenant: str
) -> None:
    patient, card, grant = uuid4(), uuid4(), uuid4()

    def show(*_: UUID) -> Any:
        shows_record(patient, card, relation="treating", reason="UNCONSCIOUS", grant_id=grant)
        return {}

    VIEWS["card"] = show
    answer = kit.client(tenant, "records", "biller", subject="noura").call(
        "GET", address(patient, card), headers={"X-Request-ID": "r-17"}
    )
    assert answer.status_code == 200
    [row] = entries(kit, tenant)
    assert row[2:] == (
        "noura",
        ["biller", "records"],
        patient,
        "card",
        str(card),
        "treating",
        "ETREAT",
        "UNCONSCIOUS",
        "READ",
        grant,
        "r-17",
        False,
    )
    assert abs(datetime.now(UTC) - row.at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("roles", "provider_id", "purpose"),
    [
        (["clinician"], "01939f3c-7a10-7c01-8c01-5ab7f2d10c11", "TREAT"),
        (["clinician"], None, "HOPERAT"),
        (["biller"], None, "HPAYMT"),
        (["biller", "records"], None, "HOPERAT"),
    ],
)
def test_the_purpose_follows_from_the_roles(
    kit: ServiceKit, tenant: str, roles: list[str], provider_id: str | None, purpose: str
) -> None:
    VIEWS["card"] = saying(shows_record)
    kit.client(tenant, *roles, provider_id=provider_id).get(address(uuid4(), uuid4()))
    assert [row.purpose for row in entries(kit, tenant)] == [purpose]


def test_every_reading_of_a_record_is_a_row_but_a_list_has_one_for_each_patient_and_hour(
    kit: ServiceKit, tenant: str
) -> None:
    patients = [uuid4(), uuid4()]
    VIEWS["card"] = saying(shows_record)
    VIEWS["list"] = saying(shows_list, [*patients, patients[0], None])
    caller, other = kit.client(tenant, "records", subject="noura"), kit.client(tenant, "records", subject="sami")
    for client in (caller, caller, other):
        client.get(address(patients[0], uuid4()))
        client.get("/cards")
    rows = entries(kit, tenant)
    assert sorted(row.person for row in rows if not row.hourly) == ["noura", "noura", "sami"]
    of_lists = [row for row in rows if row.hourly]
    assert sorted((row.person, row.patient_id) for row in of_lists) == sorted(
        (person, patient) for person in ("noura", "sami") for patient in patients
    )
    assert {(row.at.minute, row.at.second, row.at.microsecond) for row in of_lists} == {(0, 0, 0)}


def test_an_empty_list_is_no_row_and_no_fault(kit: ServiceKit, tenant: str) -> None:
    VIEWS["list"] = saying(shows_list, [])
    assert kit.client(tenant, "records").get("/cards").status_code == 200
    assert entries(kit, tenant) == []


def test_a_search_stores_the_hmac_of_its_folded_text_and_never_the_text(kit: ServiceKit, tenant: str) -> None:
    found = uuid4()
    VIEWS["list"] = saying(shows_search, "  SÁRA  Otaibi", [found])
    kit.client(tenant, "records").get("/cards")
    assert [(row.patient_id, row.hourly) for row in entries(kit, tenant, patient_ids=(found,))] == [(found, True)]
    with kit.transaction(tenant) as db:
        stored = db.execute(text("SELECT text_hmac, access_log::text AS row FROM access_log")).all()
    assert [bytes(row.text_hmac) for row in stored if row.text_hmac] == [
        text_hmac(ACCESS_LOG_KEY, tenant, "sara otaibi")
    ]
    assert "otaibi" not in str(stored).lower()
    assert text_hmac(ACCESS_LOG_KEY, "other", "sara otaibi") != text_hmac(ACCESS_LOG_KEY, tenant, "sara otaibi")


def test_a_view_that_does_not_say_what_it_has_shown_fails_and_changes_nothing(kit: ServiceKit, tenant: str) -> None:
    VIEWS["card"] = lambda *_: changed()
    VIEWS["anything"] = lambda: {}
    client = kit.client(tenant, "records")
    assert client.get(address(uuid4(), uuid4())).status_code == 500
    assert lamps(kit, tenant) == 0
    # the control: only a view that shows records of patients must say which
    assert client.get("/anything").status_code == 200


def test_a_view_that_declares_nothing_cannot_say_what_it_has_shown(kit: ServiceKit, tenant: str) -> None:
    VIEWS["anything"] = saying(shows_record, uuid4())
    assert kit.client(tenant, "records").get("/anything").status_code == 500


def test_what_is_shown_and_its_row_are_stored_together(kit: ServiceKit, tenant: str) -> None:
    """The row cannot be stored, so that nothing is answered either."""

    def show(patient: UUID, card: UUID) -> Any:
        shows_record(patient, card)
        return changed()

    VIEWS["card"] = show
    with kit.relay.engine.connect() as conn:
        partition = f"access_log_{conn.execute(text('SELECT now()')).scalar_one():%Y_%m}"
    with as_owner_of(kit) as conn:
        conn.execute(text(f"ALTER TABLE access_log DETACH PARTITION {partition}"))
    answer = kit.client(tenant, "records").get(address(uuid4(), uuid4()))
    with as_owner_of(kit) as conn:
        conn.execute(text(f"DROP TABLE {partition}"))
        conn.execute(text("SELECT access_log_prepare(3)"))
    assert answer.status_code == 503
    assert lamps(kit, tenant) == 0


def test_the_rows_of_a_request_are_one_statement(kit: ServiceKit, tenant: str) -> None:
    statements: list[str] = []

    def keep(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    VIEWS["list"] = saying(shows_list, [uuid4() for _ in range(200)])
    client = kit.client(tenant, "records")
    event.listen(kit.database.engine, "before_cursor_execute", keep)
    try:
        client.get("/cards")
    finally:
        event.remove(kit.database.engine, "before_cursor_execute", keep)
    assert len([each for each in statements if "access_log" in each]) == 1
    assert len(entries(kit, tenant)) == 200


def test_a_list_that_is_shown_again_in_the_hour_needs_no_statement_and_in_the_next_hour_it_does(
    kit: ServiceKit, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = [uuid4() for _ in range(3)]
    VIEWS["list"] = saying(shows_list, patients)
    client = kit.client(tenant, "records")
    asked: list[int] = []
    stored = access_log.store

    def count(*values: Any) -> int:
        asked.append(len(values[2]))
        return stored(*values)

    monkeypatch.setattr(access_log, "store", count)
    client.get("/cards")
    client.get("/cards")
    assert asked == [3]
    patients.append(uuid4())
    client.get("/cards")
    assert asked == [3, 1]
    kit.client(tenant, "records", subject="sami").get("/cards")
    assert asked == [3, 1, 4], "the control: another person's rows are others"
    later = time.time() + 3600
    monkeypatch.setattr("jalsa.http.access.time.time", lambda: later)
    client.get("/cards")
    assert asked == [3, 1, 4, 4]
    assert len(entries(kit, tenant)) == 8, "the table has the hour's rows once"


def test_what_was_rolled_back_is_stored_when_it_is_shown_the_next_time(kit: ServiceKit, tenant: str) -> None:
    patient = uuid4()

    def fail() -> Any:
        shows_list([patient])
        raise NotFound("card")

    VIEWS["list"] = fail
    client = kit.client(tenant, "records")
    client.get("/cards")
    VIEWS["list"] = saying(shows_list, [patient])
    client.get("/cards")
    assert sorted(row.outcome for row in entries(kit, tenant)) == ["READ", "REFUSED"]


def test_a_connection_that_breaks_at_the_commit_is_a_503_and_the_next_request_is_served(
    kit: ServiceKit, tenant: str, servers: Servers
) -> None:
    def show(patient: UUID, card: UUID) -> Any:
        shows_record(patient, card)
        pid = current_db().execute(text("SELECT pg_backend_pid()")).scalar_one()
        admin = superuser_of(kit, servers.postgres)
        with admin.begin() as conn:
            conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        admin.dispose()
        return {}

    VIEWS["card"] = show
    client = kit.client(tenant, "records")
    answer = client.get(address(uuid4(), uuid4()))
    assert (answer.status_code, answer.json["code"]) == (503, "temporarily-unavailable")
    VIEWS["card"] = saying(shows_record)
    assert client.get(address(uuid4(), uuid4())).status_code == 200
    assert len(entries(kit, tenant)) == 1


def disk(db: Session) -> str:
    """Whether the transaction waits for the server's disk: `on`, `off`, or `` where the server's own setting holds."""
    row = db.execute(text("SELECT setting, source FROM pg_settings WHERE name = 'synchronous_commit'")).one()
    return str(row.setting) if row.source == "session" else ""


def test_a_reading_does_not_wait_for_the_servers_disk_and_a_change_does(kit: ServiceKit, tenant: str) -> None:
    found: list[str] = []

    def look(*_: UUID) -> Any:
        found.append(disk(current_db()))
        shows_list([])
        return {}

    def look_elsewhere() -> Any:
        found.append(disk(current_db()))
        return {}

    VIEWS["list"], VIEWS["anything"] = look, look_elsewhere
    client = kit.client(tenant, "records")
    client.get("/cards")
    client.get("/anything")
    client.post("/anything")
    assert found == ["off", "", ""]


def test_what_is_refused_or_read_under_a_grant_waits_for_the_servers_disk(
    kit: ServiceKit, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []

    def wait(db: Session) -> None:
        wait_for_disk(db)
        waited.append(disk(db))

    monkeypatch.setattr("jalsa.http.edge.wait_for_disk", wait)
    client = kit.client(tenant, "records")
    VIEWS["card"] = saying(shows_record)
    client.get(address(uuid4(), uuid4()))
    assert waited == [], "the control"
    VIEWS["card"] = saying(partial(shows_record, grant_id=uuid4()))
    client.get(address(uuid4(), uuid4()))
    assert waited == ["on"]
    kit.client(tenant, "front-desk").get(address(uuid4(), uuid4()))
    assert waited == ["on", "on"]


def test_rows_are_counted_by_outcome(kit: ServiceKit, tenant: str) -> None:
    counter = metrics.ACCESS_ROWS.labels("alpha", "READ")
    before = counter._value.get()
    patient = uuid4()
    VIEWS["list"] = saying(shows_list, [patient])
    client = kit.client(tenant, "records")
    client.get("/cards")
    client.get("/cards")
    assert counter._value.get() - before == 1


# What is refused


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (NotFound("card"), 404, "not-found"),
        (Forbidden(), 403, "forbidden"),
        (Problem(403, "break-glass-required", "Only an emergency helps."), 403, "break-glass-required"),
    ],
)
def test_a_refusal_is_stored_although_the_request_is_rolled_back(
    kit: ServiceKit, tenant: str, refusal: Exception, status: int, code: str
) -> None:
    def refuse(*_: UUID) -> Any:
        changed()
        raise refusal

    VIEWS["card"] = refuse
    patient, card = uuid4(), uuid4()
    answer = kit.client(tenant, "records", subject="noura").get(address(patient, card))
    assert (answer.status_code, answer.json["code"]) == (status, code)
    [row] = entries(kit, tenant)
    assert (row.person, row.patient_id, row.record_id, row.outcome, row.reason) == (
        "noura",
        patient,
        str(card),
        "REFUSED",
        code,
    )
    assert lamps(kit, tenant) == 0


def test_whoever_lacks_the_permission_is_in_the_log(kit: ServiceKit, tenant: str) -> None:
    patient = uuid4()
    assert kit.client(tenant, "front-desk", subject="noura").get(address(patient, uuid4())).status_code == 403
    assert [(row.person, row.outcome) for row in entries(kit, tenant, patient_ids=(patient,))] == [("noura", "REFUSED")]


def test_a_refusal_names_what_the_view_had_found_by_then(kit: ServiceKit, tenant: str) -> None:
    owner, card = uuid4(), uuid4()

    def refuse(*_: UUID) -> Any:
        shows_record(owner, card, kind="card-of-another")
        raise Forbidden

    VIEWS["card"] = refuse
    kit.client(tenant, "records").get(address(uuid4(), uuid4()))
    assert [(row.kind, row.patient_id, row.outcome) for row in entries(kit, tenant)] == [
        ("card-of-another", owner, "REFUSED")
    ]


def test_a_bad_request_is_no_refusal(kit: ServiceKit, tenant: str) -> None:
    VIEWS["card"] = lambda *_: {}
    assert kit.client(tenant, "records").get(address(uuid4(), uuid4()), other="x").status_code == 422
    assert entries(kit, tenant) == []


# The table


@pytest.mark.parametrize("statement", ["UPDATE access_log SET person = 'x'", "DELETE FROM access_log"])
def test_the_application_cannot_change_a_row(kit: ServiceKit, tenant: str, statement: str) -> None:
    store(kit, tenant, Read(kind="card", patient_id=uuid4()))
    with pytest.raises(DBAPIError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text(statement))


def test_a_tenant_sees_its_own_rows_also_in_the_partitions(kit: ServiceKit, tenant: str) -> None:
    store(kit, tenant, Read(kind="card", patient_id=uuid4()))
    assert entries(kit, f"{tenant}x") == []
    with as_owner_of(kit) as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": tenant})
        partition = conn.execute(text("SELECT tableoid::regclass::text FROM access_log")).scalar_one()
        assert conn.execute(text(f"SELECT count(*) FROM {partition}")).scalar_one() == 0
    with pytest.raises(DBAPIError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text(f"SELECT FROM {partition}"))


def test_an_hours_row_is_stored_once_although_two_requests_store_it_at_once(kit: ServiceKit, tenant: str) -> None:
    patients = [uuid4() for _ in range(50)]

    def one(turn: int) -> int:
        order = patients if turn % 2 else patients[::-1]
        return store(kit, tenant, *(Read(kind="card", patient_id=each, hourly=True) for each in order))

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(one, range(8)))
    assert sum(added) == len(entries(kit, tenant)) == 50


def test_without_the_hours_key_a_list_would_be_stored_again_and_again(kit: ServiceKit, tenant: str) -> None:
    """The control: it is the key that keeps the second row away, and a plain insert meets it."""
    read = Read(kind="card", patient_id=uuid4(), hourly=True)
    store(kit, tenant, read)
    again = """INSERT INTO access_log (id, at, person, roles, patient_id, kind, purpose, outcome, request_id, hourly)
               SELECT gen_random_uuid(), at, person, roles, patient_id, kind, purpose, outcome, request_id, hourly
               FROM access_log"""
    with pytest.raises(IntegrityError, match="duplicate key"), kit.transaction(tenant) as db:
        db.execute(text(again))


def test_a_row_under_a_grant_cannot_stand_for_an_hour(kit: ServiceKit, tenant: str) -> None:
    with pytest.raises(IntegrityError):
        store(kit, tenant, Read(kind="card", patient_id=uuid4(), grant_id=uuid4(), hourly=True))


# Reading it


def test_pages_go_from_the_newest_row_to_the_oldest_and_miss_none(kit: ServiceKit, tenant: str) -> None:
    survivor, loser, stranger = uuid4(), uuid4(), uuid4()
    for n in range(9):
        store(kit, tenant, Read(kind="card", patient_id=(survivor, loser, stranger)[n % 3], record_id=str(n)))
    seen: list[str | None] = []
    after = None
    while True:
        with kit.transaction(tenant) as db:
            rows = access_log.entries(db, FindEntries(patient_ids=(survivor, loser)), after=after, limit=2)
        if not rows:
            break
        seen += [row.record_id for row in rows]
        after = rows[-1].at, rows[-1].id
    assert seen == ["7", "6", "4", "3", "1", "0"]


def test_rows_are_found_by_person_time_and_kind(kit: ServiceKit, tenant: str) -> None:
    patient = uuid4()
    store(kit, tenant, Read(kind="card", patient_id=patient), person="noura")
    store(kit, tenant, Read(kind="letter", patient_id=patient), person="noura")
    store(kit, tenant, Read(kind="card", patient_id=patient), person="sami")
    now = datetime.now(UTC)

    def found(**asked: Any) -> list[tuple[str, str]]:
        return [(row.person, row.kind) for row in entries(kit, tenant, **asked)]

    assert found(person="noura") == [("noura", "letter"), ("noura", "card")]
    assert found(person="noura", patient_ids=(patient,)) == [("noura", "letter"), ("noura", "card")]
    assert found(without=("letter",)) == [("sami", "card"), ("noura", "card")]
    assert found(since=now + timedelta(minutes=1)) == []
    assert found(until=now - timedelta(minutes=1)) == []
    assert len(found(since=now - timedelta(minutes=1), until=now + timedelta(minutes=1))) == 3


def test_a_persons_rows_of_one_patient_are_found_behind_many_of_others(kit: ServiceKit, tenant: str) -> None:
    patient = uuid4()
    store(kit, tenant, Read(kind="card", patient_id=patient), person="noura")
    for _ in range(5):
        store(kit, tenant, Read(kind="card", patient_id=patient), person="sami")
    with kit.transaction(tenant) as db:
        rows = access_log.entries(db, FindEntries(patient_ids=(patient,), person="noura"), limit=1)
    assert [row.person for row in rows] == ["noura"]


# The months


def test_partitions_are_made_ahead_and_told_by_a_metric(kit: ServiceKit, tenant: str) -> None:
    with as_owner_of(kit) as conn:
        before = partitions(conn)
        conn.execute(text(f"DROP TABLE {before[-1]}"))
    assert keep_months(tools(kit)) == 0
    with as_owner_of(kit) as conn:
        assert partitions(conn) == before
    assert len(before) == 4
    ahead = metrics.ACCESS_LOG_AHEAD.labels("alpha")._value.get()
    assert 89 <= ahead / 86_400 <= 124


def test_months_beyond_the_retention_are_dropped_and_no_others(kit: ServiceKit, tenant: str) -> None:
    with as_owner_of(kit) as conn:
        present = partitions(conn)
        months = conn.execute(text(_OLD)).all()
        for month in months:
            name = f"access_log_{month.begins:%Y_%m}"
            conn.execute(text(f"CREATE TABLE {name} (LIKE access_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
            conn.execute(
                text(
                    f"ALTER TABLE access_log ATTACH PARTITION {name}"
                    f" FOR VALUES FROM ('{month.begins.isoformat()}Z') TO ('{month.ends.isoformat()}Z')"
                )
            )
        kept = f"access_log_{months[0].begins:%Y_%m}"
    keep_months(tools(kit))
    with as_owner_of(kit) as conn:
        assert partitions(conn) == [kept, *present]
        conn.execute(text(f"DROP TABLE {kept}"))


#: The month whose last row is nearly ten years old at most, and the two before it, which are older.
_OLD = """
    SELECT begins, begins + interval '1 month' AS ends FROM (
      SELECT date_trunc('month', now() AT TIME ZONE 'UTC') - n * interval '1 month' AS begins
      FROM generate_series(120, 122) AS n) AS month
"""


def test_nobody_drops_what_is_younger_than_a_year_and_the_application_drops_nothing(
    kit: ServiceKit, tenant: str
) -> None:
    with pytest.raises(IntegrityError, match="12 months at least"), kit.relay.engine.begin() as conn:
        conn.execute(text("SELECT access_log_forget(11)"))
    with pytest.raises(DBAPIError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text("SELECT access_log_forget(120)"))
    with pytest.raises(DBAPIError, match="permission denied"), kit.relay.engine.begin() as conn:
        conn.execute(text("SELECT FROM access_log"))


def test_a_month_is_made_while_others_read_and_write(kit: ServiceKit, tenant: str) -> None:
    with as_owner_of(kit) as conn:
        last = partitions(conn)[-1]
        conn.execute(text(f"DROP TABLE {last}"))
    with Session(kit.database.engine) as db, kit.relay.engine.begin() as relay:
        begin(db, context(tenant))
        access_log.store(db, a_reader(), [Read(kind="card", patient_id=uuid4())])
        relay.execute(text("SELECT access_log_prepare(3)"))
        db.commit()
    with as_owner_of(kit) as conn:
        assert partitions(conn)[-1] == last


def changed() -> Any:
    current_db().execute(text(STORED), {"id": uuid4(), "name": str(uuid4())})
    return {}


def lamps(kit: ServiceKit, tenant: str) -> int:
    with kit.transaction(tenant) as db:
        return int(db.execute(text("SELECT count(*) FROM lamps")).scalar_one())


def as_owner_of(kit: ServiceKit) -> Any:
    return as_owner(Urls(kit.config.database_owner_url, kit.config.database_url, kit.config.database_relay_url))


def partitions(conn: Any) -> list[str]:
    rows = conn.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'access_log'::regclass")
    )
    return sorted(rows.scalars())


def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config, "alpha")
