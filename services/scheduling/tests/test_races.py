"""Races, with real commits on real threads (P1, P2). Each control takes a mechanism away and shows the harm."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import make_url, text
from werkzeug.test import TestResponse

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit, eventually, service_kit
from jalsa.dev.servers import Servers
from scheduling.app import SERVICE
from scheduling.timetable.locks import lock

from .factories import Centre, Desk, at, created

# A pause between the check and the row, so that every thread passes the check before the first row is seen.
SLOW_MOTION = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
CREATE TRIGGER a_pause BEFORE INSERT OR UPDATE OF starts_at ON sessions FOR EACH ROW EXECUTE FUNCTION pause();
CREATE TRIGGER a_pause BEFORE INSERT ON participants FOR EACH ROW EXECUTE FUNCTION pause();
"""
# A function of the same name, found before the real one, that locks nothing.
NO_ADVISORY_LOCKS = """
CREATE FUNCTION pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS 'SELECT';
CREATE FUNCTION pg_advisory_xact_lock_shared(bigint) RETURNS void LANGUAGE sql AS 'SELECT';
ALTER DATABASE {database} SET search_path = public, pg_catalog;
ALTER DATABASE {database} SET deadlock_timeout = '50ms';
"""
NO_EXCLUSION = """
ALTER TABLE sessions DROP CONSTRAINT sessions_provider_busy, DROP CONSTRAINT sessions_room_busy;
ALTER TABLE participants DROP CONSTRAINT participants_patient_busy;
"""
# The same function without the lock of the session's row.
NO_ROW_LOCK = """
DO $$ BEGIN EXECUTE replace(pg_get_functiondef('hold_place'::regproc), 'FOR UPDATE', ''); END $$;
"""
NO_CAPACITY_TRIGGER = "DROP TRIGGER capacity ON participants;"

_OVERLAPS = text("""
    SELECT (SELECT count(*) FROM sessions a JOIN sessions b ON a.id < b.id AND a.during && b.during
              AND (a.provider_id = b.provider_id OR a.room_id = b.room_id)
            WHERE 'CANCELLED' NOT IN (a.status, b.status))
         + (SELECT count(*) FROM participants a JOIN participants b ON a.id < b.id AND a.patient_id = b.patient_id
              AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
            WHERE a.live AND b.live)
""")

Weakened = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture
def weakened(servers: Servers, issuer: Issuer, tenant: str) -> Weakened:
    """A desk in a database of its own, with mechanisms taken away and everything in slow motion."""

    @contextmanager
    def make(*statements: str) -> Iterator[Desk]:
        with service_kit(SERVICE, servers, issuer) as kit:
            url = make_url(servers.postgres.url).set(
                drivername="postgresql", database=make_url(kit.config.database_url).database
            )
            with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as superuser:
                for statement in (SLOW_MOTION, *statements):
                    superuser.execute(statement.format(database=url.database).encode())
            yield Desk(Centre(kit, tenant))

    return make


def at_once(*requests: Callable[[], TestResponse]) -> Counter[tuple[int, str | None]]:
    """Send all of them at the same moment. Returns how often each status and code was answered."""
    start = threading.Barrier(len(requests))

    def send(request: Callable[[], TestResponse]) -> tuple[int, str | None]:
        start.wait(10)
        answer = request()
        return answer.status_code, answer.get_json().get("code")

    with ThreadPoolExecutor(len(requests)) as pool:
        return Counter(pool.map(send, requests))


def overlaps(desk: Desk) -> int:
    """How many pairs of live sessions or places share a provider, a room or a patient at one time."""
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        return int(db.execute(_OVERLAPS).scalar_one())


@dataclass(frozen=True)
class Post:
    """A request that is ready to be sent."""

    caller: Client
    path: str
    body: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> TestResponse:
        return self.caller.post(self.path, self.body)


