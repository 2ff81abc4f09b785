"""What can be seen of a text, and what a pasted name, number or address is freed of before it is stored."""

import re
import unicodedata

#: Characters that show nothing and say nothing in a line: soft hyphens, direction marks, zero-width spaces, the byte
#: order mark, annotation and tag characters.
INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
#: The zero-width non-joiner and joiner. Inside a word they choose the shapes of letters. Elsewhere they say nothing.
JOINERS = "\u200c\u200d"
#: Spaces of any width, also those at which no line is broken.
SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
#: Letters and symbols by their category that are blank all the same.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")

_REMOVED = re.compile(f"[{INVISIBLE}]+")
_SPACE = re.compile(f"[{SPACES}]")
_JOINED = re.compile(f"(?<=[^ {JOINERS}])([{JOINERS}])[{JOINERS}]*(?=[^ {JOINERS}])|[{JOINERS}]+")
#: Controls of both sets, separators of lines and paragraphs, and halves of surrogate pairs.
_NOT_IN_A_LINE = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]")
#: The same, but for tabs and the ends of lines, and with what turns the direction of text.
_NOT_IN_TEXT = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean_line(text: str) -> str:
    """One line in Unicode's composed form (NFC), trimmed and without invisible marks. Each space is a plain one.

    A joiner stays between two visible characters. Raises ValueError for a control character or half a character.
    """
    text = text.strip()
    if _NOT_IN_A_LINE.search(text):
        raise ValueError("control characters")
    plain = _REMOVED.sub("", _SPACE.sub(" ", text))
    return unicodedata.normalize("NFC", _JOINED.sub(r"\1", plain)).strip()


def clean_value(text: str) -> str:
    """A number, an identifier or an address: a clean line with digits of ASCII, and without any joiner."""
    return unjoined(clean_line(text)).strip().translate(_DIGITS)


def unjoined(text: str) -> str:
    """A text without any joiner."""
    return re.sub(f"[{JOINERS}]", "", text)


def is_text(text: str) -> bool:
    """Whether a text of several lines holds neither controls nor what turns the direction of text."""
    return not _NOT_IN_TEXT.search(text)


def is_visible(text: str) -> bool:
    """Whether a text shows something that is not punctuation: a letter, a digit or a symbol."""
    return any(unicodedata.category(character)[0] in "LNS" and character not in _BLANK for character in text)


def is_blank(text: str) -> bool:
    """Whether a text shows nothing at all."""
    return not is_visible(text) and not any(unicodedata.category(character)[0] == "P" for character in text)
