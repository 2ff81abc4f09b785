"""A centre with all that a booking needs. Each `create_x(**overrides)` goes through HTTP, as a caller would."""

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client, ServiceKit
from jalsa.service import clock
from jalsa.service.ids import new_id
from scheduling.directory.operations.projections import save_patient, set_clearance, set_consent

ALL_WEEK = range(7)
#: What a manager sends for an outcome that comes before the start.
EARLY = {"override": {"reason": "Told before its time"}}


# Read once, so that no test's days change when it runs past midnight.
_IN_A_WEEK = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=7)


def at(day: int = 1, hour: int = 9, minute: int = 0) -> datetime:
    """A time, in UTC, on the `day`-th day after today in a week."""
    return _IN_A_WEEK + timedelta(days=day, hours=hour, minutes=minute)


@dataclass
class Centre:
    """One tenant under test."""

    kit: ServiceKit
    tenant: str
    _clients: dict[tuple[str, ...], Client] = field(default_factory=dict)

    def client(self, *roles: str, subject: str = "tester") -> Client:
        """A caller, who is a manager unless roles are given."""
        who = (subject, *roles)
        if who not in self._clients:
            self._clients[who] = self.kit.client(self.tenant, *roles, subject=subject)
        return self._clients[who]

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """POST as the manager."""
        return self.client().post(path, body, **headers)

    def get(self, path: str, **query: Any) -> TestResponse:
        """GET as the manager."""
        return self.client().get(path, **query)

    def create_clinic(self, **overrides: Any) -> dict[str, Any]:
        body = {"code": f"C{secrets.token_hex(4).upper()}", "name_en": "Occupational therapy", "name_ar": "علاج"}
        return created(self.post("/clinics", {**body, **overrides}))

    def create_room(self, clinic: dict[str, Any], **overrides: Any) -> dict[str, Any]:
        body = {"clinic_id": clinic["id"], "name": f"Room {secrets.token_hex(4)}"}
        return created(self.post("/rooms", {**body, **overrides}))

    def create_provider(self, *clinics: dict[str, Any], hours: Any = None, **overrides: Any) -> dict[str, Any]:
        """A provider who works round the clock in the first clinic, unless other hours are given."""
        body = {
            "name_en": "Layla Haddad",
            "name_ar": "ليلى حداد",
            "user_id": f"user-{secrets.token_hex(4)}",
            "discipline": "OT",
            "clinic_ids": [clinic["id"] for clinic in clinics],
        }
        provider = created(self.post("/providers", {**body, **overrides}))
        week = hours if hours is not None else [hours_on(day, clinics[0]) for day in ALL_WEEK]
        answer = self.client().put(f"/providers/{provider['id']}/working-hours", {"items": week})
        assert answer.status_code == 200, answer.json
        return provider

    def create_service_type(self, **overrides: Any) -> dict[str, Any]:
        body = {
            "code": f"S{secrets.token_hex(4).upper()}",
            "name_en": "Occupational therapy",
            "name_ar": "علاج وظيفي",
            "discipline": "OT",
            "default_duration_minutes": 60,
        }
        return created(self.post("/service-types", {**body, **overrides}))

    def create_patient(self, *, active: bool = True) -> str:
        """A patient as patient-files has announced it. Returns the id."""
        patient_id = new_id()
        self.save_patient(patient_id, active=active)
        return str(patient_id)

    def create_patients(self, count: int) -> list[str]:
        """Several at once."""
        ids = [new_id() for _ in range(count)]
        with self.kit.transaction(self.tenant) as db:
            for patient_id in ids:
                save_patient(db, patient_id, file_number="FILE-2026-000001", active=True)
        return [str(patient_id) for patient_id in ids]

    def save_patient(self, patient_id: UUID, *, active: bool = True) -> None:
        """Store a patient's projection."""
        with self.kit.transaction(self.tenant) as db:
            save_patient(db, patient_id, file_number=f"FILE-2026-{secrets.token_hex(4)}", active=active)

    def state(self) -> dict[str, str]:
        """A digest of every row of the tenant in each table, which is what a refused request must leave as it was."""
        digest = "SELECT '{0}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {0} t"
        with self.kit.transaction(self.tenant) as db:
            tables = tenant_tables(db)
            return {row[0]: row[1] for row in db.execute(text(" UNION ALL ".join(map(digest.format, tables))))}


