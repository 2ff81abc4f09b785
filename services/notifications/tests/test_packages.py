"""A package is announced as one: to its patient in one message, and to each of its providers in one notice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import CapturingLogger

from jalsa.service import clock
from jalsa.service.ids import new_id
from notifications import domain, jobs
from notifications.channels.failure import NotSent
from notifications.domain import EMAIL, SENDER_LOOKED_AFTER
from notifications.models import Package
from notifications.operations import appointments

from .factories import EMAIL_ADDRESS, PHONE, Course, Crash, Json, Outside, World, at, in_days

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OMAR = {
    "id": "01a1f000-0000-7000-8000-0000000000b2",
    "user_id": "omar",
    "name_en": "Omar Aziz",
    "name_ar": "عمر عزيز",
}


def every_other_day(count: int, first: float = 3) -> list[datetime]:
    return [in_days(first) + n * 2 * DAY for n in range(count)]


def book_forty(world: World) -> tuple[Course, list[Json]]:
    """A package of forty, with the messages that came of it."""
    course = world.course(every_other_day(40))
    world.course_booked(course)
    world.schedule(course)
    world.dispatch()
    listed = world.desk.get("/messages", patient_id=str(course.patient_id), limit=100).json or {}
    return course, listed["items"]


def kinds(world: World, user_id: str = "layla") -> list[str]:
    """The kinds of somebody's notices, the oldest first."""
    return [notice["kind"] for notice in reversed(world.notices(user_id))]


def states(world: World, course: Course) -> list[tuple[str, str]]:
    return [(message["kind"], message["status"]) for message in world.course_messages(course)]


def test_forty_appointments_booked_with_their_package_are_one_message_and_one_notice(
    world: World, outside: Outside
) -> None:
    course, messages = book_forty(world)
    [message] = messages
    assert (message["kind"], message["status"], message["channel"]) == ("PACKAGE_SCHEDULED", "SENT", "WHATSAPP")
    assert (message["package_id"], message["package_number"]) == (str(course.id), course.number)
    assert (message["appointment_id"], message["appointment_number"]) == (None, None)
    assert world.desk.get(f"/messages/{message['id']}").json == message
    assert [m.recipient for m in outside.delivered] == [PHONE]
    assert kinds(world) == ["PACKAGE_SCHEDULED"]
    [sent] = world.kit.events(world.tenant, "MessageSent")
    assert (sent.data["kind"], sent.data["appointment_id"]) == ("PACKAGE_SCHEDULED", None)
    for booking in course.bookings:
        assert world.reminder_states(booking) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}


def test_control_where_the_flag_is_ignored_forty_appointments_are_forty_one_messages(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appointments, "_is_told", lambda _, announced_at, now: domain.is_news(announced_at, now))
    _, messages = book_forty(world)
    assert len(messages) == len(outside.delivered) == len(kinds(world)) == 41


def test_an_appointment_whose_event_says_nothing_of_a_package_is_told_as_usual(world: World) -> None:
    booking, patient_id = world.course([in_days(3)]).bookings[0], world.patient()
    event = world.booked(booking, patient_id)
    del event.data["announced_with_package"]  # type: ignore[attr-defined]
    world.kit.inbox.receive(event)
    assert world.confirmation(booking)["status"] == "QUEUED"
    assert kinds(world) == ["APPOINTMENT_BOOKED"]


def test_reminders_of_appointments_moved_with_their_package_move_with_them_and_nobody_is_told(
    world: World, outside: Outside
) -> None:
    course = world.course([in_days(3), in_days(5)])
    world.course_booked(course)
    first, _ = course.bookings
    world.reschedule(first, first.starts_at + DAY, provider=OMAR, announced_with_package=True)
    world.dispatch()
    assert [status for _, _, status in world.every_reminder(first)] == ["CANCELLED"] * 2 + ["SCHEDULED"] * 2
    assert (outside.delivered, world.notices(), world.notices("omar")) == ([], [], [])
    with at(first.starts_at):
        world.dispatch()
        assert world.reminder_states(first) == {"24H": "SENT", "2H": "SCHEDULED"}
    assert len(outside.delivered) == 1


