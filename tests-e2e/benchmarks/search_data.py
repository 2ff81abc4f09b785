"""Registries of half a million patients and of fifty thousand, stored in bulk: what is measured is finding them."""

import random
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from uuid import UUID

import psycopg

from jalsa.db.terms import Term
from patient_files.patients.likeness import Alike, likeness_terms
from patient_files.patients.terms import KnownBy, terms_of

LARGE, SMALL = "large", ("small1", "small2", "small3", "small4")
PATIENTS = {LARGE: 500_000, **dict.fromkeys(SMALL, 50_000)}
_CHUNK = 10_000
_NAMES = Path(__file__).parents[2] / "services/patient-files/tests/names/inventory.tsv"
_FIRST_DAY = date(1940, 1, 1)

# Triggers and foreign keys are off, and the indexes of the terms are made afterwards, as a restored backup would.
_WITHOUT_INDEXES = "ALTER TABLE patient_terms DROP CONSTRAINT patient_terms_pkey; DROP INDEX patient_terms_term"
_WITH_INDEXES = (
    "SET maintenance_work_mem = '1GB'",
    "ALTER TABLE patient_terms ADD PRIMARY KEY (record_id, tenant_id, kind, term)",
    "CREATE INDEX patient_terms_term ON patient_terms (kind, tenant_id, term) INCLUDE (record_id)",
    *(f"VACUUM ANALYZE {table}" for table in ("patient_terms", "patients", "main_files", "patient_activity")),
    *(f"VACUUM ANALYZE {table}" for table in ("phones", "identifiers")),
)


@dataclass(frozen=True)
class Person:
    """A made-up patient."""

    id: UUID
    arabic: tuple[str, ...]
    latin: tuple[str, ...]
    phone: str
    national_id: str
    file_number: str
    born: date
    last_visit_on: date | None


def person(tenant: str, number: int) -> Person:
    """The patient with this number: always the same. Some names are much more frequent than others."""
    chance = random.Random(f"{tenant} {number}")
    parts = [_drawn(chance, part) for part in (chance.choice("mf"), "m", "m", "l")]
    visited = chance.random() < 0.8
    return Person(
        id=UUID(int=(list(PATIENTS).index(tenant) << 64) + (0x01A1 << 112) + number),
        arabic=tuple(arabic for arabic, _ in parts),
        latin=tuple(latin for _, latin in parts),
        phone=f"+9665{chance.choice('0345689')}{chance.randrange(10**7):07}",
        national_id=f"1{number:09}",
        file_number=f"FILE-{2015 + number % 11}-{number:06}",
        born=_FIRST_DAY + timedelta(days=chance.randrange(31_000)),
        last_visit_on=date(2026, 11, 1) - timedelta(days=chance.randrange(2_000)) if visited else None,
    )


def fill(url: str, tenants: Collection[str] = tuple(PATIENTS)) -> None:
    """Store the registries of these tenants, with the index of terms."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_WITHOUT_INDEXES)
    chunks = [(tenant, start) for tenant in tenants for start in range(0, PATIENTS[tenant], _CHUNK)]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_store, url), chunks))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _WITH_INDEXES:
            connection.execute(statement)


def _store(url: str, chunk: tuple[str, int]) -> None:
    tenant, start = chunk
    people = [person(tenant, number) for number in range(start, start + _CHUNK)]
    now = datetime.now(UTC)
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        _copy(
            connection,
            "patients (tenant_id, id, first_name_en, father_name_en, grandfather_name_en, last_name_en, "
            "first_name_ar, father_name_ar, grandfather_name_ar, last_name_ar, birth_calendar, birth_precision, "
            "birth_value, born_from, born_to, sex, preferred_language, active, created_at)",
            (
                (tenant, one.id, *one.latin, *one.arabic, "GREGORIAN", "DAY", *_birth(one), "M", "ar", True, now)
                for one in people
            ),
        )
        _copy(
            connection,
            "phones (tenant_id, id, patient_id, position, number, number_type)",
            ((tenant, one.id, one.id, 1, one.phone, "MOBILE") for one in people),
        )
        _copy(
            connection,
            "identifiers (tenant_id, id, patient_id, type, issuing_country, value, created_at, created_by)",
            ((tenant, one.id, one.id, "OTHER", "ZZ", one.national_id, now, "bench") for one in people),
        )
        _copy(
            connection,
            "main_files (tenant_id, id, file_number, patient_id, opened_at)",
            ((tenant, one.id, one.file_number, one.id, now) for one in people),
        )
        _copy(
            connection,
            "patient_activity (tenant_id, id, last_visit_on)",
            ((tenant, one.id, one.last_visit_on) for one in people if one.last_visit_on),
        )
        _copy(
            connection,
            "patient_terms (tenant_id, record_id, kind, term)",
            ((tenant, one.id, term.kind, term.text) for one in people for term in _terms(one)),
        )


def _copy(connection: psycopg.Connection, table: str, rows: Iterator[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _birth(one: Person) -> tuple[object, ...]:
    return one.born.isoformat(), one.born, one.born


def _terms(one: Person) -> frozenset[Term]:
    known = KnownBy(
        names=[one.latin, one.arabic],
        phones=[one.phone],
        identifiers=[one.national_id],
        file_numbers=[one.file_number],
        births=[one.born.isoformat()],
    )
    names = (" ".join(one.latin), " ".join(one.arabic))
    return terms_of(known) | likeness_terms(
        Alike(names=names, born_on=one.born, phones=frozenset({one.phone}), email=None)
    )


def _drawn(chance: random.Random, part: str) -> tuple[str, str]:
    names, weights = _names()[part]
    return chance.choices(names, cum_weights=weights)[0]


@cache
def _names() -> dict[str, tuple[list[tuple[str, str]], list[float]]]:
    """The names of each part, the more frequent first: the n-th is as frequent as 1 / (n + 5)."""
    found: dict[str, list[tuple[str, str]]] = {"m": [], "f": [], "l": []}
    for line in _NAMES.read_text().splitlines():
        part, arabic, _, latin, _ = line.split("\t")
        found[part].append((arabic, latin))
    return {part: (names, list(accumulate(1 / (n + 5) for n in range(len(names))))) for part, names in found.items()}
