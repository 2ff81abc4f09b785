"""How many patients are among the first ten when their names are typed as people spell them."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from jalsa.service import skeleton
from jalsa.service.ids import new_id
from patient_files.models.terms import TERMS
from patient_files.patients.search import search
from patient_files.patients.terms import KnownBy, terms_of

NAMES = Path(__file__).parent / "names"
OTHERS = 3_000
#: How many of a hundred are to be found.
WANTED = {"arabic": 0.98, "latin": 0.90, "across": 0.85}

Spelling = tuple[str, str, UUID]


@pytest.fixture(scope="module")
def registry(kit: ServiceKit) -> Iterator[tuple[Session, list[Spelling]]]:
    """A tenant with everybody who is looked for, and thousands with the same names in other combinations."""
    with kit.transaction("recall") as db:
        people = {new_id(): KnownBy(names=names) for names in others()}
        spellings = []
        for line in (NAMES / "spellings.tsv").read_text().splitlines():
            kind, *names, typed = line.split("\t")
            person = new_id()
            people[person] = KnownBy(names=[[part for part in names[:3] if part], [part for part in names[3:] if part]])
            spellings.append(("across" if "-to-" in kind else kind, typed, person))
        TERMS.write(db, {person: terms_of(known) for person, known in people.items()})
        yield db, spellings
        db.rollback()


def others() -> Iterator[list[list[str]]]:
    chance = random.Random(20261126)
    by_part = defaultdict(list)
    for line in (NAMES / "inventory.tsv").read_text().splitlines():
        part, arabic, _, latin, _ = line.split("\t")
        by_part[part].append((arabic, latin))
    for number in range(OTHERS):
        parts = [chance.choice(by_part[part]) for part in (chance.choice("mf"), "m", "l")]
        scripts = [[arabic for arabic, _ in parts], [latin for _, latin in parts]]
        yield scripts if number % 3 == 0 else [scripts[number % 3 - 1]]


def recall(db: Session, spellings: list[Spelling]) -> dict[str, float]:
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for kind, typed, person in spellings:
        hits = search(db, typed, after=None, limit=10).hits
        tried[kind] += 1
        found[kind] += person in {hit.place.patient_id for hit in hits}
    return {kind: found[kind] / tried[kind] for kind in tried}


def test_the_spellings_are_as_many_as_they_should_be() -> None:
    lines = (NAMES / "spellings.tsv").read_text().splitlines()
    counted = Counter(line.split("\t")[0] for line in lines)
    assert counted == {"arabic": 300, "latin": 200, "latin-to-arabic": 100, "arabic-to-latin": 100}


def test_most_patients_are_among_the_first_ten(registry: tuple[Session, list[Spelling]]) -> None:
    reached = recall(*registry)
    assert {kind for kind, share in reached.items() if share < WANTED[kind]} == set(), reached


def test_nobody_is_found_across_alphabets_without_skeletons(
    registry: tuple[Session, list[Spelling]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the spellings differ, and it is the skeletons that find them."""
    db, spellings = registry
    monkeypatch.setattr("patient_files.patients.terms.skeletons", lambda _: ())
    across = [spelling for spelling in spellings if spelling[0] == "across"][:40]
    assert recall(db, across)["across"] < 0.1
    assert skeleton.skeleton("mohammed") == "MHMD"
