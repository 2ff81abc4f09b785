"""By which terms those are found who may be one person: each sound of the name with the day of birth, and contacts.

A sound and a day together are rare, so that few entries of the index are read, however many patients there are. The
terms of every patient were made by these rules: whoever changes them writes all of these terms again in a migration.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from jalsa.db.terms import Term
from jalsa.service.folding import fold
from jalsa.service.name_words import name_words
from jalsa.service.skeleton import skeletons

#: The kind of these terms.
ALIKE = "alike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What a patient has in common with a second registration of the same person.

    `names` are whole names in any alphabet; of somebody without a name they are the mother's. `born_on` is a full
    Gregorian date, or None where less is known. Phones are E.164, those of guardians among them.
    """

    names: tuple[str, ...]
    born_on: date | None
    phones: frozenset[str]
    email: str | None


def likeness_terms(known: Alike) -> frozenset[Term]:
    """The terms by which a patient is found as a possible duplicate."""
    found = {contact_term(each) for each in contacts(known)}
    if known.born_on is not None:
        found.update(day_term(known.born_on, sound) for sound in sounds(known.names))
    return frozenset(found)


def sounds(names: Iterable[str]) -> frozenset[str]:
    """How the words of some names sound; a word of another alphabet is its own sound."""
    words = {word.bare for name in names for word in name_words(name)}
    return frozenset(sound for word in words for sound in skeletons(word) or (word,))


def contacts(known: Alike) -> frozenset[str]:
    """Telephone numbers and the folded e-mail address."""
    return known.phones | ({fold(known.email)} if known.email else frozenset())


def day_term(born_on: date, sound: str) -> Term:
    """Who was born on a day, and has a name that sounds like this."""
    return Term(ALIKE, f"{born_on} {sound}")


def contact_term(contact: str) -> Term:
    """Who, or whose guardian, is reached by this number or address."""
    return Term(ALIKE, contact)
