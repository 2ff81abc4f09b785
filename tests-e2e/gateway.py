"""The gateway's own nginx.conf, run by an installed nginx on loopback ports in front of given copies of services."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from jalsa.dev.servers.processes import free_ports

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "gateway"
#: A test that asks for the gateway's default limits takes the file as it is deployed.
NO_LIMITS = """
limit_req_zone $binary_remote_addr zone=by_address:1m rate=10000r/s;
limit_req zone=by_address burst=10000 nodelay;
"""


@dataclass(frozen=True)
class Gateway:
    """A running nginx."""

    port: int
    folder: Path

    def address(self, service: str) -> str:
        """Where it publishes a service."""
        return f"http://127.0.0.1:{self.port}/{service}"

    def log(self) -> str:
        """Both its logs."""
        return (self.folder / "stdout").read_text() + (self.folder / "stderr").read_text()


@contextmanager
def running_gateway(
    folder: Path, copies: Mapping[str, Sequence[int]], limits: str | None = NO_LIMITS
) -> Iterator[Gateway]:
    """nginx with the deployed configuration, but for its addresses. `copies` are the ports of each service's copies.

    `limits` stands for deploy/gateway/limits.conf. None takes that file itself.
    """
    program = _nginx()
    [port] = free_ports(1)
    for name in ("stdout", "stderr"):
        (folder / name).touch()
    (folder / "limits.conf").write_text((CONFIGURATION / "limits.conf").read_text() if limits is None else limits)
    (folder / "nginx.conf").write_text(_here((CONFIGURATION / "nginx.conf").read_text(), folder, port, copies))
    process = subprocess.Popen(
        [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "stderr", "-g", "daemon off;"],
        stdin=subprocess.DEVNULL,
    )
    try:
        gateway = Gateway(port, folder)
        _await(gateway, process)
        yield gateway
    finally:
        process.terminate()
        process.wait(10)


def _nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        tell = "The gateway's tests need nginx (Debian: nginx-light)."
        if "JALSA_TEST_NGINX" in os.environ:
            pytest.fail(tell)
        pytest.skip(tell)
    return found


def _here(text: str, folder: Path, port: int, copies: Mapping[str, Sequence[int]]) -> str:
    """The configuration, on this machine. Fixed addresses take the place of the resolution of Docker's names.

    They are asked as the addresses of one name are. None is left out for a while after a failure.
    """
    groups = "".join(
        f"upstream {service}-web {{ {' '.join(f'server 127.0.0.1:{each} max_fails=0;' for each in ports)} }}\n"
        for service, ports in copies.items()
    )
    changes = {
        r"^worker_processes auto;": ("user root;\n" if os.geteuid() == 0 else "") + "worker_processes 2;",
        r"listen 8080;": f"listen 127.0.0.1:{port};",
        r"http://\$service-web:8000;": "http://$service-web;",
        r" /tmp/": f" {folder}/",
        r"/dev/std(out|err)": rf"{folder}/std\1",
        r"^http \{": f"http {{\n{groups}",
    }
    for pattern, replacement in changes.items():
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count, pattern
    return text


def _await(gateway: Gateway, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib3.request("GET", f"http://127.0.0.1:{gateway.port}/livez", retries=False, timeout=2)
        except urllib3.exceptions.HTTPError:
            assert process.poll() is None, gateway.log()
            assert time.monotonic() < deadline, gateway.log()
            time.sleep(0.05)
        else:
            return
