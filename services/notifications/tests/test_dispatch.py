"""Every message goes out once, whatever fails in the middle."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from jalsa.service import clock
from jalsa.service.ids import new_id
from notifications import domain, jobs, texts
from notifications.channels.failure import NotSent
from notifications.domain import EMAIL, OUTCOME_UNKNOWN, REJECTED, SENDER_LOOKED_AFTER, UNREACHABLE
from notifications.models import Appointment, Attempt, Message
from notifications.operations import messages

from .factories import Booking, Crash, Outside, World, at, items

DAY = timedelta(days=1)


def passing() -> NotSent:
    return NotSent("http-503", UNREACHABLE, again=True)


def final() -> NotSent:
    return NotSent("http-400", REJECTED, again=False)


def attempts(world: World, booking: Booking) -> list[tuple[int, str | None]]:
    with world.kit.transaction(world.tenant) as db:
        rows = db.execute(
            select(Attempt.number, Attempt.outcome)
            .join(Message, Message.id == Attempt.message_id)
            .where(Message.appointment_id == booking.id)
            .order_by(Attempt.number)
        )
        return [(row[0], row[1]) for row in rows]


def test_work_is_found_for_every_tenant(scratch_kit: ServiceKit, tenant: str, outside: Outside) -> None:
    worlds = [World(scratch_kit, f"{tenant}-{name}") for name in ("a", "b")]
    made = [world.book(world.patient()) for world in worlds]
    worlds[0].dispatch()
    assert [w.confirmation(b)["status"] for w, b in zip(worlds, made, strict=True)] == ["SENT", "SENT"]
    assert len(outside.delivered) == 2


def test_the_relay_role_sees_where_work_is_due_and_nothing_of_it(world: World) -> None:
    with world.kit.relay.engine.connect() as conn:
        rights = conn.execute(
            text("""
                SELECT table_name, column_name FROM information_schema.column_privileges
                WHERE grantee = 'notifications_relay' AND privilege_type = 'SELECT'
                AND table_name IN ('messages', 'reminders', 'patients', 'appointments', 'preferences', 'notices')
            """)
        )
        assert {tuple(row) for row in rights} == {
            *(("messages", column) for column in ("id", "tenant_id", "status", "next_at")),
            *(("reminders", column) for column in ("id", "tenant_id", "status", "due_at", "message_id")),
        }


def test_a_passing_failure_is_tried_again_after_a_pause(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    outside.failures = [passing()]
    world.dispatch()
    world.dispatch()
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["attempts"]) == ("QUEUED", 1)
    with at(clock.now() + timedelta(seconds=10)):
        world.dispatch()
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["attempts"]) == ("SENT", 2)
    assert attempts(world, booking) == [(1, "http-503"), (2, "sent")]
    assert len({(m.id, m.recipient, m.body) for m in outside.delivered}) == 1


def test_later_attempts_carry_the_same_message_to_the_same_contact(world: World, outside: Outside) -> None:
    patient_id = world.patient(preferred_language="en")
    booking = world.book(patient_id)
    outside.failures = [passing()]
    world.dispatch()
    world.update_patient(patient_id, phone="+966500000009", preferred_language="ar")
    with at(clock.now() + timedelta(seconds=10)):
        world.dispatch()
    first, second = outside.delivered
    assert replace(second, attempt=1) == first
    assert world.confirmation(booking)["status"] == "SENT"


def test_a_cancellation_ends_at_once_what_waits_for_another_attempt(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with at(booking.starts_at - DAY):
        outside.failures = [passing()]
        world.dispatch()
        world.cancel(booking)
        assert world.message("REMINDER_24H", booking)["status"] == "CANCELLED"
        assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}


def test_a_passing_failure_that_does_not_pass_ends_after_the_last_attempt(world: World, outside: Outside) -> None:
    booking, now = world.book(world.patient()), clock.now()
    outside.failures = [passing() for _ in range(50)]
    for minutes in range(0, 50 * domain.MAX_ATTEMPTS, 50):
        with at(now + timedelta(minutes=minutes)):
            world.dispatch()
    confirmation = world.confirmation(booking)
    assert (confirmation["status"], confirmation["reason"]) == ("FAILED", "unreachable")
    assert confirmation["attempts"] == len(outside.delivered) == domain.MAX_ATTEMPTS
    [failed] = world.kit.events(world.tenant, "MessageFailed")
    assert (failed.data["channel"], failed.data["reason"]) == ("WHATSAPP", "unreachable")


def test_a_final_refusal_is_not_tried_again_and_ends_no_batch(world: World, outside: Outside) -> None:
    made = world.book_many(5)
    outside.failures = [final(), final()]
    world.dispatch()
    world.dispatch()
    states = sorted((world.confirmation(b)["status"], world.confirmation(b)["reason"]) for b in made if b)
    assert states[:2] == [("FAILED", "rejected")] * 2
    assert [status for status, _ in states[2:]] == ["SENT"] * 3
    assert len(outside.delivered) == 5


def test_a_fault_of_our_own_in_one_message_ends_no_batch(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, say = world.book_many(3), texts.message

    def fails_for_one(kind: str, language: str, facts: texts.Facts) -> tuple[str, str]:
        if facts.number == made[0].number:
            raise KeyError(kind)
        return say(kind, language, facts)

    monkeypatch.setattr(texts, "message", fails_for_one)
    world.dispatch()
    assert [world.confirmation(b)["status"] for b in made] == ["FAILED", "SENT", "SENT"]
    assert world.confirmation(made[0])["reason"] == "internal-error"


def test_a_fault_of_our_own_in_one_reminder_ends_no_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, queue = world.book_many(3), messages.queue

    def fails_for_one(db: Session, kind: str, appointment: Appointment, *, now: datetime) -> Message:
        if appointment.id == made[0].id:
            raise KeyError(kind)
        return queue(db, kind, appointment, now=now)

    monkeypatch.setattr(messages, "queue", fails_for_one)
    with at(made[0].starts_at - DAY):
        world.dispatch()
        assert [world.reminder_states(b)["24H"] for b in made] == ["FAILED", "SENT", "SENT"]


def test_a_reminder_that_can_not_be_sent_gives_way_to_the_next_and_ends_with_the_session(
    world: World, outside: Outside
) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    outside.failures = [passing() for _ in range(50)]
    with at(booking.starts_at - DAY):
        world.dispatch()
    with at(booking.starts_at - timedelta(hours=2)):
        world.dispatch()
        assert world.reminders(booking)["24H"]["reason"] == "too-late"
        assert world.reminder_states(booking)["2H"] == "SCHEDULED"
    outside.failures = []
    with at(booking.starts_at):
        world.dispatch()
        assert world.reminder_states(booking) == {"24H": "FAILED", "2H": "FAILED"}
        assert world.reminders(booking)["2H"]["reason"] == "too-late"
    assert len(outside.delivered) == 3  # the confirmation, and one attempt of each reminder


def test_after_a_long_outage_the_last_reminder_alone_is_sent(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with at(booking.starts_at - timedelta(hours=1)):
        world.dispatch()
        assert world.reminder_states(booking) == {"24H": "FAILED", "2H": "SENT"}
    assert len(outside.delivered) == 2


def crash_while_sending(world: World, outside: Outside) -> None:
    outside.failures = [Crash()]
    with pytest.raises(Crash):
        jobs.send(world.tools)


def test_after_a_crash_in_the_middle_a_gateway_gets_the_same_message_under_the_same_key(
    world: World, outside: Outside
) -> None:
    booking = world.book(world.patient())
    crash_while_sending(world, outside)
    world.dispatch()
    assert world.confirmation(booking)["status"] == "SENDING"
    with at(clock.now() + SENDER_LOOKED_AFTER):
        world.dispatch()
    assert world.confirmation(booking)["status"] == "SENT"
    first, second = outside.delivered
    assert (first.id, first.recipient, first.body) == (second.id, second.recipient, second.body)
    assert attempts(world, booking) == [(1, "lost"), (2, "sent")]


def test_after_a_crash_in_the_middle_an_email_is_not_sent_again(world: World, outside: Outside) -> None:
    booking = world.book(world.patient(phone=None))
    crash_while_sending(world, outside)
    with at(clock.now() + SENDER_LOOKED_AFTER):
        world.dispatch()
        world.dispatch()
    assert world.confirmation(booking)["channel"] == EMAIL
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["reason"]) == ("FAILED", OUTCOME_UNKNOWN)
    assert len(outside.delivered) == 1


def test_a_message_whose_sender_was_lost_is_not_sent_again_after_a_cancellation(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    crash_while_sending(world, outside)
    world.cancel(booking)
    with at(clock.now() + SENDER_LOOKED_AFTER):
        world.dispatch()
    assert world.confirmation(booking)["reason"] == OUTCOME_UNKNOWN
    assert [m.subject for m in outside.delivered] == ["تم حجز موعدك", "تم إلغاء موعدك"]


def test_the_claim_is_stored_before_the_outside_is_called(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = world.book(world.patient())
    seen: list[tuple[str, list[tuple[int, str | None]]]] = []

    def look(_: object) -> str:
        seen.append((world.confirmation(booking)["status"], attempts(world, booking)))
        return "taken"

    monkeypatch.setattr(jobs, "channels", lambda _: {"WHATSAPP": look})
    world.dispatch()
    assert seen == [("SENDING", [(1, None)])]


def test_an_attempt_that_outlived_its_lease_changes_nothing(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    crash_while_sending(world, outside)
    with at(clock.now() + SENDER_LOOKED_AFTER):
        outside.failures = [final()]
        world.dispatch()
    late = outside.delivered[0]
    with world.kit.transaction(world.tenant) as db:
        messages.record_sent(db, late.id, late.attempt, "late", now=clock.now())
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["sent_at"]) == ("FAILED", None)


def test_a_reminder_under_way_when_the_appointment_is_cancelled_ends_as_it_went(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(world.patient())
    world.dispatch()

    def cancel_meanwhile(_: object) -> str:
        world.cancel(booking)
        return "taken"

    with at(booking.starts_at - DAY):
        monkeypatch.setattr(jobs, "channels", lambda _: {"WHATSAPP": cancel_meanwhile})
        jobs.remind(world.tools)
        jobs.send(world.tools)
        assert world.reminder_states(booking) == {"24H": "SENT", "2H": "CANCELLED"}


def test_a_reminder_that_failed_under_way_is_not_tried_again_once_the_appointment_is_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch, outside: Outside
) -> None:
    booking = world.book(world.patient())
    world.dispatch()

    def cancel_meanwhile(_: object) -> str:
        world.cancel(booking)
        raise passing()

    with at(booking.starts_at - DAY), monkeypatch.context() as meanwhile:
        meanwhile.setattr(jobs, "channels", lambda _: {"WHATSAPP": cancel_meanwhile})
        jobs.remind(world.tools)
        jobs.send(world.tools)
    with at(booking.starts_at - timedelta(hours=23)):
        world.dispatch()
        assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}
        assert world.message("REMINDER_24H", booking)["status"] == "CANCELLED"
    assert [m.subject for m in outside.delivered] == ["تم حجز موعدك", "تم إلغاء موعدك"]


def test_a_reminder_of_another_time_is_cancelled(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with world.kit.transaction(world.tenant) as db:
        moved = db.get_one(Appointment, booking.id)
        moved.starts_at, moved.ends_at = moved.starts_at + DAY, moved.ends_at + DAY
    with at(booking.starts_at - DAY):
        world.dispatch()
        assert world.reminder_states(booking)["24H"] == "CANCELLED"
    assert len(outside.delivered) == 1


def test_a_message_of_another_time_is_cancelled(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    with world.kit.transaction(world.tenant) as db:
        moved = db.get_one(Appointment, booking.id)
        moved.starts_at, moved.ends_at = moved.starts_at + DAY, moved.ends_at + DAY
    world.dispatch()
    assert world.confirmation(booking)["status"] == "CANCELLED"
    assert outside.delivered == []


def test_every_change_of_a_message_leaves_an_audit_row(world: World) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    message_id = world.confirmation(booking)["id"]
    with world.kit.transaction(world.tenant) as db:
        rows = db.execute(
            text("SELECT action, after->>'status' FROM audit_log WHERE row_id = :id ORDER BY id"), {"id": message_id}
        )
        assert [tuple(row) for row in rows] == [("INSERT", "QUEUED"), ("UPDATE", "SENDING"), ("UPDATE", "SENT")]


def test_messages_can_be_found_by_state(world: World) -> None:
    world.book(new_id())
    booking = world.book(world.patient())
    world.dispatch()
    [sent] = items(world.desk.get("/messages", status="SENT"))
    assert sent["appointment_number"] == booking.number
