"""What the environment says of the local run, and where a run answers."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import urllib3


@dataclass(frozen=True)
class Settings:
    """What the environment says of the local run."""

    port: int
    data: Path
    amqp_url: str

    @classmethod
    def from_env(cls) -> "Settings":
        """Raises SystemExit with one clear line for a bad value."""
        port = os.environ.get("JALSA_PORT", "8080")
        if not port.isdigit() or not 0 < int(port) < 65536:
            sys.exit("JALSA_PORT must be a port number.")
        data = Path(os.environ.get("JALSA_DATA", ".jalsa")).resolve()
        return cls(int(port), data, os.environ.get("AMQP_URL", "memory://"))

    @property
    def base_url(self) -> str:
        """Where the gateway's paths are."""
        return base_url(self.port)


def base_url(port: int) -> str:
    """Where the gateway's paths are on a port of this machine."""
    return f"http://127.0.0.1:{port}"


@dataclass(frozen=True)
class Running:
    """Where a run answers, as the port of the gateway, and the port of the metrics, which the gateway does not publish.

    The run writes it into its data folder, so that the other commands need no JALSA_PORT.
    """

    port: int
    metrics_port: int

    @property
    def base_url(self) -> str:
        """Where the gateway's paths are."""
        return base_url(self.port)

    def write(self, data: Path) -> None:
        """Let the other commands know."""
        fresh = data / f"{_RUN_FILE}.new"
        fresh.write_text(json.dumps(asdict(self)))
        fresh.rename(data / _RUN_FILE)

    @classmethod
    def on(cls, data: Path) -> "Running":
        """The run on a data folder. Raises SystemExit with one clear line where none answers."""
        try:
            running = cls(**json.loads((data / _RUN_FILE).read_text()))
            index = urllib3.request("GET", running.base_url, retries=False, timeout=5).json()
        except (OSError, ValueError, TypeError, urllib3.exceptions.HTTPError):
            index = None
        if not isinstance(index, dict) or index.get("name") != "Jalsa":
            sys.exit(f"jalsa: no run answers on {data}; start one with `make run`, or name its folder in JALSA_DATA.")
        return running


_RUN_FILE = "run.json"
