"""Whatever happens to a patient's consents, what was announced last is what a simple model says."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.service import clock
from jalsa.work.jobs import JobTools
from patient_files import jobs

from .test_signers import right

Json = dict[str, Any]

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
RIYADH, AUCKLAND, NEW_YORK = "Asia/Riyadh", "Pacific/Auckland", "America/New_York"
#: The patient comes of age in the midst of the history.
BORN = date(2008, 12, 5)
OF_AGE = date(2026, 12, 5)
TYPES = ("TREATMENT", "PHOTOGRAPHY")


@dataclass
class Given:
    """A consent as it was given, in the model's own words."""

    id: str
    type: str
    clinic: str | None
    zone: str
    signed_on: date
    expires_on: date | None
    signed_by_another: bool
    version: int | None
    revoked: bool = False


@dataclass
class Wording:
    """A published wording."""

    id: str
    type: str
    version: int
    effective_on: date
    grace: int
    asks: bool


@dataclass
class Model:
    """All that has happened, and what follows from it on any instant: nothing is remembered but history."""

    consents: list[Given] = field(default_factory=list)
    wordings: list[Wording] = field(default_factory=list)

    def counts(self, consent: Given, now: datetime) -> bool:
        """Whether a consent counts, day by day and by the clock of its clinic."""
        today = now.astimezone(ZoneInfo(consent.zone)).date()
        if consent.revoked or (consent.expires_on is not None and today > consent.expires_on):
            return False
        if consent.signed_by_another and today >= OF_AGE + timedelta(days=30):
            return False
        return not any(
            today >= wording.effective_on + timedelta(days=wording.grace)
            for wording in self.wordings
            if wording.type == consent.type and wording.asks and self.is_earlier(consent, wording)
        )

    def is_earlier(self, consent: Given, wording: Wording) -> bool:
        """Whether a consent was given to an earlier wording."""
        if consent.version is None:
            return consent.signed_on < wording.effective_on
        return consent.version < wording.version

    def standing(self, of_type: str, now: datetime) -> tuple[bool, list[str]]:
        """What all consents of a type say together."""
        clinics = {c.clinic for c in self.consents if c.type == of_type and self.counts(c, now)}
        return None in clinics, sorted(clinic for clinic in clinics if clinic is not None)


@dataclass
class World:
    """The service under test beside the model, for one patient of one tenant. `zones` are the clinics'."""

    kit: ServiceKit
    tenant: str
    model: Model
    client: Client
    patient: str
    mother: str
    zones: dict[str | None, str]

    def work(self) -> None:
        """All that is due, as the worker does it."""
        tools = JobTools(self.kit.database, self.kit.relay, self.kit.config)
        while jobs.spread_wordings(tools) or jobs.expire_consents(tools):
            pass

    def give(self, draw: Any, now: datetime) -> None:
        """A consent, of any kind."""
        of_type, clinic = draw(st.sampled_from(TYPES)), draw(st.sampled_from(sorted(self.zones, key=str)))
        signed_on = now.astimezone(ZoneInfo(self.zones[clinic])).date()
        wordings = [each for each in self.model.wordings if each.type == of_type]
        wording = draw(st.sampled_from([None, *wordings]))
        days = draw(st.sampled_from([None, 0, 1, 7, 40]))
        expires_on = None if days is None else signed_on + timedelta(days=days)
        minor = signed_on < OF_AGE
        kinds: list[Json | None] = [{"kind": "GUARDIAN", "guardian_id": self.mother} if minor else {"kind": "PATIENT"}]
        signer = draw(st.sampled_from([None, *kinds]))
        body = {
            "patient_id": self.patient,
            "consent_type": of_type,
            "clinic_id": clinic,
            "signed_by": "x",
            "signed_at": now.isoformat(),
            "expires_on": expires_on and expires_on.isoformat(),
            "wording_id": wording and wording.id,
            "signer": signer,
        }
        answer = self.client.post("/consents", body)
        if answer.status_code == 422:  # a wording of which the grace is over
            assert list((answer.json or {})["errors"]) == ["wording_id"], answer.json
            assert wording is not None
            return
        assert answer.status_code == 201, answer.json
        version = wording.version if wording else None
        given = Given(answer.json["id"], of_type, clinic, self.zones[clinic], signed_on, expires_on, minor, version)
        self.model.consents.append(given)

    def revoke(self, draw: Any) -> None:
        """One of the consents, if there is one that is not revoked."""
        if candidates := [each for each in self.model.consents if not each.revoked]:
            chosen = draw(st.sampled_from(candidates))
            assert self.client.post(f"/consents/{chosen.id}/revoke").status_code == 200
            chosen.revoked = True

    def publish(self, draw: Any, now: datetime) -> None:
        """A new wording of a type."""
        of_type = draw(st.sampled_from(TYPES))
        earlier = [each.effective_on for each in self.model.wordings if each.type == of_type]
        today = now.astimezone(ZoneInfo(RIYADH)).date()
        effective_on = max([today + timedelta(days=draw(st.sampled_from([0, 1, 10]))), *earlier])
        grace, asks = draw(st.sampled_from([0, 1, 14])), draw(st.sampled_from([True, True, False]))
        body = {
            "text_ar": "أوافق.",
            "effective_on": effective_on.isoformat(),
            "grace_days": grace,
            "requires_resign": asks,
        }
        draft = self.client.post(f"/consent-types/{of_type}/wordings", body)
        assert draft.status_code == 201, draft.json
        assert self.client.post(f"/wordings/{draft.json['id']}/publish").status_code == 200
        made = Wording(draft.json["id"], of_type, draft.json["version"], effective_on, grace, asks)
        self.model.wordings.append(made)

    def check(self, now: datetime) -> None:
        """What was announced last of each type, and what is answered, equal the model's."""
        answer = self.client.get(f"/patients/{self.patient}/consent-standing").json or {}
        answered = {one["consent_type"]: (one["consented"], one["clinic_ids"]) for one in answer["standings"]}
        for of_type in TYPES:
            expected = self.model.standing(of_type, now)
            assert answered[of_type] == expected, (of_type, now)
            assert self.announced(of_type) == expected, (of_type, now)
        for consent in self.model.consents:
            shown = self.client.get(f"/consents/{consent.id}").json or {}
            assert shown["counts"] == self.model.counts(consent, now), (consent, now)

    def announced(self, of_type: str) -> tuple[bool, list[str]]:
        name = "ConsentStandingChanged" if of_type == "TREATMENT" else "ConsentTypeStandingChanged"
        events = [e.data for e in self.kit.events(self.tenant, name)]
        return (events[-1]["consented"], events[-1]["clinic_ids"]) if events else (False, [])


