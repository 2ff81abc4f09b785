"""The consents that should be given again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jalsa.dev.kit import Client, ServiceKit
from jalsa.work.jobs import JobTools
from patient_files import jobs

from .test_signers import ADULT, CHILD, by, guardian, right, sign
from .test_wordings import published

Json = dict[str, Any]
Make = Callable[..., Json]
SetClock = Callable[[datetime], None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_nine(set_clock: SetClock) -> None:
    set_clock(NOW)


@pytest.fixture
def patient(desk: Client, register: Make) -> Json:
    return register(desk, **ADULT)


def due(client: Client, **query: Any) -> list[tuple[str, str, str]]:
    """Ids, days and reasons of the consents that are due."""
    answer = client.get("/consents/due", **query)
    assert answer.status_code == 200, answer.json
    return [(item["id"], item["due_on"], item["due_reason"]) for item in (answer.json or {})["items"]]


def test_consents_that_end_soon_are_listed_the_first_ones_first(
    kit: ServiceKit, desk: Client, tenant: str, register: Make, patient: Json, consent_to: Make
) -> None:
    born = "2008-11-02"  # of age since 2 November 2026
    outgrown = consent_to(desk, register(desk, date_of_birth=born), signed_at="2026-06-01T09:00:00+03:00")
    soon = consent_to(desk, patient, consent_type="PHOTOGRAPHY", expires_on="2026-11-30")
    today = consent_to(desk, patient, expires_on="2026-11-20")
    consent_to(desk, patient, consent_type="RESEARCH", expires_on="2026-12-21")  # 31 days ahead
    consent_to(desk, patient, consent_type="TELEHEALTH", expires_on="2026-11-19")  # over
    revoked = consent_to(desk, patient, consent_type="DATA_SHARING", expires_on="2026-11-30")
    desk.post(f"/consents/{revoked['id']}/revoke")

    expected = [
        (today["id"], "2026-11-20", "EXPIRY"),
        (soon["id"], "2026-11-30", "EXPIRY"),
        (outgrown["id"], "2026-12-01", "MAJORITY"),
    ]
    assert due(desk) == expected
    assert due(desk, reason="MAJORITY") == expected[2:]
    assert due(desk, within_days=0) == expected[:1]
    assert len(due(desk, within_days=366)) == 4
    first = desk.get("/consents/due", limit=2).json or {}
    assert [item["id"] for item in first["items"]] == [one[0] for one in expected[:2]]
    assert due(desk, limit=2, cursor=first["next_cursor"]) == expected[2:]


def test_consents_before_a_new_wording_are_due_until_they_are_signed_again(
    kit: ServiceKit, desk: Client, tenant: str, patient: Json, consent_to: Make
) -> None:
    consent = consent_to(desk, patient)
    wording = published(kit.client(tenant, "records"), requires_resign=True, grace_days=14)
    while jobs.spread_wordings(JobTools(kit.database, kit.relay, kit.config)):
        pass
    assert due(desk, reason="NEW_WORDING") == [(consent["id"], "2026-12-14", "NEW_WORDING")]
    signed_at = "2026-11-20T08:00:00Z"
    assert sign(desk, patient, {"kind": "PATIENT"}, signed_at, wording_id=wording["id"]).status_code == 201
    assert due(desk) == []


def test_a_consent_of_a_guardian_whose_right_ends_is_due_although_it_counts(
    desk: Client, register: Make, set_clock: SetClock
) -> None:
    child = register(desk, **CHILD)
    mother = guardian(desk, child, right("DELEGATION", valid_to="2026-11-30"))
    other = guardian(desk, child, right())
    consent = sign(desk, child, by(mother)).json or {}
    assert due(desk) == [(consent["id"], "2026-11-30", "GUARDIAN_RIGHT")]
    set_clock(NOW + timedelta(days=60))
    assert due(desk, reason="GUARDIAN_RIGHT") == [(consent["id"], "2026-11-30", "GUARDIAN_RIGHT")]
    assert (desk.get(f"/consents/{consent['id']}").json or {})["counts"]

    signed_at = "2027-01-10T09:00:00+03:00"
    assert sign(desk, child, by(other), signed_at).status_code == 201
    assert due(desk) == []
    ended = desk.post(f"/guardians/{other}/end", {"reason": "Died"})
    assert ended.status_code == 200, ended.json
    [(_, day, reason)] = due(desk)
    assert (day, reason) == ("2027-01-18", "GUARDIAN_RIGHT")


def test_a_later_consent_for_another_clinic_or_type_does_not_hide_one_that_is_due(
    desk: Client, patient: Json, consent_to: Make, open_clinic: Callable[..., str]
) -> None:
    one, two = open_clinic(), open_clinic()
    here = consent_to(desk, patient, clinic_id=one, expires_on="2026-11-30")
    later = {"signed_at": "2026-07-01T09:00:00+03:00"}
    consent_to(desk, patient, clinic_id=two, **later)
    consent_to(desk, patient, consent_type="RESEARCH", **later)
    assert [each for each, _, _ in due(desk)] == [here["id"]]
    consent_to(desk, patient, **later)  # to every clinic
    assert due(desk) == []


@pytest.mark.parametrize(
    "query", [{"reason": "REVOCATION"}, {"within_days": 367}, {"within_days": -1}, {"cursor": "!"}, {"cursor": "AAAA"}]
)
def test_a_bad_query_is_refused(desk: Client, query: Json) -> None:
    answer = desk.get("/consents/due", **query)
    assert (answer.status_code, list((answer.json or {})["errors"])) == (422, list(query))


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("front-desk", 200),
        ("records", 200),
        ("manager", 200),
        ("clinician", 403),
        ("biller", 403),
        ("integration", 403),
    ],
)
def test_who_lists_the_registry_lists_what_is_due(kit: ServiceKit, tenant: str, role: str, status: int) -> None:
    assert kit.client(tenant, role).get("/consents/due").status_code == status
