"""A made-up population of patients, in which some are registered twice, with what is typed wrong or told otherwise.

The names and their spellings are those of `names/inventory.tsv`, which no code made. Families share a telephone, and
names are as unevenly spread as they are among people.
"""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from hijridate import Gregorian
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.service.ids import new_id
from patient_files.models import Guardian, Patient, PatientPhone
from patient_files.models.terms import TERMS
from patient_files.patients import record
from patient_files.patients.likeness import likeness_terms
from patient_files.patients.rules.births import DAY, GREGORIAN, HIJRI, birth
from patient_files.patients.rules.names import FIELDS, KNOWN, PARTS

INVENTORY = Path(__file__).parent / "names" / "inventory.tsv"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ARABIC, LATIN, BOTH = ("ar",), ("en",), ("ar", "en")
#: What most registries enter for people of whom only the year is known, and how many such people there are.
REGISTRY_DEFAULT, DEFAULTS = "07-01", 0.03
#: In how many second registrations the telephone is another one.
OTHER_PHONES = 0.4


class Spelled(NamedTuple):
    """A name and its spellings in each alphabet, the usual one first."""

    ar: tuple[str, ...]
    en: tuple[str, ...]


@dataclass(frozen=True)
class Registrant:
    """What is told of somebody. `person` is who it is, whatever is told."""

    person: UUID
    names: tuple[Spelled | None, ...]
    sex: str
    born: date
    calendar: str
    phone: str
    guardian_phone: str | None
    scripts: tuple[str, ...]
    #: Which spelling of each name is told.
    spelling: int = 0
    #: The parts as they are written, where they are not written as their spelling.
    written: Mapping[str, str] = field(default_factory=dict)
    birth_value: str | None = None


@dataclass(frozen=True)
class Planted:
    """A second registration, and the first one."""

    kind: str
    first: Patient
    second: Patient


@dataclass(frozen=True)
class Population:
    """Everybody, and who was planted. `person` says who a record is of."""

    patients: list[Patient]
    planted: list[Planted]
    person: dict[UUID, UUID]


def population(size: int, planted: int, *, seed: int = 20261126) -> Population:
    """`size` records, of which `planted` are a second registration, a sibling or a twin of one of the others."""
    chance = random.Random(seed)
    registry = _Registry(chance)
    people = list(islice(registry.families(), size - planted))
    person: dict[UUID, UUID] = {}
    patients = [_patient(each, person) for each in people]
    kinds = list(KINDS)
    found: list[Planted] = []
    for number, (each, first) in enumerate(chance.sample(list(zip(people, patients, strict=True)), planted)):
        kind = kinds[number % len(kinds)]
        found.append(Planted(kind, first, _patient(KINDS[kind](registry, each), person)))
    return Population([*patients, *(each.second for each in found)], found, person)


def store(db: Session, patients: list[Patient]) -> None:
    """Store records as registrations would, with the terms by which duplicates are found."""
    for start in range(0, len(patients), 2_000):
        batch = patients[start : start + 2_000]
        _insert(db, batch)
        _insert(db, [row for each in batch for row in each.phones])
        _insert(db, [row for each in batch for row in each.guardians])
        TERMS.write(db, {each.id: likeness_terms(record.alike(each)) for each in batch})


def _insert(db: Session, rows: Sequence[Patient | PatientPhone | Guardian]) -> None:
    """All rows in one statement, which is several times as fast as a statement a row."""
    table = rows[0].__tablename__
    columns = [each.key for each in rows[0].__mapper__.column_attrs if each.key in rows[0].__dict__]
    values = json.dumps([{name: getattr(row, name) for name in columns} for row in rows], default=str)
    names = ", ".join(columns)
    read = f"json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json))"
    db.execute(text(f"INSERT INTO {table} ({names}) SELECT {names} FROM {read}"), {"rows": values})


