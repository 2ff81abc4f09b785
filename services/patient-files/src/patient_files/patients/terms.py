"""By which terms a patient is found, and which terms are asked for by what somebody types. No I/O.

The terms of every patient were made by these rules. Whoever changes them writes all terms again in a migration.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jalsa.db.terms import Parts, Span, Term, beginning, exactly
from jalsa.service.folding import fold
from jalsa.service.name_words import NameWord, name_words
from jalsa.service.skeleton import FAITH, before_faith, begun_skeletons, skeletons

#: The kinds of terms are a name in full, a name from each of its words on, the skeleton of a word, a number or an
#: identifier, a number backwards (by which its last digits are found), and a day of birth.
WHOLE, NAME, SKELETON, NUMBER, ENDING, BIRTH = "w", "n", "s", "d", "e", "b"

#: How well what was typed fits a patient, the best first.
EXACT, IN_ORDER, ANY_ORDER, ALIKE = MATCHES = ("EXACT", "IN_ORDER", "ANY_ORDER", "SKELETON")

#: The fewest last digits by which a number is found.
LAST_DIGITS = 4
_SAUDI = "966"
_SEPARATORS = re.compile(r"[\s()./+-]")
_DIGIT = re.compile("[0-9]")
_ARTICLE_BEGUN = re.compile(r"(?:ال|[ae]l(?=[^aeiouy]))(.{1,2})")
_NUMBER_PREFIXES = frozenset({"file", "id", "no"})
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBy:
    """What a patient is found by.

    `names` are the parts of the name in each script, in the order in which they are said. `births` are as they were
    given, in any calendar, as 2015-04-30, or 2015-04 where no more is known. Phones are E.164.
    """

    names: Sequence[Sequence[str]]
    phones: Sequence[str] = ()
    identifiers: Sequence[str] = ()
    file_numbers: Sequence[str] = ()
    births: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked of the index at once. Each of `parts` is met by any of its spans.

    With several matches, whoever meets a part fits as the match in the same place says. With a single one, all parts
    are to be met.
    """

    matches: Sequence[str]
    parts: Parts


def terms_of(known: KnownBy) -> frozenset[Term]:
    """The terms of a patient."""
    found: set[Term] = set()
    for parts in known.names:
        found.update(_name_terms(parts))
    for phone in known.phones:
        digits = phone.removeprefix("+")
        found.update((Term(NUMBER, digits), Term(ENDING, digits[::-1])))
        if digits.startswith(_SAUDI):
            found.add(Term(NUMBER, "0" + digits.removeprefix(_SAUDI)))
    for number in known.file_numbers:
        compact = _compact(fold(number))
        digits = re.sub("^[a-z]+", "", compact)
        found.update((Term(NUMBER, compact), Term(NUMBER, digits), Term(ENDING, digits[::-1])))
    found.update(Term(NUMBER, _compact(fold(identifier))) for identifier in known.identifiers)
    found.update(Term(BIRTH, birth) for birth in known.births)
    return frozenset(term for term in found if term.text)


def steps(text: str) -> Iterator[Step]:
    """What is asked of the index for a text, the best way to fit first. A text without letter or digit asks nothing."""
    folded = fold(text)
    typed = [token for token in folded.split(" ") if token]
    numbers = [token for token in typed if _DIGIT.search(token)]
    words = name_words(" ".join(token for token in typed if token not in numbers))
    if numbers and all(word.bare in _NUMBER_PREFIXES for word in words):
        number, birth = _compact(folded).removeprefix("00"), _birth(folded)
        exact = [exactly(NUMBER, number), *([beginning(BIRTH, birth)] if birth else [])]
        yield Step((EXACT, IN_ORDER), [exact, _number_spans(number)])
    elif words:
        yield from _name_steps(words, [_spans(number) for number in numbers])


def _name_terms(parts: Sequence[str]) -> Iterator[Term]:
    words = name_words(" ".join(parts))
    if not words:
        return
    for form in _forms(words):
        yield Term(WHOLE, form)
    for start in range(len(words)):
        yield from (Term(NAME, form) for form in _forms(words[start:]))
    if len(words) > 2:
        # most people are asked for by their first name and their family's
        yield from (Term(NAME, form) for form in _forms([words[0], *name_words(parts[-1])]))
    for place, word in enumerate(words):
        following = words[place + 1 : place + 2]
        # a first word may begin like an article, as Ilham does
        forms = word.forms if place == 0 else (word.bare,)
        yield from (Term(SKELETON, one) for form in forms for one in skeletons(form))
        yield from (Term(SKELETON, one) for one in _faith_skeletons(word, following))