def test_reminders_of_appointments_cancelled_with_their_package_end_and_nobody_is_told(
    world: World, outside: Outside
) -> None:
    course = world.course([in_days(3)])
    world.course_booked(course)
    world.cancel(course.bookings[0], announced_with_package=True)
    with at(course.bookings[0].starts_at - HOUR):
        world.dispatch()
    assert world.reminder_states(course.bookings[0]) == {"24H": "CANCELLED", "2H": "CANCELLED"}
    assert (outside.delivered, world.notices()) == ([], [])


def test_reminders_of_a_package_are_made_for_dates_far_enough_away_alone(world: World) -> None:
    course = world.course([in_days(1 / 24), in_days(20 / 24), in_days(3)])
    world.course_booked(course)
    assert [set(world.reminders(booking)) for booking in course.bookings] == [set(), {"2H"}, {"24H", "2H"}]


def test_one_appointment_of_a_package_that_is_moved_alone_is_told_as_usual(world: World) -> None:
    course = world.course([in_days(3), in_days(5)])
    world.course_booked(course)
    world.schedule(course)
    world.dispatch()
    moved = course.bookings[0]
    world.reschedule(moved, moved.starts_at + DAY, patient_id=course.patient_id)
    world.dispatch()
    assert world.message("RESCHEDULING", moved)["status"] == "SENT"
    assert kinds(world) == ["PACKAGE_SCHEDULED", "APPOINTMENT_RESCHEDULED"]
    assert states(world, course) == [("PACKAGE_SCHEDULED", "SENT")]


@pytest.mark.parametrize(
    ("language", "subject", "said"),
    [
        ("en", "Your sessions are booked", "Sunday, January 3, 2027, 10:00 AM"),
        ("ar", "تم حجز جلساتك", "الأحد، 3 يناير 2027، 10:00 ص"),
    ],
)
def test_the_patient_reads_the_own_language_and_the_clinics_clock(
    world: World, language: str, subject: str, said: str
) -> None:
    ten = datetime.fromisoformat("2027-01-03T07:00:00+00:00")
    with at(ten - 3 * DAY):
        course = world.course([ten, ten + DAY], preferred_language=language)
        world.schedule(course, unscheduled=[3])
        world.dispatch()
        [message] = world.course_messages(course)
    assert (message["language"], message["subject"]) == (language, subject)
    assert said in message["body"]
    assert course.number in message["body"]


def test_the_zone_is_the_one_of_the_event_where_the_clinic_is_not_known_yet(world: World) -> None:
    ten = datetime.fromisoformat("2027-01-03T07:00:00+00:00")
    clinic = {"id": str(new_id()), "code": "SLP", "name_en": "Speech therapy", "name_ar": "علاج النطق"}
    with at(ten - 3 * DAY):
        course = world.course([ten], preferred_language="en")
        world.schedule(course, clinic=clinic, timezone="Asia/Dubai")
        world.dispatch()
        [message] = world.course_messages(course)
    assert "Speech therapy" in message["body"]
    assert "Sunday, January 3, 2027, 11:00 AM" in message["body"]


def test_preferences_decide_the_channel_and_a_patient_who_wants_none_gets_none(world: World, outside: Outside) -> None:
    by_mail, silent = world.course([in_days(3)]), world.course([in_days(3)])
    world.prefer(by_mail.patient_id, whatsapp_enabled=False, sms_enabled=False)
    world.prefer(silent.patient_id, whatsapp_enabled=False, sms_enabled=False, email_enabled=False)
    for course in (by_mail, silent):
        world.schedule(course)
    world.dispatch()
    assert [(m.channel, m.recipient) for m in outside.delivered] == [(EMAIL, EMAIL_ADDRESS)]
    [failed] = world.course_messages(silent)
    assert (failed["status"], failed["reason"]) == ("FAILED", "no-contact")


def test_a_hundred_dates_by_text_message_are_told_by_the_first_and_the_last(world: World, outside: Outside) -> None:
    course = world.course(every_other_day(100), preferred_language="en")
    world.prefer(course.patient_id, whatsapp_enabled=False)
    world.schedule(course)
    world.dispatch()
    [delivered] = outside.delivered
    assert (delivered.channel, "Sessions to come: 100" in delivered.body) == ("SMS", True)
    assert "First: " in delivered.body
    assert len(delivered.body) <= domain.BODY_LIMITS["SMS"]


