"""How alike two names are, in one alphabet or in two."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from jalsa.service.name_words import name_words
from jalsa.service.skeleton import skeletons
from patient_files.patients.rules.names import NameParts

#: From which likeness on two words are one word with a slip of the pen.
ALIKE = 0.8
#: What a word is worth that sounds alike, and so may be another name: محمد and محمود have one skeleton.
_SOUNDS_ALIKE = 0.95
#: Below this, letters that two words have in common are chance.
_CHANCE = 0.6
#: What each word costs that one name has and the other does not, as where the father's name was left out.
_LEFT_OUT = 0.05


@dataclass(frozen=True, slots=True)
class Name:
    """The words of a name in one alphabet; `first` and `family` are None where these are not known."""

    words: tuple[str, ...]
    first: str | None
    family: str | None

    @property
    def latin(self) -> bool:
        """Whether it is in Latin letters."""
        return _is_latin(self.words[0])


def name_of(parts: NameParts) -> Name | None:
    """The name as it is compared; None where none is known."""
    words = _words(parts.full)
    if not words:
        return None
    known_first = bool(parts.first and _words(parts.first))
    known_family = bool(parts.last and _words(parts.last)) or len(words) > 1
    return Name(words, words[0] if known_first else None, words[-1] if known_family else None)


def likeness(some: Iterable[Name], others: Iterable[Name]) -> float:
    """How alike two people's names are, from 0 to 1: in the alphabet in which they are most alike."""
    return max((_likeness(one, other) for one, other in _comparable(some, others)), default=0.0)


def another_first_name(some: Iterable[Name], others: Iterable[Name]) -> bool:
    """Whether both first names are known, and are not alike in any alphabet."""
    firsts = [(a.first, b.first) for a, b in _comparable(some, others) if a.first is not None and b.first is not None]
    return bool(firsts) and not any(is_alike(a, b) for a, b in firsts)


def in_each_others_place(some: Iterable[Name], others: Iterable[Name]) -> bool:
    """Whether each has the other's first name as another word, as where two parts changed places."""
    return any(
        a.first is not None and b.first is not None and a.first in b.words and b.first in a.words
        for a, b in _comparable(some, others)
    )


def one_family(some: Iterable[Name], others: Iterable[Name]) -> bool:
    """Whether both families are known and alike in some alphabet."""
    return any(
        a.family is not None and b.family is not None and is_alike(a.family, b.family)
        for a, b in _comparable(some, others)
    )


def is_alike(one: str, other: str) -> bool:
    """Whether two words are one name, as far as spelling and slips of the pen go.

    In one alphabet they have to look alike, too: Hassan and Hussein sound alike and are the names of many twins.
    """
    if _is_latin(one) != _is_latin(other):
        return _sound_alike(one, other)
    return _written_alike(one, other) >= ALIKE


@lru_cache(maxsize=50_000)
def word_likeness(one: str, other: str) -> float:
    """How alike two folded words are, from 0 to 1."""
    if one == other:
        return 1.0
    latin = _is_latin(one)
    if (latin or _is_latin(other)) and _sound_alike(one, other):
        return _SOUNDS_ALIKE
    if latin != _is_latin(other):
        return max((_written_alike(a, b) for a in skeletons(one) for b in skeletons(other)), default=0.0)
    return _written_alike(one, other)


def _likeness(one: Name, other: Name) -> float:
    """The words are matched wherever they stand: parts are left out, and entered in each other's place."""
    shorter, longer = sorted((one.words, other.words), key=len)
    best = sorted(
        ((word_likeness(a, b), i, j) for i, a in enumerate(shorter) for j, b in enumerate(longer)),
        key=lambda match: (-match[0], abs(match[1] - match[2])),
    )
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    matched = 0.0
    for value, i, j in best:
        if value and i not in taken_a and j not in taken_b:
            taken_a.add(i)
            taken_b.add(j)
            matched += value
    # one word alone says little of a name of several
    counted = min(len(longer), max(2, len(shorter)))
    return max(0.0, matched / counted - _LEFT_OUT * (len(longer) - counted))


def _comparable(some: Iterable[Name], others: Iterable[Name]) -> Iterator[tuple[Name, Name]]:
    """The names in one alphabet, or all of them where there are none such."""
    pairs = [(one, other) for one in some for other in others]
    same = [(one, other) for one, other in pairs if one.latin == other.latin]
    yield from same or pairs


@lru_cache(maxsize=50_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(word.bare for word in name_words(text))


@lru_cache(maxsize=50_000)
def _skeletons(word: str) -> frozenset[str]:
    return frozenset(skeletons(word))


def _sound_alike(one: str, other: str) -> bool:
    return not _skeletons(one).isdisjoint(_skeletons(other))


def _written_alike(one: str, other: str) -> float:
    return OSA.normalized_similarity(one, other, score_cutoff=_CHANCE)


def _is_latin(word: str) -> bool:
    return "a" <= word[0] <= "z"