class _Registry:
    """Makes people."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._by_part: dict[str, list[Spelled]] = defaultdict(list)
        for line in INVENTORY.read_text().splitlines():
            part, arabic, arabic_too, latin, latin_too = line.split("\t")
            self._by_part[part].append(Spelled(_spellings(arabic, arabic_too), _spellings(latin, latin_too)))

    def name(self, part: str) -> Spelled:
        """The n-th name of the list is n times as rare as the first."""
        names = self._by_part[part]
        return self.chance.choices(names, [1 / (n + 2) for n in range(len(names))])[0]

    def phone(self) -> str:
        return f"+9665{self.chance.randrange(10**8):08}"

    def families(self) -> Iterator[Registrant]:
        """A father, or a mother, with some children, or somebody alone, one after the other."""
        while True:
            father, family = self.somebody("m"), None
            yield father
            if self.chance.random() < 0.5:
                for _ in range(self.chance.randint(1, 4)):
                    family = self.child(father, family)
                    yield family

    def somebody(self, sex: str) -> Registrant:
        born = date(1940, 1, 1) + timedelta(days=self.chance.randrange(60 * 365))
        names = (self.name(sex), self.name("m"), self.name("m"), self.name("l"))
        return self._registrant(names, sex, born, self.phone(), None)

    def child(self, father: Registrant, before: Registrant | None) -> Registrant:
        """A child that is born years after the father and the child before."""
        sex = self.chance.choice("mf")
        after = before.born + timedelta(days=400) if before else father.born + timedelta(days=22 * 365)
        born = after + timedelta(days=self.chance.randrange(900))
        names = (self._another(sex, before), father.names[0], father.names[1], father.names[3])
        phone = father.phone if self.chance.random() < 0.5 else self.phone()
        return self._registrant(names, sex, min(born, date(2026, 5, 1)), phone, father.phone)

    def _registrant(
        self, names: tuple[Spelled | None, ...], sex: str, born: date, phone: str, guardian: str | None
    ) -> Registrant:
        scripts = self.chance.choices((BOTH, ARABIC, LATIN), (5, 3, 2))[0]
        calendar = self.chance.choices((GREGORIAN, HIJRI), (7, 3))[0]
        made = Registrant(new_id(), names, sex, born, calendar, phone, guardian, scripts)
        if self.chance.random() < DEFAULTS:
            year = Gregorian.fromdate(born).to_hijri().year
            return replace(made, calendar=HIJRI, birth_value=f"{year}-{REGISTRY_DEFAULT}")
        return made

    def _another(self, sex: str, than: Registrant | None) -> Spelled:
        while True:
            name = self.name(sex)
            if than is None or name != than.names[0]:
                return name

    # how one person is registered again

    def again(self, each: Registrant) -> Registrant:
        """Nobody knows at the second desk what was told at the first."""
        phone = self.phone() if self.chance.random() < OTHER_PHONES else each.phone
        return replace(each, phone=phone)

    def typo(self, each: Registrant) -> Registrant:
        part = self.chance.randrange(len(PARTS))
        written = {}
        for script in each.scripts:
            name = _told(each, part, script)
            written[f"{PARTS[part]}_{script}"] = self._mistyped(name)
        return replace(self.again(each), written=written)

    def swapped(self, each: Registrant) -> Registrant:
        one, other = self.chance.sample(range(len(PARTS)), 2)
        names = list(each.names)
        names[one], names[other] = names[other], names[one]
        return replace(self.again(each), names=tuple(names))

    def without_father(self, each: Registrant) -> Registrant:
        return replace(
            self.again(each), names=(each.names[0], None, self.chance.choice((each.names[2], None)), each.names[3])
        )

    def other_script(self, each: Registrant) -> Registrant:
        scripts = LATIN if "ar" in each.scripts else ARABIC
        return replace(self.again(each), scripts=scripts, spelling=self.chance.randint(0, 2))

    def other_calendar(self, each: Registrant) -> Registrant:
        if each.birth_value is not None:
            return replace(each, birth_value=None, calendar=GREGORIAN)
        if each.calendar == HIJRI:
            return replace(self.again(each), calendar=GREGORIAN)
        off = timedelta(days=self.chance.randint(-2, 2))
        return replace(self.again(each), calendar=HIJRI, born=each.born + off)

    def parents_phone(self, each: Registrant) -> Registrant:
        guardian = each.guardian_phone or self.phone()
        return replace(each, phone=guardian, guardian_phone=guardian)

    # who is somebody else

    def sibling(self, each: Registrant) -> Registrant:
        days = self.chance.randint(280, 2_000)
        return replace(self._relative(each), born=each.born - timedelta(days=days), birth_value=None)

    def twin(self, each: Registrant) -> Registrant:
        return self._relative(each)

    def _relative(self, each: Registrant) -> Registrant:
        sex = self.chance.choice("mf")
        return replace(each, person=new_id(), sex=sex, names=(self._another(sex, each), *each.names[1:]))

    def _mistyped(self, name: str) -> str:
        """A letter is left out, doubled, changed, or has changed places with the next one."""
        at = self.chance.randrange(len(name))
        before, letter, after = name[:at], name[at], name[at + 1 :]
        how = self.chance.randrange(4)
        if how == 0 and len(name) > 3:
            return before + after
        if how == 1:
            return before + letter * 2 + after
        if how == 2:
            return before + self.chance.choice("اهويدنلم" if letter > "\u0600" else "aeinlrtm") + after
        return before + after[:1] + letter + after[1:]


KINDS: dict[str, Callable[[_Registry, Registrant], Registrant]] = {
    "typo": _Registry.typo,
    "swapped": _Registry.swapped,
    "without-father": _Registry.without_father,
    "other-script": _Registry.other_script,
    "other-calendar": _Registry.other_calendar,
    "parents-phone": _Registry.parents_phone,
    "sibling": _Registry.sibling,
    "twin": _Registry.twin,
}
#: Who is somebody else.
RELATIVES = ("sibling", "twin")


def _told(each: Registrant, part: int, script: str) -> str:
    name = each.names[part]
    if name is None:
        return ""
    spellings: tuple[str, ...] = getattr(name, script)
    return spellings[min(each.spelling, len(spellings) - 1)]


def _patient(each: Registrant, person: dict[UUID, UUID]) -> Patient:
    given = {f"{part}_{script}": _told(each, n, script) for n, part in enumerate(PARTS) for script in each.scripts}
    patient = Patient(
        id=new_id(),
        **{name: value or None for name, value in {**dict.fromkeys(FIELDS), **given, **each.written}.items()},
        identity_status=KNOWN,
        sex=each.sex.upper(),
        email=None,
        preferred_language="ar",
        tell="PATIENT",
        active=True,
        restricted=False,
        created_at=NOW,
        phones=[PatientPhone(id=new_id(), position=1, number=each.phone, number_type="MOBILE")],
        guardians=[],
        identifiers=[],
    )
    for row in patient.phones:
        row.patient_id = patient.id
    if each.guardian_phone is not None:
        patient.guardians.append(_guardian(patient.id, each.guardian_phone))
    record.set_birth(patient, birth(each.calendar, DAY, each.birth_value or _value(each)))
    person[patient.id] = each.person
    return patient


def _guardian(patient_id: UUID, phone: str) -> Guardian:
    return Guardian(
        id=new_id(),
        patient_id=patient_id,
        relation="FATHER",
        name_en="Father",
        phone=phone,
        phone_type="MOBILE",
        receives_messages=True,
        is_primary=True,
        created_at=NOW,
        created_by="test",
    )


def _value(each: Registrant) -> str:
    return str(Gregorian.fromdate(each.born).to_hijri() if each.calendar == HIJRI else each.born)


def _spellings(usual: str, others: str) -> tuple[str, ...]:
    return (usual, *(other for other in others.split("|") if other))
