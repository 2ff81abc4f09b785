"""The five services, by name."""

import importlib

from jalsa.service.declaration import Service

NAMES = ("scheduling", "patient-files", "clinical-notes", "billing", "notifications")


def load_all() -> dict[str, Service]:
    """Every service's declaration, from its composition root."""
    return {name: importlib.import_module(f"{name.replace('-', '_')}.app").SERVICE for name in NAMES}
