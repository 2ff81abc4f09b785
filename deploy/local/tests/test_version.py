"""The product's version is written once, in `jalsa.VERSION`."""

import re
import tomllib

from jalsa import VERSION
from jalsa_local.services import ROOT


def test_it_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_no_package_has_a_version_of_its_own() -> None:
    """The packages are parts of one product and are never published alone."""
    for path in [*ROOT.glob("services/*/pyproject.toml"), ROOT / "deploy/local/pyproject.toml"]:
        assert tomllib.loads(path.read_text())["project"]["version"] == "0", path
    shared = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())
    assert shared["project"]["dynamic"] == ["version"]
    assert shared["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "jalsa.VERSION"}
