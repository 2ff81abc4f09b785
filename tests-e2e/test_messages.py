"""Every service says what it refuses in English and in Arabic."""

import pytest

from jalsa.dev.texts import without_arabic
from jalsa_local.services import load_all

SERVICES = load_all()


@pytest.mark.parametrize("name", SERVICES)
def test_every_message_has_its_arabic(name: str) -> None:
    assert without_arabic(SERVICES[name]) == set()
