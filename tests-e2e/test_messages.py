"""Every service says what it refuses in English and in Arabic."""

import importlib

import pytest

from jalsa.dev.texts import without_arabic

PACKAGES = ("scheduling", "patient_files", "clinical_notes", "billing", "notifications")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_message_has_its_arabic(package: str) -> None:
    assert without_arabic(importlib.import_module(f"{package}.app").SERVICE) == set()
