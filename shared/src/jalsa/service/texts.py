"""Messages in Arabic. A message is written in English where it arises, and is said in Arabic by a table, `ar.po`.

Libraries hand over their messages with the values already in them ("Must be one of: a, b."). Those are recognised by
the templates of the table.
"""

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

from babel.messages.pofile import read_po

from jalsa.service.errors import Message
from jalsa.service.problems import Speaker

#: What a caller can ask for by Accept-Language. The first is what everybody else gets.
LANGUAGES = ("en", "ar")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
#: Longer messages have no template. It bounds the work of looking for one.
_MAX_RECOGNISED = 500


class Texts:
    """The Arabic of what some packages say, from the file `ar.po` of each, as far as it has one."""

    def __init__(self, packages: Iterable[str]) -> None:
        self.arabic: dict[str, str] = {}
        for package in packages:
            self.arabic.update(_read(package))
        self._templates = [(_recogniser(template), template) for template in self.arabic if "{" in template]

    def speaker(self, language: str) -> Speaker:
        """What says a message in `language`, one of LANGUAGES. What has no Arabic stays English."""
        return self._in_arabic if language == "ar" else str

    def _in_arabic(self, message: str) -> str:
        if isinstance(message, Message) and message.values:
            return self._formatted(message.template, message.values)
        if known := self.arabic.get(message):
            return known
        if len(message) <= _MAX_RECOGNISED:
            for pattern, template in self._templates:
                if found := pattern.fullmatch(message):
                    return self._formatted(template, found.groupdict())
        return message

    def _formatted(self, template: str, values: Mapping[str, object]) -> str:
        """A value that is itself a message of the table, such as the name of a record, is said in Arabic as well."""
        told = {name: self.arabic.get(str(value), value) for name, value in values.items()}
        return self.arabic.get(template, template).format(**told)


def _read(package: str) -> dict[str, str]:
    table = files(package).joinpath("ar.po")
    if not table.is_file():
        return {}
    with table.open("rb") as file:
        catalog = read_po(file, locale="ar", abort_invalid=True)
    return {str(each.id): str(each.string) for each in catalog if each.id and each.string}


def _recogniser(template: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(template)  # text and names in turn
    return re.compile("".join(f"(?P<{part}>.+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
