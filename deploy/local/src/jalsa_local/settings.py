"""What the environment says of the local run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


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
        return f"http://127.0.0.1:{self.port}"
