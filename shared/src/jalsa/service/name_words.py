"""The words of a name as they are compared, in Arabic and Latin letters, for an index of names and its questions.

People write one name with and without its article, with «بن» or without, and «عبد الرحمن» as one word or as two. Here
each becomes the same words. They are made of folded text (`jalsa.service.folding`). What is stored of them depends on
these rules, so whoever changes the rules has to write the terms of every record again.
"""

import re
from dataclasses import dataclass

from jalsa.service.folding import fold

#: «Son of» and «daughter of», with which or without which many names are written.
_OF = frozenset({"بن", "ابن", "بنت", "bin", "bint", "ibn"})
#: The article as a word of its own, and the house of a family («آل»), which folds to the same.
_ARTICLES = frozenset({"ال", "al", "el", "aal"})
#: «عبد» makes one name with the next word, however its article is spelled. So do «أبو» and the «با» of Hadhramaut.
_SERVANT = re.compile(r"عبد|abd([aeu]l|ool|[ue]r|[ue]s|ush|[ue]n)?")
_FIRST_PARTS = frozenset({"ابو", "ابا", "abu", "abo", "با", "ba"})
#: The article before at least three letters of its word. In Latin letters a vowel is followed by three more, because
#: many names begin like an article, such as Ali, Alia and Alawi.
_JOINED = re.compile(r"ال(?=.{3})|[ae]l(?=[^aeiouy].{2}|[aeiouy].{3})")
#: The article where its l becomes the next word's sound, as in Ash-Shehri and Ar-Rashid.
_ASSIMILATED = re.compile(r"[ae]([dnrstz]h?)")
_LETTERS = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile("['ʾʿ]")
#: How many words of a name count.
MOST_WORDS = 16


@dataclass(frozen=True, slots=True)
class NameWord:
    """A word of a name. `bare` is without its article, and `written` is with it, as one word."""

    bare: str
    written: str

    @property
    def forms(self) -> tuple[str, ...]:
        """Both, or the one that there is."""
        return (self.bare,) if self.bare == self.written else (self.bare, self.written)


def name_words(text: str) -> list[NameWord]:
    """The words of a name, or of what somebody looks for, in their order, and at most MOST_WORDS of them.

    «بن», «بنت» and a lone article are left out, unless there is nothing else.
    """
    written = _LETTERS.findall(_APOSTROPHES.sub("", fold(text)))
    words = _words(written) or [NameWord(word, word) for word in written]
    return words[:MOST_WORDS]


def _words(written: list[str]) -> list[NameWord]:
    found: list[NameWord] = []
    article, first = "", ""  # what belongs to the word that follows, where `first` is «عبد» or the like
    for word, following in zip(written, [*written, ""][1:], strict=True):
        if word in _OF:
            continue
        if first and word not in _ARTICLES:
            found.append(NameWord(first + word, first + word))
            first = ""
        elif first:
            first += word
        elif word in _ARTICLES or _is_assimilated(word, following):
            article = word
        elif not article and _is_first_part(word):
            first = word
        else:
            found.append(NameWord(word if article else _bare(word), article + word))
            article = ""
    return [*found, NameWord(first, first)] if first else found


def _is_first_part(word: str) -> bool:
    return word in _FIRST_PARTS or _SERVANT.fullmatch(word) is not None


def _bare(word: str) -> str:
    return _JOINED.sub("", word, count=1) if _JOINED.match(word) else word


def _is_assimilated(word: str, following: str) -> bool:
    found = _ASSIMILATED.fullmatch(word)
    return found is not None and following.startswith(found[1])
