"""Registering people among half a million, each of whom is compared with those who may be the same person."""

import json
from collections.abc import Sequence
from dataclasses import replace
from statistics import quantiles
from typing import Any

import load
import search_data as data
from booking import web
from sqlalchemy import make_url

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import service_kit
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE

WARM, REGISTERED, ASKED = 100, 500, 200  # requests: the first meet cold connections and plans


def measure(servers: Servers, issuer: Issuer) -> dict[str, Any]:
    """Milliseconds of registrations, of questions alone, and of registrations that are refused."""
    with service_kit(SERVICE, servers, issuer) as kit:
        url = f"{servers.postgres.url.rsplit('/', 1)[0]}/{make_url(kit.config.database_url).database}"
        data.fill(url, (data.LARGE,))
        strangers = [_body(data.person(data.LARGE, data.PATIENTS[data.LARGE] + n)) for n in range(WARM + REGISTERED)]
        known = [
            _body(replace(data.person(data.LARGE, 1_000 * n), national_id=f"AGAIN{n:05}")) for n in range(1, ASKED + 1)
        ]
        with web(kit) as port:
            _post(port, issuer, "", strangers[:WARM], 201)
            registered = _post(port, issuer, "", strangers[WARM:], 201)
            asked = _post(port, issuer, "/duplicates", known, 200)
            refused = _post(port, issuer, "", [{**one, "identifiers": []} for one in known], 409)
    return {"registered": _spread(registered), "asked": _spread(asked), "refused": _spread(refused)}


def _body(one: data.Person) -> dict[str, Any]:
    parts = ("first_name", "father_name", "grandfather_name", "last_name")
    return {
        **{f"{part}_en": name for part, name in zip(parts, one.latin, strict=True)},
        **{f"{part}_ar": name for part, name in zip(parts, one.arabic, strict=True)},
        "date_of_birth": one.born.isoformat(),
        "sex": "M",
        "phones": [{"number": one.phone}],
        "identifiers": [{"type": "OTHER", "value": one.national_id}],
        "preferred_language": "ar",
    }


def _post(port: int, issuer: Issuer, path: str, bodies: Sequence[dict[str, Any]], status: int) -> list[float]:
    """The milliseconds of one request after another."""
    token = issuer.token(data.LARGE, ["front-desk"])
    requests = [load.request(port, "POST", f"/v1/patients{path}", token, json.dumps(body).encode()) for body in bodies]
    result = load.run(port, requests, clients=1)
    if result.statuses != {status: len(requests)}:
        raise RuntimeError(f"not everything was answered with {status}: {dict(result.statuses)}")
    return [seconds * 1000 for seconds in result.latencies]


def _spread(milliseconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(milliseconds, n=100)
    return {"median": cuts[49], "p95": cuts[94], "p99": cuts[98]}