def test_a_package_that_is_paused_is_told_so_and_nothing_that_was_queued_goes_out(
    world: World, outside: Outside
) -> None:
    course = world.course([in_days(3), in_days(5)])
    world.course_booked(course)
    world.schedule(course)
    for booking in course.bookings:
        world.cancel(booking, announced_with_package=True)
    world.schedule(course, "PAUSED", dates={}, unscheduled=[1, 2])
    world.dispatch()
    assert states(world, course) == [("PACKAGE_SCHEDULED", "CANCELLED"), ("PACKAGE_PAUSED", "SENT")]
    assert [m.subject for m in outside.delivered] == ["تم إيقاف جلساتك مؤقتًا"]
    assert kinds(world) == ["PACKAGE_SCHEDULED", "PACKAGE_PAUSED"]


def test_a_package_that_goes_on_tells_its_new_dates(world: World) -> None:
    course = world.course([in_days(3), in_days(5)], preferred_language="en")
    world.schedule(course, "PAUSED", dates={}, unscheduled=[1, 2])
    world.schedule(course, "RESUMED", dates={2: in_days(9)}, changed=[2], unscheduled=[1])
    world.dispatch()
    message = world.course_messages(course)[-1]
    assert (message["kind"], message["subject"]) == ("PACKAGE_RESUMED", "Your sessions go on")
    assert "Sessions to come: 1, with Layla Haddad" in message["body"]
    assert "Sessions without a time yet: 1" in message["body"]


def test_a_package_that_is_cancelled_is_one_message_and_one_notice(world: World, outside: Outside) -> None:
    course = world.course(every_other_day(5))
    world.course_booked(course)
    world.schedule(course)
    world.dispatch()
    for booking in course.bookings:
        world.cancel(booking, announced_with_package=True)
    world.cancel_course(course)
    world.dispatch()
    assert states(world, course) == [("PACKAGE_SCHEDULED", "SENT"), ("PACKAGE_CANCELLED", "SENT")]
    assert [m.subject for m in outside.delivered] == ["تم حجز جلساتك", "تم إلغاء جلساتك"]
    assert kinds(world) == ["PACKAGE_SCHEDULED", "PACKAGE_CANCELLED"]


def test_nobody_is_told_of_the_end_of_a_package_that_never_had_a_date(world: World, outside: Outside) -> None:
    course = world.course([in_days(3)])
    world.cancel_course(course)
    world.dispatch()
    assert (world.course_messages(course), world.notices(), outside.delivered) == ([], [], [])


def test_an_old_event_of_a_package_is_kept_and_announces_nothing(world: World, outside: Outside) -> None:
    course, old = world.course([in_days(3)]), clock.now() - DAY - timedelta(minutes=1)
    world.schedule(course, time=old)
    world.schedule(course, "PAUSED", dates={}, time=old)
    world.cancel_course(course, time=old)
    world.dispatch()
    assert (world.course_messages(course), world.notices(), outside.delivered) == ([], [], [])
    assert world.kit.count(world.tenant, Package) == 1


def test_dates_that_are_past_are_not_told(world: World, outside: Outside) -> None:
    course = world.course([clock.now() - HOUR, in_days(3), in_days(5)], preferred_language="en")
    world.schedule(course)
    world.dispatch()
    assert "Sessions to come: 2, with" in outside.delivered[0].body


@pytest.mark.parametrize("cause", domain.PACKAGE_CAUSES)
def test_a_package_without_any_date_to_come_is_told_of_only_where_its_dates_were_taken_away(
    world: World, outside: Outside, cause: str
) -> None:
    course = world.course([clock.now() - HOUR])
    world.schedule(course, cause, unscheduled=[2])
    world.dispatch()
    told = cause in ("RESCHEDULED", "PAUSED")
    assert (len(outside.delivered), states(world, course)[0][1]) == ((1, "SENT") if told else (0, "CANCELLED"))
    assert world.notices() == []


