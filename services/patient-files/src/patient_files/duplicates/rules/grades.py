"""Whether two records are certainly, probably or possibly one person's, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jalsa.service.folding import fold
from patient_files.duplicates.rules import births, names
from patient_files.duplicates.rules.names import Name
from patient_files.patients.rules.births import Birth
from patient_files.patients.rules.identifiers import Identifier
from patient_files.patients.rules.names import NEWBORN, NameParts
from patient_files.patients.rules.records import UNKNOWN_SEX

CERTAIN, PROBABLE, POSSIBLE = "CERTAIN", "PROBABLE", "POSSIBLE"
#: The surest first.
GRADES = (CERTAIN, PROBABLE, POSSIBLE)
_LEAST = {PROBABLE: 0.75, POSSIBLE: 0.65}

_NAMES, _PHONE, _EMAIL_OR_GUARDIAN, _SEX = 0.45, 0.15, 0.10, 0.05
#: How alike names are that are called similar.
_SIMILAR = 0.6
#: How many days there are at least between the births of siblings who are no twins.
SIBLINGS_APART = 250
#: Twins may be born before and after midnight.
_TWINS_APART = 1

SAME_IDENTIFIER, OTHER_IDENTIFIER = "same-identifier", "other-identifier"
SAME_NAME, SIMILAR_NAME = "same-name", "similar-name"
SAME_BIRTH, SIMILAR_BIRTH, SAME_BIRTH_YEAR = "same-birth", "similar-birth", "same-birth-year"
SAME_PHONE, SAME_EMAIL, GUARDIANS_PHONE = "same-phone", "same-email", "guardians-phone"
OTHER_SEX, POSSIBLE_TWIN, DISMISSED = "other-sex", "possible-twin", "dismissed"
#: What speaks for or against two records being one person's, in the order in which it is told.
REASONS = (
    *(SAME_IDENTIFIER, OTHER_IDENTIFIER, SAME_NAME, SIMILAR_NAME, SAME_BIRTH, SIMILAR_BIRTH, SAME_BIRTH_YEAR),
    *(SAME_PHONE, SAME_EMAIL, GUARDIANS_PHONE, OTHER_SEX, POSSIBLE_TWIN, DISMISSED),
)
_BIRTHS = {births.FULL: SAME_BIRTH, births.NEAR: SIMILAR_BIRTH, births.SAME_YEAR: SAME_BIRTH_YEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of somebody, as far as it tells people apart. Phones are E.164, and identifiers are current."""

    names: tuple[NameParts, ...]
    mother: tuple[NameParts, ...] = ()
    identity_status: str
    birth: Birth | None
    sex: str
    birth_order: int | None = None
    phones: frozenset[str] = frozenset()
    guardian_phones: frozenset[str] = frozenset()
    email: str | None = None
    identifiers: frozenset[Identifier] = frozenset()
    #: The names in words. Somebody who has none yet is known by the mother's.
    spoken: tuple[Name, ...] = field(init=False)
    nameless: bool = field(init=False)

    def __post_init__(self) -> None:
        own = _spoken(self.names)
        nameless = not own and self.identity_status == NEWBORN
        object.__setattr__(self, "nameless", nameless)
        object.__setattr__(self, "spoken", _spoken(self.mother) if nameless else own)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How sure it is that two records are one person's, from 0 to 1, and the reasons, as codes of REASONS."""

    grade: str
    score: float
    reasons: tuple[str, ...]


def verdict(one: Person, other: Person, *, dismissed: bool = False) -> Verdict | None:
    """Whether two records may be one person's; None where nobody has to look at them.

    `dismissed` says that somebody has looked, and has decided that they are two people's.
    """
    same_identifier = not one.identifiers.isdisjoint(other.identifiers)
    if _are_siblings(one, other) and not same_identifier:
        return None
    score = _score(one, other)
    grade = _grade(one, other, score, same_identifier=same_identifier, dismissed=dismissed)
    if grade is None:
        return None
    reasons = set(_reasons(one, other))
    if dismissed:
        reasons.add(DISMISSED)
    return Verdict(grade, score, tuple(reason for reason in REASONS if reason in reasons))


def _grade(one: Person, other: Person, score: float, *, same_identifier: bool, dismissed: bool) -> str | None:
    never_certain = dismissed or _other_identifier(one, other) or one.birth_order != other.birth_order
    if (same_identifier or _is_same_by_name(one, other)) and not never_certain:
        return CERTAIN
    if same_identifier:
        return PROBABLE
    if score < _LEAST[POSSIBLE]:
        return None
    return POSSIBLE if score < _LEAST[PROBABLE] or _may_be_twins(one, other) else PROBABLE