class Desk:
    """A centre that is set up: a clinic, a room, a provider with hours, a service type. Books with short calls."""

    def __init__(self, centre: Centre, **clinic: Any) -> None:
        self.centre = centre
        self.clinic = centre.create_clinic(**clinic)
        self.room = centre.create_room(self.clinic)
        self.provider = centre.create_provider(self.clinic)
        self.service_type = centre.create_service_type()

    def placement(self, **overrides: Any) -> dict[str, Any]:
        """Where and when, as sessions and appointments name it."""
        body = {
            "clinic_id": self.clinic["id"],
            "provider_id": self.provider["id"],
            "service_type": self.service_type["code"],
            "starts_at": at().isoformat(),
            "duration_minutes": 60,
        }
        return as_json({**body, **overrides})

    def session_body(self, **overrides: Any) -> dict[str, Any]:
        """A group session of three places unless said otherwise."""
        return self.placement(**{"session_type": "GROUP", "max_capacity": 3, **overrides})

    def create_session(self, **overrides: Any) -> dict[str, Any]:
        return created(self.centre.post("/sessions", self.session_body(**overrides)))

    def create_individual(self, **overrides: Any) -> dict[str, Any]:
        return self.create_session(**{"session_type": "INDIVIDUAL", "max_capacity": 1, **overrides})

    def series_body(self, **overrides: Any) -> dict[str, Any]:
        """A group of three, every week at 10:00 by the clinic's clock, four times unless said otherwise."""
        body = {
            "session_type": ...,
            "starts_at": ...,
            "starts_on": at().date().isoformat(),
            "start_time": "10:00",
            "rrule": "FREQ=WEEKLY;COUNT=4",
        }
        return self.session_body(**{**body, **overrides})

    def create_series(self, **overrides: Any) -> dict[str, Any]:
        return created(self.centre.post("/series", self.series_body(**overrides)))

    def series_sessions(self, series: dict[str, Any]) -> list[dict[str, Any]]:
        """All sessions of a series as they are now, by their start."""
        return list(ok(self.centre.get(f"/series/{series['id']}/sessions", limit=200))["items"])

    def book(self, session: dict[str, Any], patient: str | None = None, **overrides: Any) -> TestResponse:
        """Try to book a patient (a new one unless given) into a session."""
        body = {"patient_id": patient or self.centre.create_patient(), **overrides}
        return self.centre.post(f"/sessions/{session['id']}/participants", body)

    def create_participant(self, session: dict[str, Any], patient: str | None = None, **kw: Any) -> dict[str, Any]:
        return created(self.book(session, patient, **kw))

    def create_appointment(self, **overrides: Any) -> dict[str, Any]:
        body = self.placement(**{"patient_id": overrides.pop("patient_id", None) or self.centre.create_patient()})
        return created(self.centre.post("/appointments", as_json({**body, **overrides})))

    def create_today(self, in_minutes: int = 30, **overrides: Any) -> dict[str, Any]:
        """An appointment that begins soon, and on this day where the clinic's zone is `noon_zone()`."""
        start = clock.now() + timedelta(minutes=in_minutes)
        return self.create_appointment(**{"starts_at": start, **overrides})

    def package_body(self, **overrides: Any) -> dict[str, Any]:
        """Four sessions of an hour, each on the next day, with the desk's provider, unless said otherwise."""
        body = {
            "patient_id": overrides.pop("patient_id", None) or self.centre.create_patient(),
            "clinic_id": self.clinic["id"],
            "service_type": self.service_type["code"],
            "total_sessions": 4,
            "session_duration_minutes": 60,
            "start_date": at().date(),
            "preferred_days": [],
            "use_multiple_providers": False,
            "provider_id": self.provider["id"],
            "auto_schedule": True,
        }
        return as_json({**body, **overrides})

    def create_package(self, **overrides: Any) -> dict[str, Any]:
        return created(self.centre.post("/packages", self.package_body(**overrides)))

    def package(self, package_id: str) -> dict[str, Any]:
        """The package as it is now."""
        return ok(self.centre.get(f"/packages/{package_id}"))

    def clear(self, participant: dict[str, Any], *, finance: bool = True, consent: bool = True) -> None:
        """Finance and consent as billing and patient-files have announced them."""
        with self.centre.kit.transaction(self.centre.tenant) as db:
            set_clearance(db, UUID(participant["id"]), cleared=finance)
            set_consent(db, UUID(participant["patient_id"]), consented=consent, clinic_ids=[])

    def do(self, participant: dict[str, Any], verb: str, **body: Any) -> TestResponse:
        """POST /participants/{id}/<verb>."""
        return self.centre.post(f"/participants/{participant['id']}/{verb}", as_json(body))

    def move(self, session: dict[str, Any], verb: str, **body: Any) -> TestResponse:
        """POST /sessions/{id}/<verb>."""
        return self.centre.post(f"/sessions/{session['id']}/{verb}", as_json(body))

    def patch(self, session: dict[str, Any], **body: Any) -> TestResponse:
        """PATCH a session as it is now."""
        path = f"/sessions/{session['id']}"
        tag = self.centre.get(path).headers["ETag"]
        return self.centre.client().patch(path, as_json(body), tag)

    def session(self, session_id: str) -> dict[str, Any]:
        """The session as it is now."""
        return ok(self.centre.get(f"/sessions/{session_id}"))

    def participant(self, participant_id: str) -> dict[str, Any]:
        """The participant as it is now."""
        return ok(self.centre.get(f"/participants/{participant_id}"))