def test_new_dates_replace_what_was_not_told_yet(world: World, outside: Outside) -> None:
    course = world.course([in_days(3), in_days(5)], preferred_language="en")
    world.schedule(course)
    world.schedule(course, "RESCHEDULED", dates={1: in_days(4), 2: in_days(6)})
    assert states(world, course) == [("PACKAGE_SCHEDULED", "CANCELLED"), ("PACKAGE_RESCHEDULED", "QUEUED")]
    world.dispatch()
    assert [m.subject for m in outside.delivered] == ["Your sessions have new times"]


def test_another_therapist_is_named_with_the_dates_that_changed_and_what_was_queued_is_told_all_the_same(
    world: World, outside: Outside
) -> None:
    course = world.course(every_other_day(3), preferred_language="en")
    world.schedule(course)
    world.schedule(course, "SUBSTITUTED", providers={2: OMAR}, changed=[2])
    world.dispatch()
    assert states(world, course) == [("PACKAGE_SCHEDULED", "SENT"), ("PACKAGE_SUBSTITUTED", "SENT")]
    booked, substituted = (message["body"] for message in world.course_messages(course))
    assert "Sessions to come: 3\n" in booked
    assert booked.count("Omar Aziz") == 1
    assert "Sessions to come: 1, with Omar Aziz\n" in substituted
    assert "Layla" not in substituted


def test_providers_hear_once_of_a_package_each_with_the_own_dates(world: World) -> None:
    course = world.course(every_other_day(4))
    world.schedule(course, providers={3: OMAR, 4: OMAR})
    [layla], [omar] = world.notices(), world.notices("omar")
    assert "Sessions to come: 2, with Layla Haddad" in layla["text_en"]
    assert "الجلسات القادمة: 2، مع عمر عزيز" in omar["text_ar"]
    assert (omar["package_number"], omar["package_id"]) == (course.number, str(course.id))
    assert (omar["appointment_number"], omar["appointment_id"], omar["starts_at"]) == (None, None, None)
    client = world.kit.client(world.tenant, "clinician", subject="omar")
    assert (client.post(f"/inbox/{omar['id']}/read").json or {})["read_at"] is not None


def test_who_gave_and_who_took_over_hear_of_a_substitution_and_nobody_else(world: World) -> None:
    noor = {**OMAR, "id": str(new_id()), "user_id": "noor"}
    course = world.course(every_other_day(3))
    world.schedule(course, providers={3: noor})
    world.schedule(course, "SUBSTITUTED", providers={1: OMAR, 2: OMAR, 3: noor}, changed=[1, 2])
    assert kinds(world) == ["PACKAGE_SCHEDULED", "PACKAGE_SUBSTITUTED"]
    assert "Sessions to come: 0" in world.notices()[0]["text_en"]
    assert (kinds(world, "omar"), kinds(world, "noor")) == (["PACKAGE_SUBSTITUTED"], ["PACKAGE_SCHEDULED"])


def test_who_took_over_one_appointment_alone_hears_that_the_package_is_cancelled(world: World) -> None:
    course = world.course(every_other_day(2))
    world.course_booked(course)
    world.schedule(course)
    world.reschedule(course.bookings[1], course.bookings[1].starts_at, provider=OMAR)
    world.cancel_course(course)
    assert kinds(world, "omar") == ["APPOINTMENT_RESCHEDULED", "PACKAGE_CANCELLED"]
    assert kinds(world)[-1] == "PACKAGE_CANCELLED"


@pytest.mark.parametrize("change_comes_first", [False, True])
def test_an_appointment_that_was_moved_alone_meanwhile_is_left_to_its_own_message(
    world: World, outside: Outside, change_comes_first: bool
) -> None:
    course, now = world.course([in_days(3), in_days(5)], preferred_language="en"), clock.now()
    world.course_booked(course)
    scheduled = world.scheduled(course, time=now - timedelta(minutes=2))
    moved = world.rescheduled(course.bookings[0], in_days(9), now - timedelta(minutes=1), patient_id=course.patient_id)
    for event in (moved, scheduled) if change_comes_first else (scheduled, moved):
        world.kit.inbox.receive(event)
    world.dispatch()
    [message] = world.course_messages(course)
    assert "Sessions to come: 1, with" in message["body"]
    assert {m.subject for m in outside.delivered} == {"Your sessions are booked", "Your appointment was moved"}


