"""Folding makes what people take for the same spelling the same text, for searching and for telling names apart.

It is a table from characters to texts, so that it is the same in Python and in PostgreSQL, whatever the version of
Unicode or the locale of either. `jalsa.db.schema.create_folding` makes the function `fold` of the same table. A text
that is stored or indexed as folded depends on it, so it never changes, and a better table is a new function beside it.

Latin letters lose case and diacritics, Arabic ones their vowel signs, hamza seats, dots of the final ya and ta marbuta,
and their typographic shapes. Persian and Urdu letters become the Arabic ones that a Saudi keyboard has instead of them.
Digits become those of ASCII. Invisible marks go, spaces become single plain ones, and apostrophes and dashes are alike.
"""

import re
import unicodedata
from collections.abc import Iterable

#: Marks upon letters, and what shows nothing, in ranges, as both kinds of regular expression read them in brackets.
_DROPPED = (
    ("\u00ad", "\u00ad"),
    ("\u0300", "\u036f"),  # combining marks, the grapheme joiner among them
    ("\u0610", "\u061a"),
    ("\u061c", "\u061c"),
    ("\u0640", "\u0640"),  # tatweel
    ("\u064b", "\u065f"),
    ("\u0670", "\u0670"),
    ("\u0674", "\u0674"),  # high hamza
    ("\u06d6", "\u06dc"),
    ("\u06df", "\u06e8"),
    ("\u06ea", "\u06ed"),
    ("\u0897", "\u089f"),
    ("\u08ca", "\u08e1"),
    ("\u08e3", "\u08ff"),
    ("\u115f", "\u1160"),
    ("\u180b", "\u180f"),
    ("\u1ab0", "\u1aff"),
    ("\u1dc0", "\u1dff"),
    ("\u200b", "\u200f"),
    ("\u202a", "\u202e"),
    ("\u2060", "\u206f"),
    ("\u20d0", "\u20ff"),
    ("\u2800", "\u2800"),
    ("\u3164", "\u3164"),
    ("\ufe00", "\ufe0f"),
    ("\ufe20", "\ufe2f"),
    ("\ufe70", "\ufe7f"),  # vowel signs on their own
    ("\ufeff", "\ufeff"),
    ("\uffa0", "\uffa0"),
    ("\ufff9", "\ufffb"),
    ("\U000e0000", "\U000e01ef"),
)
_SPACES = (
    "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
#: Whole blocks of letters, long complete, whose characters are taken apart, freed of marks, and made lower case.
_TAKEN_APART = (
    ("\u00a1", "\u024f"),  # Latin
    ("\u0620", "\u064a"),  # Arabic
    ("\u0671", "\u06d3"),
    ("\u1e00", "\u1eff"),  # Latin with several marks
    ("\u2c60", "\u2c7f"),
    ("\ufb00", "\ufb06"),  # ligatures of Latin
    ("\ufb50", "\ufbb1"),  # shapes and ligatures of Arabic
    ("\ufbd3", "\ufd3d"),
    ("\ufd50", "\ufd8f"),
    ("\ufd92", "\ufdc7"),
    ("\ufdf0", "\ufdfc"),
    ("\ufe80", "\ufefc"),
    ("\uff01", "\uff5e"),  # wide ASCII
)
#: What a character becomes after that. These results stay as they are.
_BECOMES = {
    **dict(zip("ٱٲٳىیېےۍێؠؽؾؿکڪګھہۀۂۃەةۆۇۈۋ", "اااييييييييييكككهههههههوووو", strict=True)),
    **dict(zip("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789", strict=True)),
    **dict(zip("đðħıłøŧƶ", "ddhilotz", strict=True)),
    **dict.fromkeys("‘’‛ʹʻʼʽ´`′", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("“”„«»", '"'),
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ŋ": "n",
}


def _table() -> dict[str, str]:
    """Every character that becomes something else, and what."""
    table = {chr(n): chr(n).lower() for n in range(ord("A"), ord("Z") + 1)}
    table |= dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f" + _SPACES, " ")
    for first, last in _TAKEN_APART:
        table |= {chr(n): _taken_apart(chr(n)) for n in range(ord(first), ord(last) + 1)}
    table |= _BECOMES
    for first, last in _DROPPED:
        table |= {chr(n): "" for n in range(ord(first), ord(last) + 1)}
    return {character: folded for character, folded in table.items() if character != folded}


def _taken_apart(character: str) -> str:
    parts = unicodedata.normalize("NFKD", character)
    letters = unicodedata.normalize("NFKD", "".join(part for part in parts if not _is_dropped(part)).casefold())
    return "".join(_BECOMES.get(letter, letter) for letter in letters if not _is_dropped(letter)).strip()


def _is_dropped(character: str) -> bool:
    return any(first <= character <= last for first, last in _DROPPED)


#: What each character becomes. Those that are not in it stay.
TABLE = _table()
#: What most names are made of, the commonest first.
_COMMON = " الميةنرحعدسهبتكوقفأشصجإزطخثضآىغذظئؤء" + "aeinrlohtsmdukycgbfwjpvzqx" + "0123456789'-."
_TRANSLATION = str.maketrans(TABLE)
_ARTICLE = re.compile(r"(ال|al-)(?=.{3})")


def fold(text: str) -> str:
    """A text as it is compared: `fold` of the database gives the same."""
    return re.sub(" +", " ", text.translate(_TRANSLATION)).strip(" ")


def words(text: str) -> list[str]:
    """The folded words to look for, without quotation marks, and without the Arabic article, which many leave out."""
    found = (word.strip("\"'") for word in fold(text).split(" "))
    return [_ARTICLE.sub("", word, count=1) if _ARTICLE.match(word) else word for word in found if word]


def function_body() -> str:
    """The same in PL/pgSQL, for a parameter `value`. ASCII, which much text is, needs one step less."""
    # `translate` looks for each character from the front
    one = {character: folded for character in _COMMON if len(folded := fold(character) or character) == 1}
    several: dict[str, str] = {}
    for character, folded in TABLE.items():
        if not character.isascii() and folded:
            (one if len(folded) == 1 else several)[character] = folded
    dropped = "".join(f"\\U{ord(first):08x}-\\U{ord(last):08x}" for first, last in _DROPPED)
    dropped += "".join(character for character, folded in TABLE.items() if not folded and not _is_dropped(character))
    pairs = "|".join(character + folded for character, folded in several.items())
    return f"""
        DECLARE
          folded text = lower(value COLLATE "C");
          pair text;
        BEGIN
          IF octet_length(folded) > char_length(folded) THEN
            folded = translate(regexp_replace(folded, '[{dropped}]', '', 'g'),
                               {_literal(one)}, {_literal(one.values())});
            IF folded ~ '[{"".join(several)}]' THEN
              FOREACH pair IN ARRAY string_to_array({_literal(pairs)}, '|') LOOP
                folded = replace(folded, left(pair, 1), substr(pair, 2));
              END LOOP;
            END IF;
          END IF;
          RETURN btrim(regexp_replace(translate(folded, '`', ''''), '[ \\t\\n\\v\\f\\r\\x1c-\\x1f]+', ' ', 'g'), ' ');
        END
    """


def _literal(characters: Iterable[str]) -> str:
    quoted = "".join(characters).replace("'", "''")
    return f"'{quoted}'"
