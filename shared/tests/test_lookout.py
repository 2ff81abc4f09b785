"""A look at the source. It knows of events that neither the bus nor the feed has brought, and has them brought."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from jalsa.dev.kit import ServiceKit
from jalsa.dev.serving import serving
from jalsa.events import lookout, sources
from jalsa.events.lookout import Lookout, SourceAway
from jalsa.events.reconcile import Reconciler
from jalsa.events.tokens import ServiceTokens
from jalsa.service.ids import new_id
from jalsa.service.policy import SYSTEM

from .lamps import MakeKit, beta, lamp_event, switched, trail


@pytest.fixture
def source(make_kit: MakeKit) -> ServiceKit:
    return make_kit()


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit(beta())


@pytest.fixture
def look(source: ServiceKit, kit: ServiceKit) -> Iterator[Lookout]:
    with serving(source.app) as address:
        yield looking_at(kit, address)


def looking_at(kit: ServiceKit, address: str) -> Lookout:
    tokens = ServiceTokens("beta", audience=kit.config.jwt_audience, service_key=kit.config.service_key)
    return Lookout(Reconciler(kit.inbox, tokens, f"alpha={address}"))


def test_a_subject_of_which_nothing_was_ever_said_is_up_to_date(look: Lookout, tenant: str, lamp: UUID) -> None:
    assert look.has_all("alpha", tenant, [f"lamp/{lamp}"])
    assert look.has_all("alpha", tenant, [])


def test_what_is_stored_and_in_no_feed_yet_is_known_of(
    look: Lookout, source: ServiceKit, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    switched(source, tenant, lamp, 1)  # answered, but nobody has placed it
    assert not look.has_all("alpha", tenant, [f"lamp/{lamp}"])
    source.events(tenant)  # places it
    assert look.has_all("alpha", tenant, [f"lamp/{lamp}"])
    assert trail(kit, tenant, lamp) == "1"


def test_what_is_said_of_others_does_not_matter(look: Lookout, source: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(source, tenant, UUID(int=1), 1)
    switched(source, f"{tenant}b", lamp, 1)
    assert look.has_all("alpha", tenant, [f"lamp/{lamp}"])


def test_many_subjects_are_asked_of_at_once(
    look: Lookout, source: ServiceKit, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    subjects = [f"lamp/{UUID(int=n)}" for n in range(1, 400)]
    switched(source, tenant, lamp, 1, 2)
    source.events(tenant)
    assert look.has_all("alpha", tenant, [*subjects, f"lamp/{lamp}"])
    assert trail(kit, tenant, lamp) == "1,2"


def test_a_restored_source_that_tells_less_or_another_story_is_not_up_to_date_until_a_person_has_decided(
    look: Lookout, source: ServiceKit, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    other, lost = new_id(), new_id()
    for followed in (lamp, other, lost):
        kit.inbox.receive(lamp_event(tenant, followed, 1))
        kit.inbox.receive(lamp_event(tenant, followed, 2))
    switched(source, tenant, lamp, 1)
    switched(source, tenant, other, 1, 2)
    subjects = [[f"lamp/{followed}"] for followed in (lamp, other, lost)]
    assert [look.has_all("alpha", tenant, one) for one in subjects] == [False, False, False]
    sources.resume(kit.relay.engine, "alpha")
    assert [look.has_all("alpha", tenant, one) for one in subjects] == [True, True, True]


@pytest.mark.parametrize("answer", ["nothing", "an error", "nonsense"])
def test_a_source_that_does_not_answer_is_away_and_is_not_asked_again_at_once(
    kit: ServiceKit, tenant: str, lamp: UUID, answer: str
) -> None:
    asked: list[str] = []
    app = Flask("away")

    def heads() -> tuple[dict[str, Any], int]:
        asked.append(answer)
        return ({"items": [{"subject": 1}]}, 200) if answer == "nonsense" else ({}, 503)

    app.add_url_rule("/v1/events/subjects", view_func=heads, methods=["POST"])
    with serving(app) as address:
        look = looking_at(kit, "http://127.0.0.1:1" if answer == "nothing" else address)
        for _ in range(3):
            with pytest.raises(SourceAway):
                look.has_all("alpha", tenant, [f"lamp/{lamp}"])
        assert len(asked) == (0 if answer == "nothing" else 1)


def test_a_source_that_is_back_is_asked_again_after_a_pause(
    look: Lookout, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = look.reconciler.addresses["alpha"]
    monkeypatch.setattr(lookout, "_PAUSE", 0.0)
    look.reconciler.addresses["alpha"] = "http://127.0.0.1:1"
    with pytest.raises(SourceAway):
        look.has_all("alpha", tenant, [f"lamp/{lamp}"])
    look.reconciler.addresses["alpha"] = there
    assert look.has_all("alpha", tenant, [f"lamp/{lamp}"])


@pytest.mark.parametrize("role", ["manager", "integration"])
def test_only_our_own_services_may_ask_how_far_a_subject_is(
    source: ServiceKit, tenant: str, lamp: UUID, role: str
) -> None:
    switched(source, tenant, lamp, 1)
    body = {"tenant": tenant, "subjects": [f"lamp/{lamp}"]}
    answer = source.client(tenant, role).post("/events/subjects", body)
    assert (answer.status_code, (answer.json or {})["code"]) == (403, "forbidden")


@pytest.mark.parametrize("subjects", [[], ["lamp/1"] * 501, ["lamp/\n1"], "lamp/1"])
def test_bad_subjects_are_refused(source: ServiceKit, tenant: str, subjects: object) -> None:
    answer = source.client("*", SYSTEM).post("/events/subjects", {"tenant": tenant, "subjects": subjects})
    assert answer.status_code == 422
