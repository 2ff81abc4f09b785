"""Configuration is read once, and a missing or bad value is one clear line that names the variable."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import pytest

from jalsa.service.config import Config, ConfigError, setting


@dataclass(frozen=True, kw_only=True)
class LampConfig(Config):
    brightness: int = setting("how bright", pattern="[0-9]+")
    colour: str = setting("which colour", default="white")


def test_values_come_from_the_environment_and_else_from_the_defaults() -> None:
    config = LampConfig.from_env({"BRIGHTNESS": "7", "PORT": "8080", "RECONCILE_SECONDS": "1.5"})
    assert (config.brightness, config.port, config.reconcile_seconds, config.colour) == (7, 8080, 1.5, "white")
    assert config.web_threads == 8


def test_it_can_not_be_changed() -> None:
    config = Config.from_env({})
    with pytest.raises(FrozenInstanceError):
        config.port = 1  # type: ignore[misc]


def test_a_missing_value_is_named_with_its_meaning() -> None:
    with pytest.raises(ConfigError, match=r"^BRIGHTNESS is missing: how bright$"):
        LampConfig.from_env({})
    with pytest.raises(ConfigError, match=r"^DATABASE_URL is missing: PostgreSQL"):
        Config.from_env({}).require("database_url", "jwks_url")
    Config.from_env({"DATABASE_URL": "postgresql://x"}).require("database_url")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", ""),
        ("PORT", "0"),
        ("PORT", "-1"),
        ("PORT", "1000000"),
        ("PORT", "1_000"),
        ("WEB_WORKERS", "0"),
        ("WEB_THREADS", "two"),
        ("TRUSTED_PROXIES", "-1"),
        ("RECONCILE_SECONDS", "nan"),
        ("RECONCILE_SECONDS", "-1"),
        ("DATABASE_URL", "localhost:5432"),
        ("DATABASE_URL", "mysql://x/y"),
        ("AMQP_URL", "rabbitmq:5672"),
        ("JWKS_URL", "/etc/jwks.json"),
        ("BRIGHTNESS", "high"),
    ],
)
def test_a_bad_value_is_named_without_being_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as found:
        LampConfig.from_env({"BRIGHTNESS": "1", name: value})
    assert str(found.value).startswith(f"{name} is not a valid ")
    assert "\n" not in str(found.value)
    assert len(value) < 3 or value not in str(found.value).removeprefix(name)


def test_a_secret_may_come_from_a_file_and_the_variable_itself_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://from-file/db\n")
    environ = {"DATABASE_URL_FILE": str(file)}
    assert Config.from_env(environ).database_url == "postgresql://from-file/db"
    assert Config.from_env({**environ, "DATABASE_URL": "postgresql://direct/db"}).database_url.endswith("direct/db")


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "binary"):
        with pytest.raises(ConfigError, match=r"^DATABASE_URL_FILE cannot be read: "):
            Config.from_env({"DATABASE_URL_FILE": str(path)})


# The command line, with a service made for it

APP = """
from dataclasses import replace
import lamps
SERVICE = replace(lamps.ALPHA, name="lampshop")
"""


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    package = folder / "lampshop"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / "app.py").write_text(APP)
    program = "from jalsa.cli import main; main('lampshop')"
    path = f"{folder}:{Path(__file__).parent}"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "environ", "line"),
    [
        ("web", {}, "lampshop: DATABASE_URL is missing: "),
        ("worker", {"DATABASE_URL": "postgresql://x"}, "lampshop: DATABASE_RELAY_URL is missing: "),
        ("migrate", {}, "lampshop: DATABASE_OWNER_URL is missing: "),
        ("web", {"PORT": "x"}, "lampshop: PORT is not a valid int: "),
        ("web", {"LOG_LEVEL": "LOUD"}, "lampshop: LOG_LEVEL must be "),
    ],
)
def test_a_start_without_what_it_needs_ends_with_one_line(
    command: str, environ: dict[str, str], line: str, tmp_path: Path
) -> None:
    done = run(tmp_path, command, **environ)
    assert done.returncode == 1
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_the_settings_are_shown_without_their_secrets(tmp_path: Path) -> None:
    done = run(tmp_path, "config", DATABASE_URL="postgresql://u:hush@h/d", SERVICE_KEY="hush", PORT="8123")
    assert done.returncode == 0
    assert "hush" not in done.stdout
    lines = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert (lines["DATABASE_URL"], lines["SERVICE_KEY"], lines["PORT"]) == ("(set)", "(set)", "8123")
