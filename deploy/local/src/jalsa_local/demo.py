"""Demonstration data of two centres, made through the public API."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import urllib3

from jalsa.dev.issuer import Issuer
from jalsa_local.settings import Settings

AGDAR, RAHMA = "agdar", "rahma"


@dataclass(frozen=True)
class Centre:
    """What one centre starts with. Names are English and Arabic."""

    tenant: str
    zone: str
    clinics: tuple[tuple[str, str, str], ...]
    providers: tuple[tuple[str, str, str, str, str], ...]
    service_types: tuple[tuple[str, str, str, str, int, str], ...]
    patients: tuple[tuple[str, str, str, str, str, str], ...]


CENTRES = (
    Centre(
        tenant=AGDAR,
        zone="Asia/Riyadh",
        clinics=(("OT", "Occupational therapy", "العلاج الوظيفي"), ("SLP", "Speech therapy", "علاج النطق")),
        providers=(
            ("layla", "Layla Haddad", "ليلى حداد", "OT", "OT"),
            ("omar", "Omar Saleh", "عمر صالح", "SLP", "SLP"),
        ),
        service_types=(
            ("OT-60", "Occupational therapy, 60 minutes", "علاج وظيفي، ٦٠ دقيقة", "OT", 60, "300.00"),
            ("OT-GROUP", "Occupational therapy group", "مجموعة العلاج الوظيفي", "OT", 60, "120.00"),
            ("SLP-45", "Speech therapy, 45 minutes", "علاج النطق، ٤٥ دقيقة", "SLP", 45, "250.00"),
        ),
        patients=(
            ("Sara", "Nasser", "سارة", "ناصر", "ar", "+966500000001"),
            ("Yousef", "Ali", "يوسف", "علي", "ar", "+966500000002"),
            ("Maryam", "Khalid", "مريم", "خالد", "ar", "+966500000003"),
            ("Adam", "Stone", "آدم", "ستون", "en", "+966500000004"),
        ),
    ),
    Centre(
        tenant=RAHMA,
        zone="Asia/Riyadh",
        clinics=(("PSY", "Psychology", "علم النفس"),),
        providers=(("huda", "Huda Karim", "هدى كريم", "PSYCHOLOGY", "PSY"),),
        service_types=(("PSY-50", "Psychotherapy, 50 minutes", "علاج نفسي، ٥٠ دقيقة", "PSYCHOLOGY", 50, "400.00"),),
        patients=(
            ("Noura", "Fahad", "نورة", "فهد", "ar", "+966500000011"),
            ("John", "Miller", "جون", "ميلر", "en", "+966500000012"),
        ),
    ),
)


class Api:
    """The gateway's paths, as a manager of one tenant."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self.http = urllib3.PoolManager(
            retries=False, timeout=10, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. The same POST again changes nothing. Raises RuntimeError with the problem's code."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.http.headers, "Idempotency-Key": sha256(f"{path} {data!r}".encode()).hexdigest()}
        response = self.http.request(method, self.base_url + path, body=data, headers=headers)
        answer = response.json()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {answer.get('code')} {answer.get('errors', '')}")
        return answer


def seed(settings: Settings, issuer: Issuer) -> None:
    """Load the demonstration data unless that was done before."""
    done = settings.data / "demo.json"
    if done.exists():
        return
    for centre in CENTRES:
        _seed_centre(Api(settings.base_url, issuer.token(centre.tenant, ["manager"])), centre)
    done.write_text(json.dumps({"tenants": [centre.tenant for centre in CENTRES]}))


def _seed_centre(api: Api, centre: Centre) -> None:
    clinics = {
        code: api.call(
            "POST",
            "/scheduling/v1/clinics",
            {"code": code, "name_en": english, "name_ar": arabic, "timezone": centre.zone},
        )["id"]
        for code, english, arabic in centre.clinics
    }
    rooms = {
        code: api.call("POST", "/scheduling/v1/rooms", {"clinic_id": clinic_id, "name": f"{code} room"})["id"]
        for code, clinic_id in clinics.items()
    }
    for code, english, arabic, discipline, minutes, amount in centre.service_types:
        names = {"code": code, "name_en": english, "name_ar": arabic}
        api.call(
            "POST",
            "/scheduling/v1/service-types",
            {**names, "discipline": discipline, "default_duration_minutes": minutes},
        )
        api.call(
            "POST",
            "/billing/v1/prices",
            {"service_type": code, "amount": amount, "currency": "SAR", "vat_category": "S"},
        )
    for person in centre.providers:
        _seed_provider(api, person, clinics)
    patients = [_seed_patient(api, person) for person in centre.patients]
    _seed_bookings(api, centre, clinics, rooms, patients)


