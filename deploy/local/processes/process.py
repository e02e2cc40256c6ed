"""Runs one operating-system process that never outlives us: start, stop, kill, freeze, and the end of its log."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from deploy.local.processes.waiting import wait_until

STOP_GRACE_S: Final = 20.0
TAIL_LINES: Final = 20
# The start time of a process is worked out from the boot time, which follows clock corrections.
SAME_START_S: Final = 5.0
TIE: Final = Path(__file__).with_name("parent_death.py")


class BackendFailed(RuntimeError):
    """A program that Posada runs on did not start or ended early; the message says why and names its log."""


class AlreadyRunning(BackendFailed):
    """A live process already works on the same folder; the message names its pid."""


@dataclass(frozen=True)
class Account:
    """A system account: `uid` and `gid` as the system counts them."""

    name: str
    uid: int
    gid: int


class Process:
    """One program in a process group of its own, so that Ctrl-C in a terminal reaches us first.

    On Linux the kernel sends it `orphan_signal` when we end in any way, kill -9 included. With `pid_file`, a
    second start on the same file is refused while the first program lives, whoever started it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        log_file: Path,
        *,
        cwd: Path | None = None,
        pid_file: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._argv = tuple(argv)
        self._env = env
        self._cwd = cwd
        self._pid_file = pid_file
        self._account = account
        self._stop_signal = stop_signal
        self._orphan_signal = orphan_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the program runs (a frozen one does)."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """The pid of the running program, else None."""
        return self._child.pid if self._child is not None and self.alive else None

    @property
    def returncode(self) -> int | None:
        """The exit code of the last run, negative for a signal; None while it runs or before it did."""
        return None if self._child is None else self._child.poll()

    def start(self) -> None:
        """Start the program unless this object already runs it; its output is added to the log.

        Raises AlreadyRunning when the pid file names another live process.
        """
        if self.alive:
            return
        refuse_if_running(self.name, self._pid_file)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._child = _from_lasting_thread(lambda: self._spawn(log.fileno()))
        if self._pid_file is not None:
            _note_pid(self._pid_file, self._child.pid)

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the program to end, wait up to `grace_s` seconds, then kill it; does nothing when it has ended."""
        if not self.alive:
            self._forget()
            return
        self.resume()  # a frozen program answers no request
        self._signal(self._stop_signal)
        try:
            self.wait(grace_s)
        except TimeoutError:
            self.kill()
        self._forget()

    def kill(self) -> None:
        """End the program and everything it started at once, as a crash would."""
        if self._child is None:
            return
        self._signal(signal.SIGSTOP)  # it must not start others while we list them
        for process in [*self._descendants(), *self._leader()]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._child.wait()
        self._forget()

    def pause(self) -> None:
        """Freeze the program and everything it started (SIGSTOP), as a long stall would."""
        self._signal(signal.SIGSTOP)
        for process in self._descendants():
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """Let a frozen program run on (SIGCONT)."""
        for process in self._descendants():
            with suppress(psutil.NoSuchProcess):
                process.resume()
        self._signal(signal.SIGCONT)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end and return the exit code; raises TimeoutError after `timeout_s` seconds."""
        if self._child is None:
            raise BackendFailed(f"{self.name} was not started")
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout_s:g} s") from None

    def log_tail(self, lines: int = TAIL_LINES) -> str:
        """The last `lines` lines of the log."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open(encoding="utf-8", errors="replace") as log:
            return "".join(deque(log, maxlen=lines)).rstrip()

    def failure(self, what: str) -> BackendFailed:
        """An error that says what happened, where the log is and how it ends."""
        return BackendFailed(f"{self.name} {what}. Its log is {self.log_file}, and ends with:\n{self.log_tail()}")

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        account = self._account or Account("", -1, -1)
        tie = [str(number) for number in (os.getpid(), int(self._orphan_signal), account.uid, account.gid)]
        return subprocess.Popen(  # noqa: S603  # an argument list of ours, no shell
            [sys.executable, "-I", "-S", str(TIE), *tie, *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._env,
            cwd=self._cwd,
            process_group=0,
        )

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self.alive:
            self._child.send_signal(number)

    def _leader(self) -> list[psutil.Process]:
        if self._child is None or not self.alive:
            return []
        with suppress(psutil.NoSuchProcess):
            return [psutil.Process(self._child.pid)]
        return []

    def _descendants(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [child for leader in self._leader() for child in leader.children(recursive=True)]
        return []

    def _forget(self) -> None:
        if self._pid_file is not None and self._child is not None:
            self._pid_file.unlink(missing_ok=True)


def run_to_end(process: Process, timeout_s: float) -> None:
    """Start a program and wait for its end; raises BackendFailed unless it succeeds within `timeout_s` seconds."""
    process.start()
    try:
        code = process.wait(timeout_s)
    except TimeoutError:
        raise process.failure(f"did not end within {timeout_s:g} s") from None
    finally:
        process.kill()
    if code != 0:
        raise process.failure(f"ended with code {code}")


def wait_until_answering(process: Process, answers: Callable[[], bool], timeout_s: float) -> None:
    """Ask until `answers()` is true; otherwise the program is killed.

    Raises BackendFailed when it ends first or `timeout_s` seconds pass.
    """
    try:
        if wait_until(lambda: not process.alive or answers(), timeout_s) and process.alive:
            return
    except BaseException:
        process.kill()
        raise
    ended = f"ended with code {process.returncode} before it answered"
    failure = process.failure(f"did not answer within {timeout_s:g} s" if process.alive else ended)
    process.kill()
    raise failure


def refuse_if_running(name: str, pid_file: Path | None) -> None:
    """Raise AlreadyRunning when the process that `pid_file` names lives and is the one that wrote it."""
    if pid_file is None or not pid_file.exists():
        return
    try:
        note = json.loads(pid_file.read_text(encoding="utf-8"))
        process = psutil.Process(note["pid"])
        same = abs(process.create_time() - note["started"]) < SAME_START_S
        alive = same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError, KeyError, TypeError):
        return
    if alive:
        raise AlreadyRunning(
            f"{name} already runs as process {note['pid']} on {pid_file.parent}: "
            "stop it first, or choose another folder"
        )


def _note_pid(pid_file: Path, pid: int) -> None:
    with suppress(psutil.NoSuchProcess):  # it ended at once, which whoever waits for it reports
        started = psutil.Process(pid).create_time()
        pid_file.write_text(json.dumps({"pid": pid, "started": started}), encoding="utf-8")


@dataclass
class _LastingThread:
    """A thread that lives as long as the process: Linux ties a child to the thread that started it."""

    owner: int
    jobs: "queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]"

    def work(self) -> None:
        while True:
            job, future = self.jobs.get()
            try:
                future.set_result(job())
            except BaseException as error:  # whoever waits for the future gets it
                future.set_exception(error)


_thread_lock = threading.Lock()
_thread: _LastingThread | None = None


def _from_lasting_thread(job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    global _thread  # noqa: PLW0603  # one for each process, made when first needed
    with _thread_lock:
        if _thread is None or _thread.owner != os.getpid():  # a forked copy of us has no such thread
            _thread = _LastingThread(os.getpid(), queue.SimpleQueue())
            threading.Thread(target=_thread.work, name="posada-processes", daemon=True).start()
        thread = _thread
    future: Future[subprocess.Popen[bytes]] = Future()
    thread.jobs.put((job, future))
    return future.result()
