"""A desk at which patients wait for places."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jalsa.dev.kit import set_clock
from jalsa.work.jobs import Job, JobTools
from scheduling import jobs

from .factories import Desk, at, created, ok

OFFER_MINUTES = 120
#: Friday, in five weeks at the latest, at 09:00 in Riyadh.
FRIDAY = next(at(day).date() for day in range(21, 28) if at(day).isoweekday() == 5)
FRIDAY_9 = f"{FRIDAY}T06:00:00+00:00"


class WaitingDesk(Desk):
    """Fills sessions, puts patients on the waitlist, and runs the jobs. Short calls for all of it."""

    def full(self, spots: int = 1, **overrides: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A group session without a free spot, and its participants."""
        session = self.create_session(**{"max_capacity": spots, **overrides})
        return session, [self.create_participant(session) for _ in range(spots)]

    def wait(self, **body: Any) -> dict[str, Any]:
        """A new patient, unless one is given, waits for the desk's service type, unless a session is named."""
        wanted = {} if "session_id" in body else {"service_type": self.service_type["code"]}
        patient = body.pop("patient_id", None) or self.centre.create_patient()
        return created(self.centre.post("/waitlist", {"patient_id": patient, **wanted, **body}))

    def entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry as it is now."""
        return ok(self.centre.get(f"/waitlist/{entry['id']}"))

    def statuses(self, *entries: dict[str, Any]) -> list[str]:
        return [self.entry(entry)["status"] for entry in entries]

    def give_up(self, participant: dict[str, Any]) -> None:
        """The participant's place becomes free."""
        ok(self.centre.post(f"/participants/{participant['id']}/cancel"))

    def offered(self, spots: int = 1, **wait: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A session whose only free spot is offered, and the entry to which it is."""
        session, inside = self.full(spots)
        entry = self.wait(**{"session_id": session["id"], **wait})
        self.give_up(inside[0])
        return session, self.entry(entry)

    def run(self, name: str) -> None:
        """Run a job once."""
        kit = self.centre.kit
        [job] = [job for job in jobs.JOBS if job.name == name]
        assert isinstance(job, Job)
        job.run(JobTools(kit.database, kit.relay, kit.config))

    def told(self, *events: str) -> list[dict[str, Any]]:
        """The data of these events, in the order in which they were published."""
        every = self.centre.kit.events(self.centre.tenant)
        return [dict(event.data) for event in every if event.event.split(".")[0] in events]

    def count(self, event: str) -> int:
        return len(self.told(event))


def travel(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """It is that moment now, for the service. Tokens stay valid."""
    set_clock(monkeypatch, moment)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def after_expiry(entry: dict[str, Any]) -> datetime:
    """A second after the entry's offer has expired."""
    return instant(entry["offer"]["expires_at"]) + timedelta(seconds=1)


def before_start(**ago: float) -> datetime:
    """That long before the desk's sessions start."""
    return at() - timedelta(**ago)