def bookings(desk: Desk, shared: str, count: int, day: int) -> list[Post]:
    """Appointments at overlapping times that have nothing in common but the provider, the room or the patient."""
    patients = desk.centre.create_patients(count)
    bodies = [
        desk.placement(
            starts_at=at(day) + timedelta(minutes=5 * n),
            provider_id=(desk.provider if shared == "provider" else desk.centre.create_provider(desk.clinic))["id"],
            room_id=(desk.room if shared == "room" else desk.centre.create_room(desk.clinic))["id"],
            patient_id=patients[0 if shared == "patient" else n],
        )
        for n in range(count)
    ]
    return [Post(desk.centre.client(), "/appointments", body) for body in bodies]


KINDS = ("provider", "room", "patient")


def test_of_many_bookings_at_the_same_time_one_gets_the_provider_the_room_or_the_patient(weakened: Weakened) -> None:
    with weakened() as desk:
        for day, shared in enumerate(KINDS, 1):
            answers = at_once(*bookings(desk, shared, 8, day))
            assert answers == {(201, None): 1, (409, f"{shared}-busy"): 7}
        assert overlaps(desk) == 0


def test_without_the_locks_the_constraints_still_hold(weakened: Weakened) -> None:
    with weakened(NO_ADVISORY_LOCKS) as desk:
        for day, shared in enumerate(KINDS, 1):
            answers = at_once(*bookings(desk, shared, 4, day))
            assert answers == {(201, None): 1, (409, f"{shared}-busy"): 3}
        assert overlaps(desk) == 0


def test_control_without_locks_and_constraints_the_race_double_books(weakened: Weakened) -> None:
    with weakened(NO_ADVISORY_LOCKS, NO_EXCLUSION) as desk:
        for day, shared in enumerate(KINDS, 1):
            assert at_once(*bookings(desk, shared, 4, day))[201, None] > 1, shared
        assert overlaps(desk) >= 3


@pytest.mark.parametrize("way", ["/appointments", "/sessions", "reschedule"])
def test_what_is_visibly_taken_is_refused_while_others_hold_the_locks(desk: Desk, way: str) -> None:
    """Row 36. Two hundred who wanted one slot waited for each other, each to hear that it was taken."""
    desk.create_appointment()
    other = desk.create_session(starts_at=at(2))
    wanted = {
        "/appointments": Post(desk.centre.client(), way, desk.placement(patient_id=desk.centre.create_patient())),
        "/sessions": Post(desk.centre.client(), way, desk.session_body()),
        "reschedule": Post(desk.centre.client(), f"/sessions/{other['id']}/{way}", {"starts_at": at().isoformat()}),
    }
    with ThreadPoolExecutor(1) as pool, desk.centre.kit.transaction(desk.centre.tenant) as db:
        lock(db, providers=[UUID(desk.provider["id"])])
        answer = pool.submit(wanted[way]).result(timeout=10)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "provider-busy")


def last_seat(desk: Desk, count: int) -> Counter[tuple[int, str | None]]:
    """What as many patients hear who want the last spot of a group at the same moment."""
    session = desk.create_session(max_capacity=2)
    desk.create_participant(session)
    caller, path = desk.centre.client(), f"/sessions/{session['id']}/participants"
    wishes = [Post(caller, path, {"patient_id": patient}) for patient in desk.centre.create_patients(count)]
    answers = at_once(*wishes)
    assert desk.session(session["id"])["current_capacity"] == 1 + answers[201, None]
    return answers


def test_of_fifty_at_once_one_gets_the_last_seat(desk: Desk) -> None:
    assert last_seat(desk, 50) == {(201, None): 1, (409, "session-full"): 49}


def test_without_the_rows_lock_the_trigger_still_holds(weakened: Weakened) -> None:
    with weakened(NO_ROW_LOCK) as desk:
        assert last_seat(desk, 8) == {(201, None): 1, (409, "session-full"): 7}


