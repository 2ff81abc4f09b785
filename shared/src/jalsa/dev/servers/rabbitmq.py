"""A private RabbitMQ from installed binaries, that fault tests may stop, freeze, kill and empty."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from jalsa.dev.cluster import ServerError
from jalsa.dev.servers.broker import Broker
from jalsa.dev.servers.processes import OwnedProcess, free_ports, make_folder, wait_until
from jalsa.dev.servers.server import PrivateServer, ready

_USER = "jalsa"
_POLICY = Path("/usr/sbin/policy-rc.d")

# The port mapper is a child of the broker and has a port of its own: otherwise Erlang leaves a daemon behind, or
# shares the one of the system's broker.
_COMMAND = 'epmd & exec "$0" -noinput'

_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = {user}
default_pass = {password}
loopback_users = none
disk_free_limit.absolute = 50MB
log.file.level = warning
log.console = false
"""


class PrivateRabbitMQ(PrivateServer, Broker):
    """A broker of our own in a temporary folder, on free ports that it keeps through every restart."""

    def __init__(self, program: Path) -> None:
        amqp, management, distribution, port_mapper = free_ports(4)
        password = secrets.token_hex(12)
        super().__init__(
            f"amqp://{_USER}:{password}@127.0.0.1:{amqp}/%2F", f"http://{_USER}:{password}@127.0.0.1:{management}"
        )
        self._program = program
        self.folder = make_folder()
        self._environment = _environment(self.folder, distribution, port_mapper)
        (self.folder / "rabbitmq.conf").write_text(
            _CONFIG.format(amqp=amqp, management=management, user=_USER, password=password)
        )
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")

    def stop(self) -> None:
        """Stops the broker in good order, which takes it some seconds."""
        self._stop(signal.SIGTERM)

    def restart(self) -> None:
        self.stop()
        self.start()

    def wait_for_written(self, vhost: str, queue: str) -> None:
        """Waits until a new quorum queue's name is on disk. Call it before a kill that the queue is to survive.

        RabbitMQ writes the names about once a second. A queue whose name is lost comes back without a leader, forever.
        """

        def written() -> bool:
            # the name is there, and the write that brought it is complete
            return name in file.read_bytes() and time.time() - file.stat().st_mtime > 0.3

        name = f"{'%2F' if vhost == '/' else vhost}_{queue}".encode()
        [file] = (self.folder / "data").glob("*/quorum/*/names.dets")
        wait_until(written, f"The writing of {queue}", within=10)

    def wipe(self) -> None:
        """Comes back with an empty disk, the same ports and the same user. Virtual hosts and queues are gone."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder / "data")
        self.start()

    def _start_process(self) -> OwnedProcess:
        return OwnedProcess(["/bin/sh", "-c", _COMMAND, self._program], self.folder, self._environment)


def rabbitmq_program() -> Path | None:
    """Returns the broker's own start script. Debian's wrapper on PATH insists on an account that we need not be."""
    on_path = shutil.which("rabbitmq-server")
    candidates = [Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), *([Path(on_path).resolve()] if on_path else [])]
    return next((path for path in candidates if path.exists() and path.name != "rabbitmq-script-wrapper"), None)


def may_install_rabbitmq() -> bool:
    """Tells whether we are root on a system with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_rabbitmq() -> None:
    """Installs the system's RabbitMQ package without starting its service. Raises ServerError where that fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")  # Debian's way to forbid that packages start services
        _POLICY.chmod(0o755)
    try:
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "rabbitmq-server"]):
            done = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                raise ServerError(f"apt-get {arguments[0]} failed: {done.stderr}")
    finally:
        if ours:
            _POLICY.unlink()


def private_rabbitmq() -> PrivateRabbitMQ:
    """Returns a running private broker. The caller closes it. Raises ServerError where none is or can be installed."""
    return ready(launch_private_rabbitmq())


def launch_private_rabbitmq() -> PrivateRabbitMQ:
    """As `private_rabbitmq`, without waiting until the broker answers."""
    if rabbitmq_program() is None and may_install_rabbitmq():
        install_rabbitmq()
    program = rabbitmq_program()
    if program is None:
        raise ServerError(
            "No RabbitMQ for the tests: set JALSA_TEST_AMQP_URL and JALSA_TEST_RABBITMQ_MANAGEMENT_URL, "
            "start Docker, or install the package rabbitmq-server."
        )
    broker = PrivateRabbitMQ(program)
    broker.launch()
    return broker


def _environment(folder: Path, distribution_port: int, port_mapper_port: int) -> dict[str, str]:
    """Nothing but PATH is inherited, because the system's own settings of a broker must not leak in."""
    home = folder / "home"  # Erlang keeps its cookie there
    home.mkdir()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "RABBITMQ_ALLOW_INPUT": "1",  # no shell between us and the virtual machine
        "RABBITMQ_NODENAME": f"jalsa-{folder.name}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "no-environment-file"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "ERL_EPMD_PORT": str(port_mapper_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
