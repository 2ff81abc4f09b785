"""A server that tests use, which is given or private. Tests may stop, freeze, kill and empty a private one."""

import shutil
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from jalsa.dev.cluster import ServerError
from jalsa.dev.servers.processes import OwnedProcess, wait_until

S = TypeVar("S", bound="Server")


class Server(ABC):
    """A server that we may use and did not start."""

    name: ClassVar[str]
    #: How many seconds it may take until it answers.
    patience: ClassVar[float]

    def wait(self, within: float | None = None) -> None:
        """Waits until the server answers. Raises ServerError after `within` seconds."""
        wait_until(self._answers, self.name, self.patience if within is None else within, self._failure)

    def close(self) -> None:  # noqa: B027 (a given server is left alone)
        """Ends what we started, which is nothing of a given server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @abstractmethod
    def _answers(self) -> bool: ...

    def _failure(self) -> str:
        return ""


class PrivateServer(Server):
    """A server of our own in a temporary folder, on free ports that it keeps through every restart."""

    folder: Path
    _process: OwnedProcess | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        self._process = self._start_process()

    def start(self) -> None:
        self.launch()
        self.wait()

    def kill(self) -> None:
        """Sends SIGKILL to all of the server's processes. What was not on disk is gone."""
        self._running().kill()
        self._process = None

    def pause(self) -> None:
        """Freezes the server. Connections stay open and nobody answers."""
        self._running().pause()

    def resume(self) -> None:
        self._running().resume()

    def close(self) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def _start_process(self) -> OwnedProcess: ...

    def _stop(self, with_signal: signal.Signals) -> None:
        self._running().stop(with_signal)
        self._process = None

    def _failure(self) -> str:
        return self._running().failure()

    def _running(self) -> OwnedProcess:
        if self._process is None:
            raise ServerError(f"The private {self.name} is not running.")
        return self._process


def ready(server: S) -> S:
    """Returns a launched server once it answers. Closes it and raises ServerError where it does not."""
    try:
        server.wait()
    except BaseException:
        server.close()
        raise
    return server
