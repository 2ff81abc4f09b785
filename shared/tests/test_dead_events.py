"""Dead events over HTTP: an operator sees them, tries them again or skips them, and the history tells who did."""

from uuid import UUID

import pytest
from sqlalchemy import text

from jalsa.dev.kit import ServiceKit
from jalsa.service.ids import new_id

from .lamps import MakeKit, Switchable, beta, kept, lamp_event, receive, trail


class Broken(Exception):
    pass


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit(beta())


def dead(kit: ServiceKit, tenant: str, lamp: UUID) -> str:
    """A dead event with two waiting behind it. Returns its id in the inbox."""
    kit.inbox.receive(lamp_event(tenant, lamp, 1, level="bright"))
    receive(kit, tenant, lamp, 2, 3)
    [item] = kit.client(tenant).get("/events/inbox", state="dead").get_json()["items"]
    return str(item["id"])


def test_kept_events_are_listed_without_their_content(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    event_id = dead(kit, tenant, lamp)
    listed = kit.client(tenant).get("/events/inbox").get_json()["items"]
    assert [(e["sequence"], e["state"]) for e in listed] == [(1, "dead"), (2, "waiting"), (3, "waiting")]
    shown = listed[0]
    assert (shown["id"], shown["error"], shown["source"]) == (event_id, "ValidationError", "/jalsa/alpha")
    assert "envelope" not in shown
    assert kit.client(f"{tenant}b").get("/events/inbox").get_json()["items"] == []


def test_a_dead_event_is_retried_on_request_and_its_stream_goes_on(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    handler = Switchable(Broken())
    kit = make_kit(beta(handler))
    kit.inbox.max_attempts = 1
    receive(kit, tenant, lamp, 1, 2)
    [item] = kit.client(tenant).get("/events/inbox", state="dead").get_json()["items"]
    handler.error = None
    assert kit.client(tenant).post(f"/events/inbox/{item['id']}/retry").status_code == 204
    assert kept(kit, tenant) == [(1, "retrying", 0), (2, "waiting", 0)]
    kit.inbox.retry_due()
    assert trail(kit, tenant, lamp) == "1,2"
    assert audited(kit, tenant) == [("UPDATE", "tester", "dead", "retrying")]


def test_a_dead_event_is_skipped_on_request_and_its_stream_goes_on(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    event_id = dead(kit, tenant, lamp)
    assert kit.client(tenant).post(f"/events/inbox/{event_id}/skip").status_code == 204
    kit.inbox.retry_due()
    assert trail(kit, tenant, lamp) == "2,3"
    assert audited(kit, tenant) == [("DELETE", "tester", "dead", None)]
    receive(kit, tenant, lamp, 1)
    assert trail(kit, tenant, lamp) == "2,3", "what was skipped does not come back"


def audited(kit: ServiceKit, tenant: str) -> list[tuple[str, str, str, str | None]]:
    read = text("SELECT action, actor, before->>'state' AS before, after->>'state' AS after FROM audit_log ORDER BY id")
    with kit.transaction(tenant) as db:
        return [(r.action, r.actor, r.before, r.after) for r in db.execute(read)]


def test_an_event_far_ahead_of_its_subject_is_shown_with_its_age_and_can_be_dropped(
    kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    receive(kit, tenant, lamp, 1, 5_000_000_000)
    with kit.transaction(tenant) as db:
        db.execute(text("UPDATE inbox SET received_at = now() - interval '3 hours'"))
    [shown] = kit.client(tenant).get("/events/inbox", state="waiting").get_json()["items"]
    assert (shown["sequence"], shown["expected_sequence"]) == (5_000_000_000, 2)
    assert 10_800 <= shown["age_seconds"] < 10_860

    drop = f"/events/inbox/{shown['id']}/drop"
    assert kit.client(tenant, "clinician").post(drop).status_code == 403
    assert kit.client(f"{tenant}b").post(drop).status_code == 404
    assert kit.client(tenant).post(drop).status_code == 204
    assert kit.client(tenant).post(drop).status_code == 404

    assert kept(kit, tenant) == []
    assert audited(kit, tenant)[-1] == ("DELETE", "tester", "waiting", None)
    receive(kit, tenant, lamp, 2)
    assert trail(kit, tenant, lamp) == "1,2"


def test_only_what_waits_can_be_dropped(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    event_id = dead(kit, tenant, lamp)
    answer = kit.client(tenant).post(f"/events/inbox/{event_id}/drop")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "invalid-transition")
    assert kept(kit, tenant) == [(1, "dead", 1), (2, "waiting", 0), (3, "waiting", 0)]


def test_what_the_inbox_does_with_a_waiting_event_by_itself_is_not_audited(
    kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    receive(kit, tenant, lamp, 2, 1)
    assert trail(kit, tenant, lamp) == "1,2"
    assert audited(kit, tenant) == []


@pytest.mark.parametrize("what", ["retry", "skip"])
def test_only_a_manager_of_the_tenant_may_retry_or_skip_and_only_what_is_dead(
    what: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    event_id = dead(kit, tenant, lamp)
    path = f"/events/inbox/{event_id}/{what}"
    assert kit.client(tenant, "clinician").post(path).status_code == 403
    assert kit.client(f"{tenant}b").post(path).status_code == 404
    assert kit.client(tenant).post(f"/events/inbox/{new_id()}/{what}").status_code == 404
    waiting = kit.client(tenant).get("/events/inbox", state="waiting").get_json()["items"][0]["id"]
    answer = kit.client(tenant).post(f"/events/inbox/{waiting}/{what}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "invalid-transition")
    assert kept(kit, tenant) == [(1, "dead", 1), (2, "waiting", 0), (3, "waiting", 0)]
    assert audited(kit, tenant) == []
