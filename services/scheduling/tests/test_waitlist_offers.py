"""Offers: how one holds its place, who takes it, what becomes of it when nobody does, and where places come from."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jalsa.service import clock
from scheduling.use_cases import minimum_attendance

from .factories import EARLY, Centre, at, created, ok, problem
from .waiting import FRIDAY_9, OFFER_MINUTES, WaitingDesk, after_expiry, instant, travel


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def test_an_offer_holds_the_place_and_says_until_when(desk: WaitingDesk) -> None:
    began = clock.now()
    session, entry = desk.offered()
    offer = entry["offer"]
    assert (entry["status"], offer["session_number"]) == ("OFFERED", session["session_number"])
    lasts = instant(offer["expires_at"]) - instant(offer["offered_at"])
    assert (lasts, instant(offer["offered_at"]) >= began) == (timedelta(minutes=OFFER_MINUTES), True)
    shown = desk.session(session["id"])
    assert (shown["current_capacity"], shown["held_spots"], shown["available_spots"]) == (0, 1, 0)
    assert shown["is_full"] is True
    assert ok(desk.centre.get("/sessions/available"))["items"] == []
    problem(desk.book(session), 409, "session-full")
    [told] = desk.told("WaitlistOffered")
    assert (told["entry_id"], told["offer_id"], told["patient_id"]) == (entry["id"], offer["id"], entry["patient_id"])
    assert (told["session"]["id"], told["expires_at"]) == (session["id"], offer["expires_at"])
    assert desk.count("SessionSpotsOpened") == 0


def test_the_tenant_says_how_long_an_offer_lasts(desk: WaitingDesk) -> None:
    rules = {"no_show_grace_minutes": 30, "offer_minutes": 15, "decision_lead_hours": 24}
    ok(desk.centre.client().put("/settings", rules))
    _, entry = desk.offered()
    lasts = instant(entry["offer"]["expires_at"]) - instant(entry["offer"]["offered_at"])
    assert lasts == timedelta(minutes=15)


def test_a_capacity_is_not_lowered_below_what_is_held(desk: WaitingDesk) -> None:
    session, _ = desk.offered(2)
    path = f"/sessions/{session['id']}"
    answer = desk.centre.client().patch(path, {"max_capacity": 1}, desk.centre.get(path).headers["ETag"])
    problem(answer, 409, "capacity-below-participants")


def test_accepting_books_the_patient_in_one_call(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    filled = desk.count("SessionFilled")
    booked = created(desk.centre.post(f"/waitlist/{entry['id']}/accept"))
    assert (booked["patient_id"], booked["status"], booked["session"]["id"]) == (
        entry["patient_id"],
        "BOOKED",
        session["id"],
    )
    assert booked == desk.participant(booked["id"])
    shown = desk.entry(entry)
    assert (shown["status"], shown["offer"], shown["closed_by"]) == ("ACCEPTED", None, "tester")
    [told] = desk.told("WaitlistAccepted")
    assert (told["appointment_id"], told["offer_id"]) == (booked["id"], entry["offer"]["id"])
    assert desk.count("WaitlistOfferExpired") == 0
    assert desk.count("SessionFilled") == filled  # it never had a free spot meanwhile
    problem(desk.centre.post(f"/waitlist/{entry['id']}/accept"), 409, "invalid-transition")


def test_the_desk_may_book_whom_the_place_is_offered_to(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    booked = desk.create_participant(session, entry["patient_id"])
    assert desk.statuses(entry) == ["ACCEPTED"]
    assert [told["appointment_id"] for told in desk.told("WaitlistAccepted")] == [booked["id"]]


def test_the_desk_may_move_a_participant_to_the_place_that_is_offered(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    elsewhere = desk.create_session(starts_at=at(2))
    booked = desk.create_participant(elsewhere, entry["patient_id"])
    ok(desk.centre.post(f"/participants/{booked['id']}/reschedule", {"session_id": session["id"]}))
    assert desk.statuses(entry) == ["ACCEPTED"]
    assert [told["appointment_id"] for told in desk.told("WaitlistAccepted")] == [booked["id"]]


def test_who_is_busy_by_then_can_not_accept_and_the_place_stays_held(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    elsewhere = desk.create_session(provider_id=desk.centre.create_provider(desk.clinic)["id"])
    desk.create_participant(elsewhere, entry["patient_id"])
    problem(desk.centre.post(f"/waitlist/{entry['id']}/accept"), 409, "patient-busy")
    assert desk.statuses(entry) == ["OFFERED"]
    assert desk.session(session["id"])["held_spots"] == 1


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_without_an_offer_there_is_nothing_to_answer(desk: WaitingDesk, verb: str) -> None:
    entry = desk.wait()
    problem(desk.centre.post(f"/waitlist/{entry['id']}/{verb}"), 409, "invalid-transition")
    ok(desk.centre.post(f"/waitlist/{entry['id']}/cancel"))
    for action in (verb, "cancel"):
        problem(desk.centre.post(f"/waitlist/{entry['id']}/{action}"), 409, "invalid-transition")


@pytest.mark.parametrize(
    ("how", "cause", "session_entry", "type_entry"),
    [
        ("decline", "DECLINED", "DECLINED", "WAITING"),
        ("lapse", "LAPSED", "LAPSED", "WAITING"),
        ("cancel", "WITHDRAWN", "CANCELLED", "CANCELLED"),
    ],
)
@pytest.mark.parametrize("kind", ["session", "type"])
def test_an_offer_that_is_not_accepted_goes_to_the_next_and_is_not_repeated(
    desk: WaitingDesk,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    cause: str,
    session_entry: str,
    type_entry: str,
    kind: str,
) -> None:
    session, [inside] = desk.full()
    first, second = (desk.wait(**({"session_id": session["id"]} if kind == "session" else {})) for _ in range(2))
    desk.give_up(inside)

    def refuse(entry: dict[str, Any]) -> None:
        if how == "lapse":
            travel(monkeypatch, after_expiry(desk.entry(entry)))
            desk.run("offers")
        else:
            ok(desk.centre.post(f"/waitlist/{entry['id']}/{how}"))

    refuse(first)
    becomes = session_entry if kind == "session" else type_entry
    assert desk.statuses(first, second) == [becomes, "OFFERED"]
    assert desk.count("SessionSpotsOpened") == 0
    refuse(second)
    assert desk.statuses(first, second) == [becomes, becomes]
    assert [told["available_spots"] for told in desk.told("SessionSpotsOpened")] == [1]
    assert [(told["entry_id"], told["cause"]) for told in desk.told("WaitlistOfferExpired")] == [
        (first["id"], cause),
        (second["id"], cause),
    ]
    desk.create_participant(session)


def test_an_offer_that_lapsed_long_ago_passes_on_once_and_for_the_whole_time(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, entry = desk.offered()
    following = [desk.wait(session_id=session["id"]) for _ in range(2)]
    later = after_expiry(entry) + timedelta(days=3)  # the workers were away
    travel(monkeypatch, later)
    for _ in range(3):
        desk.run("offers")
    assert desk.statuses(entry, *following) == ["LAPSED", "OFFERED", "WAITING"]
    assert instant(desk.entry(following[0])["offer"]["expires_at"]) == later + timedelta(minutes=OFFER_MINUTES)
    assert desk.count("WaitlistOfferExpired") == 1


def test_an_offer_of_a_session_that_began_meanwhile_lapses_and_frees_nothing(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, entry = desk.offered()
    waiting = desk.wait(session_id=session["id"])
    travel(monkeypatch, at() + timedelta(days=1))
    desk.run("offers")
    assert desk.statuses(entry, waiting) == ["LAPSED", "WAITING"]
    assert desk.count("SessionSpotsOpened") == 0
    desk.run("waitlist")
    assert desk.statuses(waiting) == ["LAPSED"]


def test_an_offer_can_not_be_accepted_late_whether_it_was_passed_on_or_not(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, entry = desk.offered()
    travel(monkeypatch, instant(entry["offer"]["expires_at"]))
    problem(desk.centre.post(f"/waitlist/{entry['id']}/accept"), 409, "offer-expired")
    problem(desk.book(session, entry["patient_id"]), 409, "offer-expired")
    desk.run("offers")
    problem(desk.centre.post(f"/waitlist/{entry['id']}/accept"), 409, "offer-expired")
    desk.create_participant(session, entry["patient_id"])  # it is free for everybody now


def test_an_offer_can_be_accepted_until_it_expires(desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, entry = desk.offered()
    travel(monkeypatch, instant(entry["offer"]["expires_at"]) - timedelta(microseconds=1))
    desk.run("offers")
    created(desk.centre.post(f"/waitlist/{entry['id']}/accept"))


def test_a_raised_capacity_is_offered_and_what_nobody_waits_for_is_announced(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    path = f"/sessions/{session['id']}"
    entry = desk.wait(session_id=session["id"])

    def raise_to(capacity: int) -> None:
        ok(desk.centre.client().patch(path, {"max_capacity": capacity}, desk.centre.get(path).headers["ETag"]))

    raise_to(3)
    assert desk.statuses(entry) == ["OFFERED"]
    assert [told["available_spots"] for told in desk.told("SessionSpotsOpened")] == [1]
    more = [desk.wait() for _ in range(2)]
    filled = desk.count("SessionFilled")
    raise_to(4)  # the place that was free already is offered with the new one
    assert desk.statuses(*more) == ["OFFERED", "OFFERED"]
    assert desk.count("SessionFilled") == filled + 1


def test_a_session_is_filled_once_however_its_last_place_is_taken(desk: WaitingDesk) -> None:
    session, inside = desk.full(2)
    assert desk.count("SessionFilled") == 1
    desk.give_up(inside[0])
    desk.create_participant(session)
    assert (desk.count("SessionSpotsOpened"), desk.count("SessionFilled")) == (1, 2)
    entry = desk.wait(session_id=session["id"])
    desk.give_up(inside[1])
    created(desk.centre.post(f"/waitlist/{entry['id']}/accept"))
    assert (desk.count("SessionSpotsOpened"), desk.count("SessionFilled")) == (1, 2)


def test_the_place_of_one_who_moves_to_another_session_is_offered(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    other = desk.create_session(starts_at=at(2))
    ok(desk.centre.post(f"/participants/{inside['id']}/reschedule", {"session_id": other["id"]}))
    assert desk.statuses(entry) == ["OFFERED"]


def test_a_session_of_one_appointment_stays_for_those_who_wait_and_ends_with_the_last(desk: WaitingDesk) -> None:
    appointment = desk.create_appointment()
    session_id = appointment["session"]["id"]
    entry = desk.wait()
    desk.give_up(appointment)
    assert (desk.statuses(entry), desk.session(session_id)["status"]) == (["OFFERED"], "SCHEDULED")
    ok(desk.centre.post(f"/waitlist/{entry['id']}/decline"))
    assert (desk.statuses(entry), desk.session(session_id)["status"]) == (["WAITING"], "CANCELLED")


def test_a_cancelled_session_ends_its_offers_and_those_who_wait_for_it_alone(desk: WaitingDesk) -> None:
    session, inside = desk.full(3)
    offered_session, offered_type = desk.wait(session_id=session["id"]), desk.wait()
    for participant in inside[:2]:
        desk.give_up(participant)
    waiting_session, waiting_type = desk.wait(session_id=session["id"]), desk.wait()
    ok(desk.centre.post(f"/sessions/{session['id']}/cancel"))
    assert desk.statuses(offered_session, waiting_session) == ["CANCELLED", "CANCELLED"]
    assert desk.statuses(offered_type, waiting_type) == ["WAITING", "WAITING"]
    assert {told["entry_id"]: told["cause"] for told in desk.told("WaitlistOfferExpired")} == dict.fromkeys(
        (offered_session["id"], offered_type["id"]), "SESSION_CANCELLED"
    )
    problem(desk.centre.post(f"/waitlist/{offered_type['id']}/accept"), 409, "invalid-transition")
    assert desk.session(session["id"])["held_spots"] == 0
    assert desk.count("SessionSpotsOpened") == 0


def test_a_session_that_moves_withdraws_its_offers_and_makes_new_ones(desk: WaitingDesk) -> None:
    session, inside = desk.full(2, starts_at=FRIDAY_9)
    mornings, anytime = desk.wait(part_of_day="MORNING"), desk.wait(session_id=session["id"], priority=5)
    desk.give_up(inside[0])
    assert desk.statuses(mornings, anytime) == ["OFFERED", "WAITING"]
    evening = instant(FRIDAY_9) + timedelta(hours=10)
    ok(desk.centre.post(f"/sessions/{session['id']}/reschedule", {"starts_at": evening.isoformat()}))
    assert desk.statuses(mornings, anytime) == ["WAITING", "OFFERED"]
    assert [told["cause"] for told in desk.told("WaitlistOfferExpired")] == ["WITHDRAWN"]
    assert instant(desk.told("WaitlistOffered")[-1]["session"]["starts_at"]) == evening
    assert desk.count("SessionSpotsOpened") == 0


def test_a_session_that_begins_early_withdraws_its_offers(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    ok(desk.centre.post(f"/sessions/{session['id']}/start", EARLY))
    assert [told["cause"] for told in desk.told("WaitlistOfferExpired")] == ["WITHDRAWN"]
    desk.run("waitlist")
    assert desk.statuses(entry) == ["LAPSED"]


def test_a_session_that_is_merged_away_is_offered_to_nobody(desk: WaitingDesk) -> None:
    session = desk.create_session(max_capacity=2, min_participants=2)
    desk.create_participant(session)
    into = desk.create_session(starts_at=at(2))
    entry = desk.wait()
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        assert minimum_attendance.flag(db, UUID(session["id"]), now=at())
    ok(desk.centre.post(f"/sessions/{session['id']}/decision", {"action": "MERGE", "into_session_id": into["id"]}))
    assert desk.statuses(entry) == ["WAITING"]
    assert (desk.count("WaitlistOffered"), desk.count("SessionSpotsOpened")) == (0, 0)
