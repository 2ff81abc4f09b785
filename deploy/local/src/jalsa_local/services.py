"""The services, by name. Their list is `deploy/services.txt`. Whatever cannot read it is checked against it."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from jalsa.service.declaration import Service

if TYPE_CHECKING:
    from jalsa.service.declaration import Service

#: The root of the repository, because this package is only ever installed from its checkout.
ROOT = Path(__file__).resolve().parents[4]
NAMES = tuple((ROOT / "deploy/services.txt").read_text().split())


def load_all() -> dict[str, "Service"]:
    """Every service's declaration, from its composition root."""
    return {name: importlib.import_module(f"{name.replace('-', '_')}.app").SERVICE for name in NAMES}
