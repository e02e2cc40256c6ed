"""A process is started, stopped, frozen and killed as asked, and never outlives whoever started it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.processes.process import AlreadyRunning, BackendFailed, Process, run_to_end, wait_until_answering
from deploy.local.processes.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "program.log"


@pytest.fixture
def sleeper(log: Path) -> Iterator[Process]:
    process = Process("sleeper", SLEEP, None, log)
    yield process
    process.kill()


def python(code: str, log: Path, env: dict[str, str] | None = None, pid_file: Path | None = None) -> Process:
    return Process("program", [sys.executable, "-c", code], env, log, pid_file=pid_file)


def status(pid: int | None) -> str:
    return str(psutil.Process(pid).status())


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or status(pid) == psutil.STATUS_ZOMBIE


def test_output_and_environment_reach_the_program(log: Path) -> None:
    run_to_end(python("import os; print(os.environ['ROOM'])", log, {"ROOM": "sea view"}), 10)

    assert log.read_text() == "sea view\n"


def test_stop_asks_first(sleeper: Process) -> None:
    sleeper.start()
    assert sleeper.returncode is None

    sleeper.stop()

    assert not sleeper.alive
    assert sleeper.returncode == -signal.SIGTERM


def test_stop_kills_what_does_not_listen(log: Path) -> None:
    process = python(DEAF, log)
    process.start()
    assert wait_until(lambda: "deaf" in process.log_tail(), 10)

    process.stop(grace_s=0.2)

    assert process.returncode == -signal.SIGKILL


def test_kill_takes_along_what_the_program_started(log: Path) -> None:
    process = python(PARENT, log)
    process.start()
    assert wait_until(lambda: "ready" in process.log_tail(), 10)
    (child,) = psutil.Process(process.pid).children()

    process.kill()

    assert process.returncode == -signal.SIGKILL
    assert wait_until(lambda: gone(child.pid), 5)


def test_a_frozen_program_runs_on_when_resumed_and_can_be_stopped(sleeper: Process) -> None:
    sleeper.start()

    sleeper.pause()
    assert wait_until(lambda: status(sleeper.pid) == psutil.STATUS_STOPPED, 5)
    assert sleeper.alive
    sleeper.resume()
    assert wait_until(lambda: status(sleeper.pid) != psutil.STATUS_STOPPED, 5)
    sleeper.pause()
    sleeper.stop()

    assert sleeper.returncode == -signal.SIGTERM


def test_it_has_a_process_group_of_its_own(sleeper: Process) -> None:
    sleeper.start()

    assert sleeper.pid is not None
    assert os.getpgid(sleeper.pid) == sleeper.pid != os.getpgrp()


def test_starting_twice_and_stopping_twice_is_harmless(sleeper: Process) -> None:
    sleeper.stop()
    sleeper.start()
    pid = sleeper.pid
    sleeper.start()
    assert sleeper.pid == pid

    sleeper.stop()
    sleeper.stop()
    sleeper.kill()

    assert sleeper.pid is None


def test_it_outlives_the_thread_that_started_it(sleeper: Process) -> None:
    thread = threading.Thread(target=sleeper.start)
    thread.start()
    thread.join()
    time.sleep(0.2)

    assert sleeper.alive


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's tie is Linux's")
def test_it_dies_when_whoever_started_it_is_killed(log: Path) -> None:
    code = f"""
import time
from pathlib import Path
from deploy.local.processes.process import Process
process = Process("sleeper", {SLEEP!r}, None, Path({str(log)!r}))
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
    finally:
        parent.kill()
        parent.communicate()

    assert wait_until(lambda: gone(pid), 5)


def test_a_second_start_on_the_same_pid_file_is_refused(log: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "program.pid"
    first = Process("program", SLEEP, None, log, pid_file=pid_file)
    first.start()
    try:
        with pytest.raises(AlreadyRunning, match=f"already runs as process {first.pid}"):
            python("", log, pid_file=pid_file).start()
    finally:
        first.kill()

    run_to_end(python("", log, pid_file=pid_file), 10)
    assert not pid_file.exists()


@pytest.mark.parametrize(
    "note",
    ["", "no json", "[]", '{"pid": 1}', f'{{"pid": {os.getpid()}, "started": 1.0}}'],
    ids=["empty", "no json", "a list", "no start", "another start"],
)
def test_a_pid_file_that_says_nothing_true_is_passed_over(log: Path, tmp_path: Path, note: str) -> None:
    pid_file = tmp_path / "program.pid"
    pid_file.write_text(note)

    run_to_end(python("", log, pid_file=pid_file), 10)


def test_a_program_that_ends_early_is_reported_with_its_last_words(log: Path) -> None:
    process = python("print('out of rooms'); raise SystemExit(3)", log)
    process.start()

    with pytest.raises(
        BackendFailed, match=r"ended with code 3 before it answered[\s\S]*program\.log[\s\S]*out of rooms"
    ):
        wait_until_answering(process, lambda: False, 10)


def test_a_program_that_never_answers_is_ended(log: Path) -> None:
    process = Process("sleeper", SLEEP, None, log)
    process.start()

    with pytest.raises(BackendFailed, match=r"did not answer within 0\.1 s"):
        wait_until_answering(process, lambda: False, 0.1)

    assert not process.alive


def test_a_program_that_is_not_there_is_named_in_the_log(log: Path) -> None:
    process = Process("nothing", ["/nowhere/at-all"], None, log)

    with pytest.raises(BackendFailed, match="cannot run /nowhere/at-all"):
        run_to_end(process, 10)
