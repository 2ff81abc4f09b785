"""The search itself. It offers exactly what can be booked, and asks little of the database."""

import secrets
import time as clocks
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from jalsa.service.ids import new_id
from scheduling.appointments.operations.placing import Placement
from scheduling.availability.queries import free_slots
from scheduling.models import Clinic, ClinicalSession, Closure, Provider, Room, ServiceType, TimeOff, WorkingHoursRow
from scheduling.timetable.conflicts import conflicts
from scheduling.timetable.free_time import Search

from .factories import Centre, Desk, at, ok

BERLIN = "Europe/Berlin"
SATURDAY, SUNDAY = date(2027, 10, 30), date(2027, 10, 31)  # the clock is set back in the night between them
FIRST = datetime(2027, 10, 29, 18, tzinfo=UTC)  # before which nothing is
MINUTE = timedelta(minutes=1)
MADE: dict[str, Any] = {"created_at": FIRST, "created_by": "x"}

gaps = st.integers(0, 40).map(lambda n: 5 * n)
lengths = st.integers(1, 30).map(lambda n: 5 * n)
buffers = st.sampled_from([0, 0, 5, 20, 90])
busy = st.lists(st.tuples(gaps, lengths, buffers, buffers), min_size=3, max_size=16)
half_hours = st.tuples(st.sampled_from([6, 6, 0, 0, 1]), st.integers(0, 40), st.integers(8, 48))
valid = st.sampled_from([None, SATURDAY, SUNDAY])


