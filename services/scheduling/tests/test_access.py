"""Who may do what: tokens, roles, and other tenants' records."""

import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.kit import Client, ServiceKit
from jalsa.events.tokens import SERVICE_ISSUER
from jalsa.service.policy import AUTHENTICATED, PUBLIC, ROLES
from scheduling.policy import POLICY

from .factories import Centre, Desk, at, created, problem

KID = {"kid": "jalsa-development"}
READERS = {"front-desk", "clinician", "biller", "records", "manager", "integration"}
BOOKERS = {"front-desk", "clinician", "manager", "integration"}
# written out a second time on purpose, because a slip in the policy must not correct its own test
MAY = {
    "setup.read": READERS,
    "setup.write": {"manager"},
    "absences.write": BOOKERS,
    "schedule.override": {"manager"},
    "schedule.enter": BOOKERS | {"records"},
    "schedule.walk-in": {"front-desk", "manager", "integration"},
    "schedule.past": {"manager", "records"},
    "sessions.read": READERS,
    "sessions.write": BOOKERS,
    "appointments.read": READERS,
    "appointments.write": BOOKERS,
    "packages.read": READERS,
    "packages.write": BOOKERS,
    "waitlist.read": READERS,
    "waitlist.write": BOOKERS,
    "calendar-links.write": {"manager", "front-desk", "clinician"},
    "reports.read": {"manager", "integration"},
    "history.read": {"manager", "records", "front-desk", "clinician"},
    "events.read": {"manager", "integration", "subscriber"},
    "events.operate": {"manager"},
    "events.compare": set(),  # our own services alone
}


def bad_token(case: str, issuer: Issuer, tenant: str) -> str:
    """A token that is good but for one thing."""
    key: Any = load_pem_private_key((issuer.folder / "issuer.pem").read_bytes(), None)
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "tester",
        "exp": now + 600,
        "tenant": tenant,
        "roles": ["manager"],
    }
    absent = {
        "no-tenant": "tenant",
        "no-expiry": "exp",
        "no-audience": "aud",
        "no-subject": "sub",
        "no-roles": "roles",
    }
    changes: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 60},
        "not-yet": {"nbf": now + 600},
        "other-issuer": {"iss": "https://elsewhere.example"},
        "other-audience": {"aud": "somebody-else"},
        "tenant-of-all": {"tenant": "*"},
        "tenant-not-a-slug": {"tenant": "AGDAR; DROP TABLE"},
        "tenant-not-text": {"tenant": ["agdar"]},
        "roles-not-a-list": {"roles": "manager"},
        "claims-to-be-ours": {"iss": SERVICE_ISSUER},
    }
    claims.update(changes.get(case, {}))
    claims.pop(absent.get(case, ""), None)
    if case == "unsigned":
        return jwt.encode(claims, "", algorithm="none", headers=KID)
    if case == "other-key":
        key = rsa.generate_private_key(65537, 2048)
    if case == "public-key-as-secret":
        public = jwt.PyJWKSet.from_json((issuer.folder / "jwks.json").read_text()).keys[0].key
        return jwt.encode(claims, str(public.public_numbers().n), algorithm="HS256", headers=KID)
    headers = {"kid": "unknown"} if case == "unknown-key" else KID
    token = jwt.encode(claims, key, algorithm="RS256", headers=headers)
    if case == "cut":
        return token[:-8]
    if case == "other-payload":
        head, _, signature = token.split(".")
        other = jwt.encode({**claims, "sub": "admin"}, key, algorithm="RS256", headers=KID).split(".")[1]
        return f"{head}.{other}.{signature}"
    return token


@pytest.mark.parametrize(
    "case",
    [
        "expired",
        "not-yet",
        "unsigned",
        "other-issuer",
        "other-audience",
        "no-audience",
        "no-tenant",
        "tenant-of-all",
        "tenant-not-a-slug",
        "tenant-not-text",
        "no-expiry",
        "no-subject",
        "no-roles",
        "roles-not-a-list",
        "other-key",
        "unknown-key",
        "public-key-as-secret",
        "claims-to-be-ours",
        "cut",
        "other-payload",
    ],
)
def test_a_token_that_does_not_prove_who_calls_is_refused(calm: Desk, issuer: Issuer, case: str) -> None:
    before = calm.centre.state()
    caller = Client(calm.centre.kit.app, bad_token(case, issuer, calm.centre.tenant))
    for answer in (caller.get("/clinics"), caller.post("/sessions", calm.session_body())):
        problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert calm.centre.state() == before


def test_the_token_of_these_tests_is_good_but_for_what_they_take_away(calm: Desk, issuer: Issuer) -> None:
    caller = Client(calm.centre.kit.app, bad_token("none of them", issuer, calm.centre.tenant))
    assert caller.get("/clinics").status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer x.y.z", "Bearer \xff", "x"])
