"""The groups of the package. import-linter checks the imports, and these tests check what it cannot see."""

import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "shared/src/jalsa"
PRODUCTION = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py" and path.relative_to(PACKAGE).parts[0] != "dev"
)


def run(program: str) -> str:
    """What a program prints in a Python of its own, which has imported nothing yet."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_service_is_declared_without_flask() -> None:
    declared = run(
        "import sys\n"
        "from jalsa.service.declaration import Service\n"
        "from jalsa.service.policy import Readers, SYSTEM\n"
        "Service(name='lamps', title='Lamps', policy={'lamps.read': frozenset({SYSTEM})}, routes=())\n"
        "print(*({'flask', 'marshmallow', 'kombu', 'sqlalchemy', 'urllib3'} & set(sys.modules)))"
    )
    assert declared == ""


@pytest.mark.parametrize("group", ["service", "db", "events", "work"])
def test_only_the_http_group_brings_flask(group: str) -> None:
    modules = [name for name in PRODUCTION if name.split(".")[1] == group]
    assert modules
    found = run(
        f"import sys\nimport {', '.join(modules)}\nprint(*({{'flask', 'werkzeug', 'gunicorn'}} & set(sys.modules)))"
    )
    assert found == ""


def test_all_that_runs_in_production_can_do_without_what_is_for_development() -> None:
    run(f"import sys\nsys.modules['jalsa.dev'] = None\nimport {', '.join(PRODUCTION)}")


def test_what_is_for_development_does_not_reach_an_image() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    def copied(path: str) -> bool:
        """Whether Docker sees a file. The last rule that fits it, or a folder above it, decides."""
        folders = [path, *map(str, Path(path).parents)]
        fitting = [rule for rule in rules if any(fnmatch(each, rule.lstrip("!")) for each in folders)]
        return not fitting or fitting[-1].startswith("!")

    assert (PACKAGE / "dev/issuer.py").exists()
    assert copied("shared/src/jalsa/http/app.py")
    assert not [path for path in PACKAGE.rglob("*.py") if copied(str(path.relative_to(ROOT))) and "dev" in path.parts]