def _seed_provider(api: Api, person: tuple[str, str, str, str, str], clinics: dict[str, str]) -> None:
    login, english, arabic, discipline, clinic = person
    body = {"user_id": login, "name_en": english, "name_ar": arabic, "discipline": discipline}
    provider = api.call("POST", "/scheduling/v1/providers", {**body, "clinic_ids": [clinics[clinic]]})
    hours = [{"weekday": d, "start": "08:00", "end": "20:00", "clinic_id": clinics[clinic]} for d in range(7)]
    api.call("PUT", f"/scheduling/v1/providers/{provider['id']}/working-hours", {"items": hours})


def _seed_patient(api: Api, person: tuple[str, str, str, str, str, str]) -> str:
    first_en, last_en, first_ar, last_ar, language, phone = person
    body = {
        "first_name_en": first_en,
        "last_name_en": last_en,
        "first_name_ar": first_ar,
        "last_name_ar": last_ar,
        "date_of_birth": "2015-04-12",
        "sex": "F" if first_en in ("Sara", "Maryam", "Noura") else "M",
        "phone": phone,
        "preferred_language": language,
    }
    return str(api.call("POST", "/patient-files/v1/patients", body)["id"])


def _seed_bookings(
    api: Api, centre: Centre, clinics: dict[str, str], rooms: dict[str, str], patients: list[str]
) -> None:
    """One appointment per provider, three days from now."""
    providers = {p["user_id"]: p["id"] for p in api.call("GET", "/scheduling/v1/providers")["items"]}
    for (login, _, _, discipline, clinic), patient_id in zip(centre.providers, patients, strict=False):
        service = next(s for s in centre.service_types if s[3] == discipline)
        place = {
            "clinic_id": clinics[clinic],
            "provider_id": providers[login],
            "room_id": rooms[clinic],
            "service_type": service[0],
            "starts_at": _at(centre.zone, 3, 13),  # not at ten, which the printed plan asks for
        }
        api.call("POST", "/scheduling/v1/appointments", {**place, "patient_id": patient_id})


def bookable(api: Api) -> tuple[str, str]:
    """A group session with a free place, made if there is none, and a patient who is not in it."""
    patients = [p["id"] for p in api.call("GET", "/patient-files/v1/patients?limit=200")["items"] if p["active"]]
    groups = api.call("GET", "/scheduling/v1/sessions/available?session_type=GROUP&limit=200")["items"]
    for group in groups:
        roster = api.call("GET", f"/scheduling/v1/sessions/{group['id']}/participants?limit=200")["items"]
        inside = {participant["patient_id"] for participant in roster if participant["status"] != "CANCELLED"}
        for patient_id in patients:
            if patient_id not in inside:
                return group["id"], patient_id
    return _new_group(api)["id"], patients[0]


def _new_group(api: Api) -> Any:
    """A group session at the first hour that is free from four days on."""
    first = datetime.now(UTC).date() + timedelta(days=4)
    asked = f"service_type=OT-GROUP&from={first}&to={first + timedelta(days=60)}&limit=1"
    slots = api.call("GET", f"/scheduling/v1/availability?{asked}")["items"]
    if not slots:
        raise RuntimeError("Nobody has a free hour in two months.")
    place = {"clinic_id": slots[0]["clinic_id"], "provider_id": slots[0]["provider"]["id"]}
    body = {"session_type": "GROUP", "service_type": "OT-GROUP", "max_capacity": 6}
    return api.call("POST", "/scheduling/v1/sessions", {**body, **place, "starts_at": slots[0]["starts_at"]})


def _at(zone: str, days: int, hour: int) -> str:
    """An hour of the local day that many days from now, as an instant."""
    tz = ZoneInfo(zone)
    day: date = datetime.now(tz).date() + timedelta(days=days)
    return datetime.combine(day, wall_time(hour), tz).astimezone(UTC).isoformat()