def test_control_without_lock_and_trigger_the_group_is_overbooked(weakened: Weakened) -> None:
    with weakened(NO_ROW_LOCK, NO_CAPACITY_TRIGGER) as desk:
        assert last_seat(desk, 8)[201, None] > 1


def test_a_place_that_two_give_up_at_once_is_given_up_once(desk: Desk) -> None:
    participant = desk.create_appointment()
    cancel = Post(desk.centre.client(), f"/participants/{participant['id']}/cancel")
    assert at_once(*[cancel] * 4) == {(200, None): 1, (409, "invalid-transition"): 3}
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentCancelled")) == 1


def test_of_many_who_move_to_the_same_time_at_once_one_does(weakened: Weakened) -> None:
    with weakened() as desk:
        answers = at_once(*moves(desk, 6))
        assert answers == {(200, None): 1, (409, "provider-busy"): 5}
        assert overlaps(desk) == 0


def test_without_the_locks_the_constraints_hold_for_moves_too(weakened: Weakened) -> None:
    with weakened(NO_ADVISORY_LOCKS) as desk:
        assert at_once(*moves(desk, 4))[200, None] == 1
        assert overlaps(desk) == 0


def test_control_without_locks_and_constraints_moves_double_book(weakened: Weakened) -> None:
    with weakened(NO_ADVISORY_LOCKS, NO_EXCLUSION) as desk:
        assert at_once(*moves(desk, 4))[200, None] > 1
        assert overlaps(desk) > 0


def moves(desk: Desk, count: int) -> list[Post]:
    """Requests to move as many sessions to one time of one provider."""
    sessions = [desk.create_session(starts_at=at(2 + n)) for n in range(count)]
    target = {"starts_at": at().isoformat()}
    return [Post(desk.centre.client(), f"/sessions/{session['id']}/reschedule", target) for session in sessions]


def test_control_without_the_providers_lock_buffers_are_ignored(weakened: Weakened) -> None:
    for statements, booked in (((), 1), ((NO_ADVISORY_LOCKS,), 2)):
        with weakened(*statements) as desk:
            service = desk.centre.create_service_type(buffer_after_minutes=30)["code"]
            wishes = [
                Post(desk.centre.client(), "/sessions", desk.session_body(service_type=service, starts_at=start))
                for start in (at(hour=9), at(hour=10))
            ]
            assert at_once(*wishes)[201, None] == booked


ABSENCES = ("time-off", "closure")


def unseen(desk: Desk, absence: str) -> bool:
    """Whether an absence that is entered while a session is being booked into it says nothing of that session."""
    day = {"starts_on": at().date().isoformat(), "ends_on": at().date().isoformat()}
    path, body = {
        "time-off": (
            f"/providers/{desk.provider['id']}/time-off",
            {"starts_at": at(hour=0).isoformat(), "ends_at": at(2).isoformat()},
        ),
        "closure": ("/closures", {**day, "name_en": "Eid", "name_ar": "عيد"}),
    }[absence]
    with ThreadPoolExecutor(1) as pool:
        booking = pool.submit(desk.centre.post, "/sessions", desk.session_body())
        eventually(lambda: asleep(desk))  # it has passed all checks, and its row is not stored yet
        entered = created(desk.centre.post(path, body))
        booked = created(booking.result())
    return booked["id"] not in {session["id"] for session in entered["affected_sessions"]}


def asleep(desk: Desk) -> bool:
    """Whether a request of this service is in the pause before its row."""
    looking = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')"
    )
    with desk.centre.kit.transaction("looking") as db:
        return bool(db.execute(text(looking)).scalar_one())


@pytest.mark.parametrize("absence", ABSENCES)
def test_nothing_is_booked_unseen_into_an_absence_that_is_being_entered(weakened: Weakened, absence: str) -> None:
    with weakened() as desk:
        assert not unseen(desk, absence)


@pytest.mark.parametrize("absence", ABSENCES)
def test_control_without_the_locks_a_booking_slips_into_an_absence(weakened: Weakened, absence: str) -> None:
    with weakened(NO_ADVISORY_LOCKS) as desk:
        assert unseen(desk, absence)