def test_a_request_without_a_readable_token_is_refused(calm: Desk, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = calm.centre.kit.app.test_client().get("/v1/clinics", headers=headers)
    problem(answer, 401, "unauthenticated")


def test_a_good_token_is_refused_once_it_expires_though_it_was_known(kit: ServiceKit, tenant: str) -> None:
    caller = Client(kit.app, kit.issuer.token(tenant, ["manager"], seconds=60))
    assert caller.get("/clinics").status_code == 200
    with time_machine.travel(time.time() + 70):
        problem(caller.get("/clinics"), 401, "unauthenticated")


def requests_by_permission(kit: ServiceKit) -> dict[str, list[tuple[str, str]]]:
    """Every route of the application under the permission that it names."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rule in kit.app.url_map.iter_rules():
        permission = getattr(kit.app.view_functions[rule.endpoint], "permission", None)
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f"<uuid:{argument}>", str(uuid4())).replace(f"<int:{argument}>", "1")
            path = path.replace(f"<{argument}>", "x")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            found.setdefault(str(permission), []).append((method, path.removeprefix("/v1")))
    return found


def test_every_route_names_a_permission_that_the_policy_knows(kit: ServiceKit) -> None:
    assert set(requests_by_permission(kit)) - {PUBLIC, AUTHENTICATED} <= set(POLICY)
    assert set(POLICY) == set(MAY)


@pytest.mark.parametrize("permission", MAY)
@pytest.mark.parametrize("role", [*sorted(ROLES), "unheard-of", None])
def test_a_role_does_what_the_policy_says_and_nothing_else(calm: Desk, permission: str, role: str | None) -> None:
    roles = (role,) if role else ("",)
    caller = calm.centre.client(*roles)
    before = calm.centre.state()
    for method, path in requests_by_permission(calm.centre.kit).get(permission, []):
        answer = caller.call(method, path, **({} if method == "GET" else {"json": {"colour": "blue"}}))
        if role in MAY[permission]:
            assert answer.status_code in (200, 404, 422), (method, path, answer.json)
        else:
            problem(answer, 403, "forbidden")
    assert calm.centre.state() == before


def test_another_tenants_records_are_not_found(desk: Desk) -> None:
    participant = desk.create_appointment(room_id=desk.room["id"])
    session = participant["session"]
    package = created(desk.centre.post("/packages", desk.package_body()))
    before = desk.centre.state()
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x").client()
    addresses = [
        f"/clinics/{desk.clinic['id']}",
        f"/rooms/{desk.room['id']}",
        f"/providers/{desk.provider['id']}",
        f"/providers/{desk.provider['id']}/working-hours",
        f"/service-types/{desk.service_type['id']}",
        f"/sessions/{session['id']}",
        f"/sessions/{session['id']}/participants",
        f"/participants/{participant['id']}",
        f"/packages/{package['id']}",
    ]
    for path in addresses:
        problem(stranger.get(path), 404, "not-found")
        assert desk.centre.get(path).status_code == 200
    for path in (addresses[0], addresses[1], addresses[2], addresses[4], addresses[7]):
        problem(stranger.patch(path, {}, "*"), 404, "not-found")
    problem(stranger.put(addresses[3], {"items": []}), 404, "not-found")
    for action in (f"{addresses[5]}/cancel", f"{addresses[7]}/confirm", f"{addresses[7]}/cancel"):
        problem(stranger.post(action), 404, "not-found")
    for action in ("cancel", "pause", "resume", "schedule", "sessions/1/cancel"):
        problem(stranger.post(f"{addresses[8]}/{action}"), 404, "not-found")
    lists = ("/clinics", "/rooms", "/providers", "/service-types", "/sessions", "/sessions/available", "/packages")
    for path in (*lists, "/events"):
        listed = stranger.get(path)
        assert (listed.status_code, listed.get_json()["items"]) == (200, []), path
    assert desk.centre.state() == before


def test_another_tenants_session_takes_no_patient_of_ours(desk: Desk) -> None:
    session = desk.create_session(starts_at=at(4))
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    body = {"patient_id": stranger.create_patient()}
    problem(stranger.post(f"/sessions/{session['id']}/participants", body), 404, "not-found")
    assert desk.session(session["id"])["current_capacity"] == 0


def test_an_unknown_record_reads_like_another_tenants(desk: Desk) -> None:
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x").client()
    foreign, unknown = stranger.get(f"/clinics/{desk.clinic['id']}"), stranger.get(f"/clinics/{uuid4()}")
    assert (foreign.status_code, foreign.json) == (unknown.status_code, unknown.json)