@dataclass
class World:
    """A clinic in Berlin with a provider and two rooms, in a transaction that is rolled back."""

    db: Session
    clinic: Clinic
    provider: Provider
    service_type: ServiceType
    rooms: list[Room]

    def work(self, weekday: int, start: int, length: int, valid_from: date | None, valid_to: date | None) -> None:
        """Hours of the provider's week, counted in half hours."""
        end = min(start + length, 48) % 48
        self.db.add(
            WorkingHoursRow(
                id=new_id(),
                provider_id=self.provider.id,
                clinic_id=self.clinic.id,
                weekday=weekday,
                start=time(start // 2, start % 2 * 30),
                end=time(end // 2, end % 2 * 30),
                valid_from=valid_from,
                valid_to=valid_to,
            )
        )

    def be_away(self, start: int, minutes: int) -> None:
        """Time off, counted from the first instant."""
        begins = FIRST + start * MINUTE
        absence = {"starts_at": begins, "ends_at": begins + minutes * MINUTE}
        self.db.add(TimeOff(id=new_id(), provider_id=self.provider.id, **absence, **MADE))

    def close(self, day: date, *, everywhere: bool) -> None:
        """A closure of one day."""
        closed = {"clinic_id": None if everywhere else self.clinic.id, "starts_on": day, "ends_on": day}
        self.db.add(Closure(id=new_id(), kind="CLOSURE", name_en="x", name_ar="x", **closed, **MADE))

    def hold(self, room: Room | None, stretches: list[tuple[int, int, int, int]]) -> None:
        """Sessions of the provider, or of somebody else in a room, one after another, with buffers of their own."""
        holder, start = self.provider if room is None else self._somebody_else(), FIRST
        for gap, length, before, after in stretches:
            start += gap * MINUTE
            session = ClinicalSession(
                id=new_id(),
                session_number=str(uuid4()),
                session_type="INDIVIDUAL",
                clinic_id=self.clinic.id,
                provider_id=holder.id,
                room_id=room.id if room else None,
                service_type_id=self.service_type.id,
                starts_at=start,
                ends_at=start + length * MINUTE,
                max_capacity=1,
                buffer_before_minutes=before,
                buffer_after_minutes=after,
                **MADE,
            )
            self.db.add(session)
            start = session.ends_at

    def _somebody_else(self) -> Provider:
        holder = Provider(id=new_id(), name_en="x", name_ar="x", user_id=str(uuid4()), discipline="SLP")
        self.db.add(holder)
        self.db.flush()
        return holder

    def can_be_booked(self, start: datetime, minutes: int, room: Room | None) -> bool:
        """Whether a booking would find no conflict."""
        end = start + minutes * MINUTE
        placement = Placement.of(self.clinic, self.provider, room, self.service_type, start, end)
        return not conflicts(self.db, placement)


@pytest.fixture(scope="module")
def berlin(kit: ServiceKit) -> Desk:
    desk = Desk(Centre(kit, f"berlin{secrets.token_hex(4)}"), timezone=BERLIN)
    desk.centre.create_room(desk.clinic, name="Amber")
    ok(desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": []}))
    return desk


@contextmanager
def world_of(desk: Desk) -> Iterator[World]:
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        yield World(
            db,
            db.get_one(Clinic, UUID(desk.clinic["id"])),
            db.get_one(Provider, UUID(desk.provider["id"])),
            db.get_one(ServiceType, UUID(desk.service_type["id"])),
            list(db.scalars(select(Room).order_by(Room.name))),
        )
        db.rollback()


def clock_shows(step: int) -> list[datetime]:
    """Every instant of the two days at which the clock shows a whole step."""
    local = ((m, m.astimezone(ZoneInfo(BERLIN))) for m in (FIRST + n * MINUTE for n in range(60 * 60)))
    return [m for m, t in local if t.date() in (SATURDAY, SUNDAY) and (t.hour * 60 + t.minute) % step == 0]


# without shrinking, which would take minutes, because each example is some hundred statements
@settings(max_examples=50, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    hours=st.lists(st.tuples(half_hours, valid, valid), min_size=1, max_size=10),
    absences=st.lists(st.tuples(gaps, lengths), max_size=2),
    closed=st.sampled_from([None, None, None, True, False]),
    held=st.lists(busy, min_size=3, max_size=3),
    own_buffers=st.tuples(buffers, buffers),
    minutes=st.sampled_from([5, 30, 60, 100]),
    step=st.sampled_from([20, 30, 60]),
    needs_room=st.booleans(),
)
def test_a_slot_is_listed_if_and_only_if_nothing_conflicts(
    berlin: Desk,
    hours: list[tuple[tuple[int, int, int], date | None, date | None]],
    absences: list[tuple[int, int]],
    closed: bool | None,
    held: list[list[tuple[int, int, int, int]]],
    own_buffers: tuple[int, int],
    minutes: int,
    step: int,
    needs_room: bool,
) -> None:
    with world_of(berlin) as world:
        for stretch, one, other in hours:
            world.work(*stretch, *(sorted([one, other]) if one and other else (one, other)))
        for start, length in absences:
            world.be_away(15 * start, 4 * length)
        if closed is not None:
            world.close(SUNDAY, everywhere=closed)
        kind = world.service_type
        kind.buffer_before_minutes, kind.buffer_after_minutes = own_buffers
        for room, stretches in zip([None, *world.rooms], held, strict=True):
            world.hold(room, stretches)
        world.db.flush()

        search = Search(
            service_type=kind,
            start=SATURDAY,
            end=SUNDAY,
            minutes=minutes,
            step_minutes=step,
            clinic_id=world.clinic.id,
            provider_id=world.provider.id,
            needs_room=needs_room,
        )
        offered = [
            (s.starts_at, s.room.id if s.room else None)
            for s in free_slots(world.db, search, after=None, limit=500, now=FIRST)
        ]
        expected: list[tuple[datetime, UUID | None]] = []
        for instant in clock_shows(step):
            if needs_room:
                free = [room.id for room in world.rooms if world.can_be_booked(instant, minutes, room)]
                expected += [(instant, room_id) for room_id in free[:1]]
            elif world.can_be_booked(instant, minutes, None):
                expected.append((instant, None))
        assert offered == expected


FILL = text("""
    WITH provider AS (
      INSERT INTO providers (id, name_en, name_ar, user_id, discipline, active)
      SELECT gen_random_uuid(), 'P' || n, 'P', 'many-' || n, 'OT', true FROM generate_series(1, :providers) AS n
      RETURNING id
    ), employed AS (
      INSERT INTO provider_clinics (id, provider_id, clinic_id) SELECT gen_random_uuid(), id, :clinic FROM provider
    ), hours AS (
      INSERT INTO working_hours (id, provider_id, clinic_id, weekday, starts, ends)
      SELECT gen_random_uuid(), id, :clinic, day, '00:00', '00:00' FROM provider, generate_series(0, 6) AS day
    )
    INSERT INTO sessions (id, session_number, session_type, clinic_id, provider_id, service_type_id, starts_at, ends_at,
                          max_capacity, status, created_at, created_by)
    SELECT gen_random_uuid(), gen_random_uuid(), 'INDIVIDUAL', :clinic, provider.id, :kind, starts,
           starts + interval '8 hours', 1, 'SCHEDULED', now(), 'x'
    FROM provider, generate_series(CAST(:first AS timestamptz), :last, interval '8 hours') AS starts
""")


def test_a_month_of_fifty_full_calendars_is_searched_at_once_in_a_few_statements(desk: Desk) -> None:
    """The classic complaint: a search of 15 to 20 seconds for 50 providers."""
    ok(desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": []}))
    full = {"clinic": desk.clinic["id"], "kind": desk.service_type["id"], "first": at(0), "last": at(31)}
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        db.execute(FILL, {**full, "providers": 50})
    query = {"service_type": desk.service_type["code"], "clinic_id": desk.clinic["id"]}
    bounds = {"from": at(1).date().isoformat(), "to": at(32).date().isoformat()}
    statements: list[str] = []

    def count(*args: Any) -> None:
        statements.append(args[2])

    engine = desk.centre.kit.database.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        began = clocks.monotonic()
        found = ok(desk.centre.get("/availability", **query, **bounds, limit=50))["items"]
        took = clocks.monotonic() - began
    finally:
        event.remove(engine, "before_cursor_execute", count)
    end_of_the_last = at(31, 9 + 8).isoformat().replace("+00:00", "Z")
    assert [slot["starts_at"] for slot in found] == [end_of_the_last] * 50
    assert took < 2
    assert len(statements) < 20
