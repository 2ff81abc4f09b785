"""A person opens a record in an emergency, and those who review it are told, through HTTP only."""

from typing import Any

from scene import Scene, eventually
from stack import Api, ApiFor


def kinds(person: Api, grant: Any) -> list[str]:
    """What a person is told of a grant, the oldest first."""
    told = person.get("/notifications/v1/inbox")["items"]
    return [notice["kind"] for notice in reversed(told) if notice["grant_id"] == grant["id"]]


def test_records_and_managers_are_told_of_emergency_access_and_its_review_but_never_who_opened_it(
    scene: Scene, api_for: ApiFor
) -> None:
    opener = api_for(scene.tenant, "manager", subject="huda")
    reviewer = api_for(scene.tenant, "records", subject="rami")
    reason = {"reason_code": "EMERGENCY", "reason": "Fainted in the corridor of the clinic", "scope": "RECORD"}
    grant = opener.post("/patient-files/v1/break-glass", {"patient_id": scene.patient(), **reason})
    eventually(lambda: kinds(reviewer, grant) == ["EMERGENCY_ACCESS_OPENED"])

    reviewer.post(f"/patient-files/v1/break-glass/{grant['id']}/close")
    review = {"outcome": "JUSTIFIED", "comment": "Seen on the ward"}
    reviewer.post(f"/patient-files/v1/break-glass/{grant['id']}/review", review)
    both = ["EMERGENCY_ACCESS_OPENED", "EMERGENCY_ACCESS_REVIEWED"]
    eventually(lambda: kinds(scene.api, grant) == both)
    assert kinds(reviewer, grant) == both
    assert kinds(opener, grant) == []
