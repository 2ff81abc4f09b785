"""Finding patients among half a million while somebody types, and naming those of a list."""

import json
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median, quantiles
from typing import Any, LiteralString

import load
import psycopg
import search_data as data
from booking import web
from sqlalchemy import event, make_url

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE
from patient_files.patients import search
from patient_files.patients.summaries import summaries

WARM, ASKED, TYPED = 100, 60, 1_000  # requests: the first meet cold connections and plans
LIMIT = 20
NAMED = 500
COMMON = ("مح", "محمد")
#: What names a list without any of ours: the columns that are answered, of one tenant.
_BARE_NAMES = """
    SELECT p.id, p.first_name_en, p.last_name_en, p.first_name_ar, p.last_name_ar, f.file_number
    FROM patients p JOIN main_files f ON f.tenant_id = p.tenant_id AND f.patient_id = p.id
    WHERE p.tenant_id = %s AND p.id = ANY (%s)
"""
Statement = tuple[LiteralString, Any]


def measure(servers: Servers, issuer: Issuer) -> dict[str, Any]:
    """Milliseconds of searches and of names, beside the same without HTTP, our code and row-level security."""
    with service_kit(SERVICE, servers, issuer) as kit:
        url = f"{servers.postgres.url.rsplit('/', 1)[0]}/{make_url(kit.config.database_url).database}"
        began = time.perf_counter()
        data.fill(url)
        filling = time.perf_counter() - began
        typed = {tenant: _typed(tenant) for tenant in (data.LARGE, data.SMALL[0])}
        named = [
            data.person(data.LARGE, n).id for n in random.Random(3).sample(range(data.PATIENTS[data.LARGE]), NAMED)
        ]
        with web(kit) as port:
            large = _search(port, issuer, data.LARGE, typed[data.LARGE])
            small = _search(port, issuer, data.SMALL[0], typed[data.SMALL[0]])
            common = {text: median(_search(port, issuer, data.LARGE, [text] * ASKED)) for text in COMMON}
            body = json.dumps({"ids": [str(one) for one in named]})
            names = _post(port, issuer, data.LARGE, "names", [body] * ASKED)
        statements = [_statements(kit, text) for text in typed[data.LARGE]]
        with psycopg.connect(url) as connection:
            connection.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
            bare = _timed([partial(_replay, connection, asked) for asked in statements])
            bare_names = _timed([lambda: connection.execute(_BARE_NAMES, (data.LARGE, named)).fetchall()] * ASKED)
            stored = connection.execute("SELECT count(*) FROM patient_terms").fetchone()
    return {
        "filling": filling,
        "terms": stored[0] if stored else 0,
        "large": _spread(large),
        "small": _spread(small),
        "bare": _spread(bare),
        "common": common,
        "names": median(names),
        "bare_names": median(bare_names),
    }


def _spread(milliseconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(milliseconds, n=100)
    return {"median": cuts[49], "p95": cuts[94], "p99": cuts[98], "sum": sum(milliseconds)}


def _typed(tenant: str) -> list[str]:
    """What is typed for patients at random: names from their second letter to their last, and numbers."""
    chance = random.Random(11)
    found = []
    for _ in range(TYPED):
        one = data.person(tenant, chance.randrange(data.PATIENTS[tenant]))
        arabic, latin, dialled = one.arabic, one.latin, one.phone.replace("+966", "0")
        text = chance.choices(
            [
                f"{arabic[0]} {arabic[-1]}",
                " ".join(arabic),
                f"{arabic[0]} {arabic[1]} {arabic[-1]}",
                f"{latin[0]} {latin[-1]}",
                arabic[-1],
                f"{arabic[-1]} {arabic[0]}",
                dialled,
                one.national_id,
                one.file_number,
            ],
            weights=[30, 15, 10, 20, 5, 5, 8, 5, 2],
        )[0]
        found.append(text[: chance.randint(2, len(text))])
    return found


def _search(port: int, issuer: Issuer, tenant: str, texts: Sequence[str]) -> list[float]:
    return _post(port, issuer, tenant, "search", [json.dumps({"text": text, "limit": LIMIT}) for text in texts])


def _post(port: int, issuer: Issuer, tenant: str, path: str, bodies: Sequence[str]) -> list[float]:
    """The milliseconds of one request after another."""
    token = issuer.token(tenant, ["front-desk"])
    requests = [load.request(port, "POST", f"/v1/patients/{path}", token, body.encode()) for body in bodies]
    load.run(port, [requests[n % len(requests)] for n in range(WARM)], clients=8)
    result = load.run(port, requests, clients=1)
    if result.statuses != {200: len(requests)}:
        raise RuntimeError(f"not everything was answered: {dict(result.statuses)}")
    return [seconds * 1000 for seconds in result.latencies]


def _statements(kit: ServiceKit, text: str) -> list[Statement]:
    """The statements of a search, with what they ask."""
    found: list[Statement] = []

    def keep(_: object, __: object, statement: str, parameters: Any, ___: object, ____: object) -> None:
        found.append((statement, parameters))

    with kit.transaction(data.LARGE) as db:
        event.listen(kit.database.engine, "before_cursor_execute", keep)
        try:
            hits = search.search(db, text, after=None, limit=LIMIT + 1).hits
            summaries(db, [hit.place.patient_id for hit in hits[:LIMIT]])
        finally:
            event.remove(kit.database.engine, "before_cursor_execute", keep)
    return [(_of_one_tenant(statement), parameters) for statement, parameters in found]


def _of_one_tenant(statement: str) -> LiteralString:
    """What row-level security adds, written out."""
    mine = f"tenant_id = '{data.LARGE}' AND "
    for before in ("FROM patient_terms WHERE ", "patient_activity o ON "):
        statement = statement.replace(before, before + ("o." if before.endswith("ON ") else "") + mine)
    for before in ("WHERE p.", "ON f.", "WHERE c.", "WHERE a."):
        statement = statement.replace(before, before + mine + before[-2:])
    return statement


def _replay(connection: psycopg.Connection, statements: Sequence[Statement]) -> None:
    for statement, parameters in statements:
        connection.execute(statement, parameters).fetchall()


def _timed(works: Sequence[Callable[[], object]]) -> list[float]:
    """The milliseconds of each, after some that are not counted."""
    for work in works[:WARM]:
        work()
    found = []
    for work in works:
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found