def test_whoever_books_while_the_session_is_cancelled_is_refused_or_cancelled(desk: Desk) -> None:
    session = desk.create_session(max_capacity=8)
    caller, path = desk.centre.client(), f"/sessions/{session['id']}"
    wishes = [Post(caller, f"{path}/participants", {"patient_id": p}) for p in desk.centre.create_patients(7)]
    answers = at_once(*wishes, Post(caller, f"{path}/cancel"))
    assert answers[200, None] == 1
    assert set(answers) <= {(200, None), (201, None), (409, "invalid-transition")}
    assert desk.session(session["id"])["current_capacity"] == 0
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentCancelled")) == answers[201, None]


def test_whatever_is_booked_and_cancelled_at_once_nobody_deadlocks_and_nothing_overlaps(desk: Desk) -> None:
    seconds = 3.0
    providers = [desk.provider, *(desk.centre.create_provider(desk.clinic) for _ in range(2))]
    rooms = [desk.room, desk.centre.create_room(desk.clinic), None]
    patients = desk.centre.create_patients(4)
    group = desk.create_session(starts_at=at(1, 9, 30), provider_id=desk.centre.create_provider(desk.clinic)["id"])
    caller = desk.centre.client()
    deadline = time.monotonic() + seconds

    def work(seed: int) -> Counter[int]:
        chance = random.Random(seed)
        mine: list[str] = []
        answers: Counter[int] = Counter()
        while time.monotonic() < deadline:
            what = chance.random()
            if mine and what < 0.25:
                answer = caller.post(f"/participants/{mine.pop()}/cancel")
            elif mine and what < 0.4:
                target = {"starts_at": _some_time(chance).isoformat(), "provider_id": chance.choice(providers)["id"]}
                path = f"/participants/{chance.choice(mine)}/reschedule"
                answer = caller.post(path, chance.choice([target, {"session_id": group["id"]}]))
            elif what < 0.45:
                path = f"/sessions/{group['id']}/reschedule"
                answer = caller.post(path, {"starts_at": _some_time(chance).isoformat()})
            elif what < 0.6:
                body = {"patient_id": chance.choice(patients)}
                answer = caller.post(f"/sessions/{group['id']}/participants", body)
            else:
                answer = caller.post("/appointments", _anything(desk, chance, providers, rooms, patients))
            if answer.status_code == 201:
                mine.append(created(answer)["id"])
            answers[answer.status_code] += 1
        return answers

    before = deadlocks(desk.centre.kit)
    with ThreadPoolExecutor(8) as pool:
        answers = sum(pool.map(work, range(8)), Counter())
    assert set(answers) <= {200, 201, 409, 422}  # 422, because a group's seat has no time of its own
    assert answers[201] > 5
    assert answers[409] > 5
    assert overlaps(desk) == 0
    assert deadlocks(desk.centre.kit) == before


def _anything(
    desk: Desk, chance: random.Random, providers: Sequence[Any], rooms: Sequence[Any], patients: Sequence[str]
) -> dict[str, Any]:
    room = chance.choice(rooms)
    return desk.placement(
        starts_at=_some_time(chance),
        provider_id=chance.choice(providers)["id"],
        room_id=room["id"] if room else None,
        patient_id=chance.choice(patients),
    )


def _some_time(chance: random.Random) -> datetime:
    return at(1, 9) + timedelta(minutes=15 * chance.randrange(8))


def deadlocks(kit: ServiceKit) -> int:
    """How many this database has seen. A backend has told all that it counted once it is gone."""
    kit.database.dispose()

    def alone() -> bool:
        with kit.transaction("counting") as db:
            others = "SELECT FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
            return not db.execute(text(f"SELECT EXISTS ({others} AND datname = current_database())")).scalar_one()

    eventually(alone)
    with kit.transaction("counting") as db:
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(db.execute(query).scalar_one())