@pytest.fixture(scope="module")
def at() -> Any:
    """The one clock of the history: `at.now` is settable."""

    class Clock:
        now = START

    held = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: held.now)
        patch.setattr(clock, "database_now", lambda _: held.now)
        yield held


@contextmanager
def world(kit: ServiceKit) -> Any:
    tenant = f"m{uuid4().hex[:12]}"
    client = kit.client(tenant)
    body = {
        "first_name_en": "Sara",
        "last_name_en": "Nasser",
        "date_of_birth": BORN.isoformat(),
        "sex": "F",
        "preferred_language": "ar",
        "guardians": [{"relation": "MOTHER", "name_en": "Huda", "rights": [right(valid_from=BORN.isoformat())]}],
    }
    patient = client.post("/patients", body)
    assert patient.status_code == 201, patient.json
    zones: dict[str | None, str] = {None: RIYADH}
    for zone in (AUCKLAND, NEW_YORK):
        clinic = str(uuid4())
        kit.inbox.receive(example("ClinicSaved", "default", tenant, subject_id=clinic, clinic_id=clinic, timezone=zone))
        zones[clinic] = zone
    yield World(kit, tenant, Model(), client, patient.json["id"], patient.json["guardians"][0]["id"], zones)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(data=st.data())
def test_the_standing_that_was_announced_last_is_the_models(kit: ServiceKit, at: Any, data: st.DataObject) -> None:
    at.now = START
    with world(kit) as made:
        for _ in range(data.draw(st.integers(4, 12))):
            step = data.draw(st.sampled_from(["give", "give", "revoke", "publish", "wait"]))
            if step == "give":
                made.give(data.draw, at.now)
            elif step == "revoke":
                made.revoke(data.draw)
            elif step == "publish":
                made.publish(data.draw, at.now)
            else:
                at.now += data.draw(st.sampled_from([timedelta(hours=5), timedelta(days=1), timedelta(days=13)]))
            made.work()
            made.check(at.now)


def test_control_a_grace_that_nobody_is_told_of_is_found_by_the_model(
    kit: ServiceKit, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.now = START
    monkeypatch.setattr(jobs, "spread_wordings", lambda _: 0)
    with world(kit) as made:
        body = {
            "patient_id": made.patient,
            "consent_type": "TREATMENT",
            "signed_by": "x",
            "signed_at": START.isoformat(),
        }
        consent = made.client.post("/consents", body).json or {}
        made.model.consents.append(
            Given(consent["id"], "TREATMENT", None, RIYADH, date(2026, 11, 20), None, True, None)
        )
        draft = {"text_ar": "أوافق.", "effective_on": "2026-11-21", "requires_resign": True}
        wording = made.client.post("/consent-types/TREATMENT/wordings", draft).json or {}
        made.client.post(f"/wordings/{wording['id']}/publish")
        made.model.wordings.append(Wording(wording["id"], "TREATMENT", 1, date(2026, 11, 21), 0, True))
        made.check(at.now)
        at.now += timedelta(days=1)
        made.work()
        with pytest.raises(AssertionError):
            made.check(at.now)