def test_an_appointment_that_moved_with_its_package_is_told_with_it_whichever_event_is_the_later(world: World) -> None:
    course, now = world.course([in_days(3), in_days(5)], preferred_language="en"), clock.now()
    world.course_booked(course)
    world.schedule(course, "RESCHEDULED", dates={1: in_days(4), 2: in_days(5)}, changed=[1], time=now - HOUR)
    world.reschedule(course.bookings[0], in_days(4), now, announced_with_package=True)
    world.dispatch()
    assert "Sessions to come: 2, with" in world.course_messages(course)[0]["body"]


def test_an_appointment_that_was_moved_alone_before_is_told_with_the_package_again(world: World) -> None:
    course = world.course([in_days(3), in_days(5)], preferred_language="en")
    world.course_booked(course)
    world.reschedule(course.bookings[0], in_days(4), time=clock.now() - HOUR)
    world.schedule(course, "RESCHEDULED", dates={1: in_days(9), 2: in_days(5)}, changed=[1])
    world.dispatch()
    assert "Sessions to come: 2, with" in world.course_messages(course)[0]["body"]


def test_an_appointment_that_was_cancelled_alone_meanwhile_is_not_told_with_the_package(world: World) -> None:
    course = world.course([in_days(3), in_days(5)], preferred_language="en")
    world.course_booked(course)
    world.schedule(course)
    world.cancel(course.bookings[0])
    world.dispatch()
    assert "Sessions to come: 1, with" in world.course_messages(course)[0]["body"]


@pytest.mark.parametrize(("first", "status"), [(timedelta(hours=7), "SENT"), (timedelta(hours=8), "QUEUED")])
def test_quiet_hours_hold_a_package_back_unless_its_first_date_is_before_their_end(
    world: World, first: timedelta, status: str
) -> None:
    midnight = in_days(1).replace(hour=21, minute=0, second=0)  # in Riyadh
    with at(midnight):
        course = world.course([midnight + first, midnight + 3 * DAY])
        world.prefer(course.patient_id, quiet_hours={"start": "22:00", "end": "07:00"})
        world.schedule(course)
        world.dispatch()
        assert states(world, course) == [("PACKAGE_SCHEDULED", status)]
    with at(midnight + timedelta(hours=7)):
        world.dispatch()
        assert states(world, course) == [("PACKAGE_SCHEDULED", "SENT")]


def test_a_pause_does_not_wait_past_a_date_that_no_longer_takes_place(world: World) -> None:
    midnight = in_days(1).replace(hour=21, minute=0, second=0)  # in Riyadh
    with at(midnight):
        course = world.course([midnight + timedelta(hours=6)])
        world.schedule(course)
        world.dispatch()
        world.prefer(course.patient_id, quiet_hours={"start": "22:00", "end": "07:00"})
        world.schedule(course, "PAUSED", dates={})
        world.dispatch()
        assert states(world, course)[-1] == ("PACKAGE_PAUSED", "SENT")


