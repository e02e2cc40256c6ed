"""Starts and ends a server of our own: one process that works on one folder and never on the same one twice."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Final

from deploy.local.backend import OwnBackend, Progress
from deploy.local.processes.folders import only_one_starts
from deploy.local.processes.process import BackendFailed, Process, refuse_if_running, wait_until_answering

START_TIMEOUT_S: Final = 60.0


class EmbeddedServer(OwnBackend):
    """A server that we run ourselves; `called` names its files in the folder."""

    called: ClassVar[str]

    def __init__(self, data_dir: Path, on_progress: Progress) -> None:
        self._folder = data_dir.resolve()
        self._on_progress = on_progress
        self._process: Process | None = None

    @abstractmethod
    def _prepared(self) -> Process:
        """Set up what is missing in the folder, and give the server's process, not yet started."""

    @property
    def log_file(self) -> Path:
        """Where the server writes its log."""
        return self._folder / f"{self.called}.log"

    @property
    def process(self) -> Process:
        """The server's process, to look at it; raises BackendFailed before the first start."""
        if self._process is None:
            raise BackendFailed(f"{self.name} was not started")
        return self._process

    def start(self) -> None:
        """Start the server and return when it serves clients; does nothing when it runs.

        Raises AlreadyRunning when another process works on the folder, and BackendFailed, with the end of the log,
        when the server does not come up.
        """
        if self.alive:
            return
        with only_one_starts(self._folder):
            refuse_if_running(self.name, self._pid_file)
            prepared = self._prepared()
            self._on_progress(f"starting {self.name}")
            self._process = prepared
            self._process.start()
        wait_until_answering(self._process, self.answers, START_TIMEOUT_S)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End the server, with all that it started."""
        if self._process is not None:
            self._process.kill()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    def freeze(self) -> None:
        self.process.pause()

    def thaw(self) -> None:
        self.process.resume()

    @property
    def _pid_file(self) -> Path:
        return self._folder / f"{self.called}.pid"
