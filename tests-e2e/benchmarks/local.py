"""The local run: seconds until ready at the second start, and the memory of all of its processes."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from jalsa.dev.servers.processes import free_ports


def measure() -> dict[str, Any]:
    """Two starts on the same data, and figures of the second."""
    with tempfile.TemporaryDirectory(prefix="jalsa bench ") as folder:
        Path(folder).chmod(0o755)
        [port] = free_ports(1)
        first = _start(Path(folder), port)
        second = _start(Path(folder), port)
    return {"first": first["seconds"], "second": second["seconds"], "pss": second["pss"], "rss": second["rss"]}


def _start(folder: Path, port: int) -> dict[str, float]:
    environment = {**os.environ, "JALSA_PORT": str(port), "JALSA_DATA": str(folder / "data")}
    command = [str(Path(sys.executable).parent / "jalsa"), "run"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"ready after ([0-9.]+) s", line):
                break
        else:
            raise RuntimeError("the local run ended before it was ready")
        time.sleep(3)  # the first reading of the feeds
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        memory = [member.memory_full_info() for member in tree]
        return {
            "seconds": float(found[1]),
            "pss": sum(m.pss for m in memory) / 2**20,
            "rss": sum(m.rss for m in memory) / 2**20,
        }
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