def test_dates_that_failed_under_way_are_not_tried_again_once_there_are_others(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = world.course([in_days(3)])
    world.schedule(course)

    def change_meanwhile(_: object) -> str:
        world.schedule(course, "RESCHEDULED", dates={1: in_days(4)})
        raise NotSent("http-503", "unreachable", again=True)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(jobs, "channels", lambda _: {"WHATSAPP": change_meanwhile})
        jobs.send(world.tools)
    with at(clock.now() + timedelta(minutes=1)):
        world.dispatch()
    assert states(world, course) == [("PACKAGE_SCHEDULED", "CANCELLED"), ("PACKAGE_RESCHEDULED", "SENT")]
    assert [m.subject for m in outside.delivered] == ["مواعيد جديدة لجلساتك"]


def test_a_message_whose_sender_was_lost_is_not_sent_again_after_the_package_was_cancelled(
    world: World, outside: Outside
) -> None:
    course = world.course([in_days(3)])
    world.schedule(course)
    outside.failures = [Crash()]
    with pytest.raises(Crash):
        jobs.send(world.tools)
    with at(clock.now() + timedelta(seconds=1)):
        world.cancel_course(course)
    with at(clock.now() + SENDER_LOOKED_AFTER):
        world.dispatch()
    assert states(world, course) == [("PACKAGE_SCHEDULED", "FAILED"), ("PACKAGE_CANCELLED", "SENT")]
    assert [m.subject for m in outside.delivered] == ["تم حجز جلساتك", "تم إلغاء جلساتك"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_duplicated_and_disordered_events_end_as_a_perfect_run_does(
    world: World, outside: Outside, order: tuple[int, ...]
) -> None:
    course = world.course([in_days(3), in_days(5)])
    story = [
        world.scheduled(course),
        world.scheduled(course, "RESCHEDULED", dates={1: in_days(4), 2: in_days(6)}),
        world.scheduled(course, "PAUSED", dates={}),
    ]
    for index in (*order, *order):
        world.kit.inbox.receive(story[index])
    world.dispatch()
    assert states(world, course) == [
        ("PACKAGE_SCHEDULED", "CANCELLED"),
        ("PACKAGE_RESCHEDULED", "CANCELLED"),
        ("PACKAGE_PAUSED", "SENT"),
    ]
    assert kinds(world) == ["PACKAGE_SCHEDULED", "PACKAGE_RESCHEDULED", "PACKAGE_PAUSED"]
    assert len(outside.delivered) == 1


def test_changes_of_packages_and_dispatchers_never_wait_for_each_other(world: World, outside: Outside) -> None:
    made = [world.course([in_days(3), in_days(5)]) for _ in range(8)]
    for course in made:
        world.schedule(course)
    changes = [world.scheduled(course, "RESCHEDULED", dates={1: in_days(4)}) for course in made]

    def change_all() -> None:
        for event in changes:
            world.kit.inbox.receive(event)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(change_all), pool.submit(world.dispatch), pool.submit(world.dispatch)]:
            future.result(60)
    world.dispatch()
    for course in made:
        assert states(world, course)[-1] == ("PACKAGE_RESCHEDULED", "SENT")
    assert len({m.id for m in outside.delivered}) == len(outside.delivered)


@pytest.mark.parametrize(
    "malformed",
    [{"timezone": "Asia/Atlantis"}, {"cause": "FORGOTTEN"}, {"sessions": [{"session_number": 1}]}, {"clinic": None}],
    ids=str,
)
def test_a_malformed_event_is_set_aside_and_those_behind_it_wait(
    world: World, outside: Outside, malformed: dict[str, Any]
) -> None:
    course = world.course([in_days(3)])
    world.schedule(course, **malformed)
    world.cancel_course(course)
    world.dispatch()
    kept = world.kit.client(world.tenant).get("/events/inbox").json or {}
    assert [(event["state"], event["error"]) for event in kept["items"] if event["state"] == "dead"] == [
        ("dead", "ValidationError")
    ]
    assert (world.course_messages(course), outside.delivered) == ([], [])
    assert world.kit.count(world.tenant, Package) == 0


def test_neither_log_nor_events_name_a_contact_or_a_text(world: World, log: CapturingLogger) -> None:
    course = world.course([in_days(3)])
    world.schedule(course)
    world.dispatch()
    published = [str(event.attributes()) for event in world.kit.events(world.tenant)]
    written = "\n".join([*(str(call) for call in log.calls), *published])
    assert "message-sent" in written
    for secret in (PHONE, "Sara", "سارة", "جلساتك", "Occupational therapy", "العلاج الوظيفي", "Layla Haddad"):
        assert secret not in written
    with world.kit.transaction(world.tenant) as db:
        for table in ("packages", "messages", "notices"):
            rows = " ".join(str(row) for row in db.execute(text(f"SELECT t::text FROM {table} t")))
            assert "Sara" not in rows
            assert "سارة" not in rows


def test_another_tenant_finds_neither_message_nor_notice_nor_package(world: World) -> None:
    course = world.course([in_days(3)])
    world.schedule(course)
    stranger = f"{world.tenant}-b"
    assert (world.kit.client(stranger).get("/messages").json or {})["items"] == []
    assert (world.kit.client(stranger, subject="layla").get("/inbox").json or {})["items"] == []
    assert (world.kit.count(stranger, Package), world.kit.count(world.tenant, Package)) == (0, 1)
