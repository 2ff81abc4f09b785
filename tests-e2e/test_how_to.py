"""The pages of docs/how-to are followed to the letter, in a copy of what they change.

The result runs, and passes the tests that the pages themselves contain.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import how_to
import pytest
import urllib3
from scene import eventually

from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.provision import drop_database, provision
from jalsa.dev.servers import Servers
from jalsa.dev.servers.processes import free_ports

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/how-to"
ORDER = ("sixth-service", "field", "endpoint", "event", "consumer", "role")
SERVICE = Path("services/feedback")


def copied(folder: Path) -> Path:
    """A copy of what the pages change and of what the test kit reads."""
    unneeded = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for path in ("shared/src", "shared/contracts", "deploy/postgres"):
        shutil.copytree(ROOT / path, folder / path, ignore=unneeded)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def environment(root: Path) -> dict[str, str]:
    """The environment in which the copy's own packages are found before the installed ones."""
    return {
        **os.environ,
        "PYTHONPATH": f"{root / 'shared/src'}:{root / SERVICE / 'src'}",
        "MYPYPATH": str(root / SERVICE / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def check(root: Path) -> None:
    """The tests of the copied service pass, and its files have fitting types and this repository's style."""
    commands = (
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(root),
            str(SERVICE / "tests"),
        ],
        [sys.executable, "-m", "mypy", str(SERVICE / "src")],
        [sys.executable, "-m", "ruff", "check", "--no-cache", str(SERVICE)],
        [sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", str(SERVICE)],
    )
    for command in commands:
        done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@contextmanager
def running(root: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """The address of the copied service's web process, after its migration."""
    [port] = free_ports(1)
    both = {**environment(root), **settings, "HOST": "127.0.0.1", "PORT": str(port), "WEB_WORKERS": "1"}
    command = [sys.executable, "-m", "feedback"]
    subprocess.run([*command, "migrate"], cwd=root, env=both, check=True, capture_output=True)
    with (root / "web.log").open("wb") as log:
        process = subprocess.Popen([*command, "web"], cwd=root, env=both, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def is_ready(address: str) -> bool:
    """Whether a web process serves."""
    try:
        return urllib3.request("GET", f"{address}/readyz", retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_the_sixth_service_of_the_page_is_built_runs_and_passes_its_tests(
    servers: Servers, issuer: Issuer, tmp_path: Path
) -> None:
    root = copied(tmp_path)
    how_to.apply((PAGES / "sixth-service.md").read_text(), root)
    check(root)
    database = f"feedback_{secrets.token_hex(4)}"
    urls = provision(servers.postgres.url, database, secret="test", service="feedback")
    settings = {
        "DATABASE_URL": urls.app,
        "DATABASE_OWNER_URL": urls.owner,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWKS_URL": issuer.jwks_url,
        "SERVICE_JWKS_URL": issuer.service_jwks_url,
    }
    try:
        with running(root, settings) as address:
            eventually(lambda: is_ready(address), within=60)
            token = {"Authorization": f"Bearer {issuer.token('agdar', ['manager'])}"}
            answer = urllib3.request("GET", f"{address}/v1/ratings", headers=token, retries=False)
            assert (answer.status, answer.json()) == (200, {"items": [], "next_cursor": None})
    finally:
        drop_database(servers.postgres.url, database)


def test_the_changes_of_all_pages_fit_one_after_the_other_and_pass_their_tests(
    servers: Servers, tmp_path: Path
) -> None:
    root = copied(tmp_path)
    for name in ORDER:
        assert how_to.apply((PAGES / f"{name}.md").read_text(), root)
    check(root)


def test_every_page_is_followed() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {*ORDER, "README"}


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("```diff\n--- a.py\n-two\n+three\n```\n", "0 times"),
        ("```diff\n--- a.py\n-one\n+three\n```\n", "2 times"),
        ("**`a.py`**\n\n```python\nfour\n```\n", "there already"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_and_changes_nothing(page: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\none\n")
    with pytest.raises(ValueError, match=told):
        how_to.apply(page, tmp_path)
    assert (tmp_path / "a.py").read_text() == "one\none\n"