def noon_zone() -> str:
    """A zone in which it is noon now, so that what begins within hours is today's."""
    hours = (12 - clock.now().hour + 12) % 24 - 12  # to add to UTC
    return f"Etc/GMT{-hours:+d}"


def hours_on(weekday: int, clinic: dict[str, Any], start: str = "00:00", end: str = "00:00") -> dict[str, Any]:
    """One stretch of working hours, which is the whole day unless said otherwise."""
    return {"weekday": weekday, "start": start, "end": end, "clinic_id": clinic["id"]}


_TENANT_TABLES = text("""
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attname = 'tenant_id' ORDER BY relname
""")


def tenant_tables(db: Any) -> list[str]:
    """Every table that has a tenant, whatever a later migration adds."""
    return [row[0] for row in db.execute(_TENANT_TABLES)]


def created(answer: TestResponse) -> dict[str, Any]:
    """The body of a 201."""
    assert answer.status_code == 201, answer.json
    return answer.get_json()  # type: ignore[no-any-return]


def ok(answer: TestResponse) -> dict[str, Any]:
    """The body of a 200."""
    assert answer.status_code == 200, answer.json
    return answer.get_json()  # type: ignore[no-any-return]


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, checked against its documented shape."""
    assert answer.status_code == status, answer.json
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.get_json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:jalsa:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert isinstance(body.get("errors", {}), dict)
    return body


def as_json(body: dict[str, Any]) -> dict[str, Any]:
    """A body with its days, instants and ids written out. A value of `...` takes the field away."""
    written = {k: v.isoformat() if isinstance(v, date) else v for k, v in body.items() if v is not ...}
    return {k: str(v) if isinstance(v, UUID) else v for k, v in written.items()}