def _forms(words: Sequence[NameWord]) -> list[str]:
    """The words as one text, the first with its article and without."""
    rest = "".join(f" {word.bare}" for word in words[1:])
    return [form + rest for form in words[0].forms]


def _faith_skeletons(word: NameWord, following: Iterable[NameWord]) -> Iterator[str]:
    if before := before_faith(word.bare):
        yield from (*skeletons(before), FAITH, *_with_faith(before))
    elif any(FAITH in skeletons(each.bare) for each in following):
        yield from _with_faith(word.bare)


def _with_faith(word: str) -> list[str]:
    return [one + FAITH for one in skeletons(word)]


def _spans(token: str) -> list[Span]:
    """What a day or a number beside words may mean. A name may have a number in it."""
    if birth := _birth(token):
        return [beginning(BIRTH, birth)]
    number = _compact(token)
    return [beginning(NAME, number), *_number_spans(number)]


def _number_spans(number: str) -> list[Span]:
    spans = [beginning(NUMBER, number)]
    if number.isdecimal() and len(number) >= LAST_DIGITS:
        spans.append(beginning(ENDING, number[::-1]))
    return spans


def _name_steps(words: Sequence[NameWord], numbers: list[list[Span]]) -> Iterator[Step]:
    typed = " ".join(word.bare for word in words)
    if not numbers:
        begun = [beginning(NAME, one) for one in dict.fromkeys((typed, *_begun(words)))]
        yield Step((EXACT, IN_ORDER), [[exactly(WHOLE, typed)], begun])
    if len(words) > 1 or numbers:
        yield Step((ANY_ORDER,), [*([beginning(NAME, word.bare)] for word in words), *numbers])
    yield from _skeleton_steps(words, numbers)


def _begun(words: Sequence[NameWord]) -> Iterator[str]:
    """The text where the last of several words may be an article with the first letters of what is being typed."""
    if len(words) > 1 and (rest := _without_article(words[-1])):
        yield " ".join([*(word.bare for word in words[:-1]), rest])


def _without_article(word: NameWord) -> str | None:
    """What follows an article, of which only one or two letters have been typed yet."""
    found = _ARTICLE_BEGUN.fullmatch(word.bare)
    return found[1] if found else None


def _skeleton_steps(words: Sequence[NameWord], numbers: list[list[Span]]) -> Iterator[Step]:
    """Asks by whole skeletons, then by the beginning of the last one, which may not have been typed to its end.

    A skeleton of a single letter says something only beside another word.
    """
    alone = len(words) == 1 and not numbers
    whole = [[exactly(SKELETON, one) for one in _sounds(word) if len(one) > 1 or not alone] for word in words]
    begun = [beginning(SKELETON, one) for one in _begun_sounds(words[-1]) if len(one) > 1 or not alone]
    if all(whole):
        yield Step((ALIKE,), [*whole, *numbers])
    if all(whole[:-1]) and begun:
        yield Step((ALIKE,), [*whole[:-1], begun, *numbers])


def _sounds(word: NameWord) -> list[str]:
    before = before_faith(word.bare)
    found = [one for form in word.forms for one in skeletons(form)]
    return list(dict.fromkeys([*found, *(_with_faith(before) if before else [])]))


def _begun_sounds(word: NameWord) -> list[str]:
    forms = (*word.forms, *filter(None, [_without_article(word)]))
    return list(dict.fromkeys(one for form in forms for one in begun_skeletons(form)))


def _compact(number: str) -> str:
    return _SEPARATORS.sub("", number)


def _birth(text: str) -> str | None:
    """A day or a month, as people write them, as the index has it."""
    if found := _YEAR_FIRST.fullmatch(text):
        parts = found.groups()
    elif found := _DAY_FIRST.fullmatch(text):
        parts = found.groups()[::-1]
    else:
        return None
    return "-".join(part.zfill(2) for part in parts if part)
