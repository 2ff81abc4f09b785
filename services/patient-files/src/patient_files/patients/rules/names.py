"""Names in parts, in two scripts, and the one name by which a patient is shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from jalsa.service.characters import clean_line, is_blank, is_visible
from jalsa.service.errors import Message
from jalsa.service.folding import fold
from patient_files.patients.rules.refusals import RefusedValue

#: The parts of a name in the order in which they are said; each has `_en` (Latin script) and `_ar` (Arabic).
PARTS = ("first_name", "father_name", "grandfather_name", "last_name")
SCRIPTS = ("en", "ar")
FIELDS = tuple(f"{part}_{script}" for script in SCRIPTS for part in PARTS)
LONGEST = 120

#: Whose identity is certain; who was born here and has no name yet; who could not say who he is.
KNOWN, NEWBORN, UNKNOWN = "KNOWN", "NEWBORN", "UNKNOWN"
IDENTITY_STATUSES = (KNOWN, NEWBORN, UNKNOWN)

_BABY_OF = {"en": "Baby of {mother}", "ar": "مولود {mother}"}
_UNKNOWN_PATIENT = {"en": "Unknown patient {file_number}", "ar": "مريض مجهول {file_number}"}
_TWIN = "{name} ({order})"


@dataclass(frozen=True, slots=True)
class DisplayNames:
    """One line in each script. Where nothing is known in a script it is the other's, and never transliterated."""

    en: str
    ar: str


@dataclass(frozen=True, slots=True)
class NameParts:
    """What is known of a name in one script."""

    first: str | None = None
    father: str | None = None
    grandfather: str | None = None
    last: str | None = None

    @property
    def full(self) -> str:
        """The parts in the order in which they are said; empty where none is known."""
        return " ".join(part for part in (self.first, self.father, self.grandfather, self.last) if part)


def name_part(given: str) -> str | None:
    """A part of a name as it is stored: one line of 1 to 120 characters, cleaned; None where it stands for nothing.

    Nothing at all and punctuation alone stand for nothing. Raises RefusedValue for controls and halves of characters,
    for a text that is too long, and for one that shows neither a letter nor a digit nor a symbol.
    """
    if given == "":
        return None
    try:
        text = clean_line(given)
    except ValueError:
        raise RefusedValue(Message("Must not contain control characters.")) from None
    if len(text) > LONGEST:
        raise RefusedValue(Message("Must be {least} to {most} characters.", least=1, most=LONGEST))
    if is_visible(text) and fold(text):
        return text
    if text and not is_blank(text):
        return None
    raise RefusedValue(Message("Must contain a letter, a digit or a symbol."))


def has_name(parts: Iterable[NameParts]) -> bool:
    """Whether one part is known in one script, which is what a patient whose identity is known must have."""
    return any(each.full for each in parts)


def display_names(english: NameParts, arabic: NameParts) -> DisplayNames:
    """How a person is shown, by the parts of the name alone; both lines are empty where no part is known."""
    return DisplayNames(english.full or arabic.full, arabic.full or english.full)


def baby_of(mother: DisplayNames, birth_order: int | None) -> DisplayNames:
    """How somebody is shown who has no name yet; `birth_order` tells the children of one birth apart."""
    names = [_BABY_OF[script].format(mother=getattr(mother, script)) for script in SCRIPTS]
    if birth_order is not None:
        names = [_TWIN.format(name=name, order=birth_order) for name in names]
    return DisplayNames(*names)


def unknown_patient(file_number: str) -> DisplayNames:
    """How somebody is shown of whom nobody knows who it is."""
    return DisplayNames(*(_UNKNOWN_PATIENT[script].format(file_number=file_number) for script in SCRIPTS))


def never_null(english: str | None, arabic: str | None) -> str:
    """A part of the English name for consumers that have always had one: else the Arabic part, else nothing."""
    return english or arabic or ""