def _score(one: Person, other: Person) -> float:
    total = (
        _NAMES * _names(one, other)
        + births.likeness(one.birth, other.birth)
        + _PHONE * (not one.phones.isdisjoint(other.phones))
        + _EMAIL_OR_GUARDIAN * (_same_email(one, other) or _guardians_phone(one, other))
        + _SEX * _same_sex(one, other)
    )
    return round(total, 2)


def _reasons(one: Person, other: Person) -> Iterator[str]:
    if not one.identifiers.isdisjoint(other.identifiers):
        yield SAME_IDENTIFIER
    if _other_identifier(one, other):
        yield OTHER_IDENTIFIER
    if (alike := _names(one, other)) >= _SIMILAR:
        yield SAME_NAME if alike == 1 else SIMILAR_NAME
    if (born := births.likeness(one.birth, other.birth)) in _BIRTHS:
        yield _BIRTHS[born]
    if not one.phones.isdisjoint(other.phones):
        yield SAME_PHONE
    if _same_email(one, other):
        yield SAME_EMAIL
    if _guardians_phone(one, other):
        yield GUARDIANS_PHONE
    if not _same_sex(one, other) and UNKNOWN_SEX not in (one.sex, other.sex):
        yield OTHER_SEX
    if _may_be_twins(one, other):
        yield POSSIBLE_TWIN


def _is_same_by_name(one: Person, other: Person) -> bool:
    """Every part of the name that both have, the same full birth date and sex, and a phone or e-mail address."""
    return (
        _same_parts(one, other)
        and one.birth is not None
        and other.birth is not None
        and one.birth.date_of_birth is not None
        and one.birth.date_of_birth == other.birth.date_of_birth
        and _same_sex(one, other)
        and (not one.phones.isdisjoint(other.phones) or _same_email(one, other))
    )


def _same_parts(one: Person, other: Person) -> bool:
    firsts = False
    for mine, theirs in zip(one.names, other.names, strict=True):
        for part in ("first", "father", "grandfather", "last"):
            a, b = fold(getattr(mine, part) or ""), fold(getattr(theirs, part) or "")
            if a and b:
                if a != b:
                    return False
                firsts = firsts or part == "first"
    return firsts


def _other_identifier(one: Person, other: Person) -> bool:
    """Whether each has a number that the other has another one of, of one type and country."""
    mine, theirs = _by_kind(one), _by_kind(other)
    return any(mine[kind].isdisjoint(theirs[kind]) for kind in mine.keys() & theirs.keys())


def _by_kind(person: Person) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for each in person.identifiers:
        found.setdefault((each.type, each.issuing_country), set()).add(each.value)
    return found


def _names(one: Person, other: Person) -> float:
    return names.likeness(one.spoken, other.spoken) if one.nameless == other.nameless else 0.0


def _are_siblings(one: Person, other: Person) -> bool:
    if one.birth is None or other.birth is None or births.days_apart(one.birth, other.birth) <= SIBLINGS_APART:
        return False
    return _another_child(one, other)


def _may_be_twins(one: Person, other: Person) -> bool:
    if one.birth is None or other.birth is None or births.days_apart(one.birth, other.birth) > _TWINS_APART:
        return False
    if _another_birth_order(one, other):
        return True
    return _another_child(one, other) and not names.in_each_others_place(one.spoken, other.spoken)


def _another_child(one: Person, other: Person) -> bool:
    """Whether the family is one and the first name another."""
    if one.nameless or other.nameless or not names.one_family(one.spoken, other.spoken):
        return False
    return names.another_first_name(one.spoken, other.spoken)


def _another_birth_order(one: Person, other: Person) -> bool:
    return one.birth_order is not None and other.birth_order is not None and one.birth_order != other.birth_order


def _same_sex(one: Person, other: Person) -> bool:
    return one.sex == other.sex != UNKNOWN_SEX


def _same_email(one: Person, other: Person) -> bool:
    return one.email is not None and other.email is not None and fold(one.email) == fold(other.email)


def _guardians_phone(one: Person, other: Person) -> bool:
    """Whether a guardian's phone is one of the other's, or of the other's guardians."""
    return not (
        one.guardian_phones.isdisjoint(other.guardian_phones | other.phones)
        and one.phones.isdisjoint(other.guardian_phones)
    )


def _spoken(parts: tuple[NameParts, ...]) -> tuple[Name, ...]:
    return tuple(name for name in map(names.name_of, parts) if name is not None)
