"""The skeleton of a word, its consonants by classes, which is equal for most spellings of a name in either alphabet.

ت ث ط and t th are one class, as are ق ك خ and k q c kh, د ذ ض ظ and d dh, ج and j g, ح ه and h, ش and sh ch, س ص and
s. غ and gh are another. Vowels, و and ي, hamza and ain count at the beginning only, and no ة, ه, ح or h at the end. A
class is a capital letter, so that no skeleton is a folded word.
"""

import itertools
import re
from functools import lru_cache

_ARABIC = {
    **dict.fromkeys("تثط", "T"),
    **dict.fromkeys("قكخ", "K"),
    **dict.fromkeys("دذضظ", "D"),
    **dict.fromkeys("جگ", "J"),
    **dict.fromkeys("حه", "H"),
    **dict.fromkeys("شچ", "X"),
    **dict.fromkeys("سص", "S"),
    **dict.fromkeys("بپ", "B"),
    **dict.fromkeys("فڤ", "F"),
    **dict.fromkeys("زژ", "Z"),
    **dict(zip("غرلمن", "GRLMN", strict=True)),
}
_ARABIC_FIRST = {**_ARABIC, **dict.fromkeys("اءع", "A"), "و": "W", "ي": "Y"}
#: Each sound of Latin letters and its class. Where letters stand for sounds of several classes, the first is the usual.
_LATIN = {
    "th": "TD",
    "kh": "K",
    "dh": "D",
    "gh": "G",
    "sh": "X",
    "ch": "X",
    "ph": "F",
    **dict.fromkeys("bp", "B"),
    **dict.fromkeys("fv", "F"),
    **dict.fromkeys("ckq", "K"),
    # ج of Cairo, ق as many say it, and غ
    "g": "JKG",
    "j": "J",
    # ذ ض ظ as many say them
    "z": "ZD",
    **dict(zip("dhlmnrstx", "DHLMNRSTK", strict=True)),
}
_LATIN_FIRST = {**_LATIN, **dict.fromkeys("aeiou", "A"), "w": "W", "y": "Y"}
_SOUNDS = re.compile("[tkdgsc]h|ph|[a-z]")
#: «عبد» with what follows, which begins with one l, two or none, because the article's is left out or becomes another.
_SERVANT = re.compile("^ABDL*(?=.)")
#: The same where the end is missing.
_SERVANT_BEGUN = re.compile("^ABDL*(?=[^L])")
#: «الدين» as a word, and at the end of another.
FAITH = "DN"
_WITH_FAITH = re.compile("(.{2,})(?:الدين|[aeou][ld]d(?:i|ee|ie|y)ne?)")
#: How many skeletons a word has at most.
_MOST = 6

#: Short forms, and spellings that have lost or changed a consonant, each with the spelling that has it.
SHORT_FORMS = {
    **dict.fromkeys(("mohd", "muhd", "mohmd", "mhd", "md", "mohmed"), "mohammed"),
    **dict.fromkeys(("abdo", "abdu", "abdou"), "abdh"),
    **dict.fromkeys(("osman", "usman"), "othman"),
    "brahim": "ibrahim",
    **dict.fromkeys(("jasmine", "jasmin"), "yasmin"),
    **dict.fromkeys(("taha", "taaha"), "tah"),
}


def skeleton(word: str) -> str:
    """The usual skeleton of a folded word, which is empty where it has no letter of either alphabet."""
    return next(iter(skeletons(word)), "")


@lru_cache(maxsize=10_000)
def skeletons(word: str) -> tuple[str, ...]:
    """All skeletons of a folded word, the usual one first. A letter such as g stands for sounds of several classes."""
    word = SHORT_FORMS.get(word, word)
    sounds = _sounds(word)
    if len(sounds) > 1 and sounds[-1] == "H" and word[-1] in "هحh":
        # ة after a long vowel is a t as often as it is nothing
        sounds[-1] = "-T" if word.endswith("اه") else "-"
    return _combined(sounds, _SERVANT)


def begun_skeletons(word: str) -> tuple[str, ...]:
    """With what the skeletons of the words begin that begin with this, of which the end is missing."""
    return _combined(_sounds(word), _SERVANT_BEGUN)


def before_faith(word: str) -> str | None:
    """What stands before «الدين» in a word that is often written as two, such as Salahuddin."""
    found = _WITH_FAITH.fullmatch(word)
    return found[1] if found else None


def _combined(sounds: list[str], servant: re.Pattern[str]) -> tuple[str, ...]:
    every = ("".join(one).replace("-", "") for one in itertools.islice(itertools.product(*sounds), _MOST))
    return tuple(dict.fromkeys(servant.sub("ABDL", one, count=1) for one in every if one))


def _sounds(word: str) -> list[str]:
    return _latin(word) if re.match("[a-z]", word) else _arabic(word)


def _latin(word: str) -> list[str]:
    sounds: list[str] = []
    end = -1
    for sound in _SOUNDS.finditer(word):
        classes = (_LATIN if sound.start() else _LATIN_FIRST).get(sound[0])
        if classes is None:
            continue
        # a doubled consonant counts once
        if sound.start() != end or classes[0] != sounds[-1][0]:
            sounds.append(classes)
        end = sound.end()
    return sounds


def _arabic(word: str) -> list[str]:
    found = [_ARABIC_FIRST.get(word[:1], ""), *(_ARABIC.get(letter, "") for letter in word[1:])]
    return [one for one in found if one]
