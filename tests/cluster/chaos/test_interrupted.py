"""Ctrl-C in the middle of a storm: nothing that it started runs on, and what is frozen ends as well."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.paths import ROOT

ENDS_S = 90.0


@pytest.mark.real
@pytest.mark.timeout(400)
def test_an_interrupted_storm_leaves_nothing_behind(tmp_path: Path) -> None:
    words = ["--seed", "1", "--bookings", "200", "--minutes", "1", "--report", str(tmp_path)]
    storm = subprocess.Popen([sys.executable, "-m", "chaos", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert storm.stderr is not None
    try:
        said = []
        while not (said and " sent " in said[-1]):  # the first blow has fallen
            said.append(storm.stderr.readline())
            assert said[-1], f"it ended by itself: {''.join(said)}"
        started = psutil.Process(storm.pid).children(recursive=True)
        storm.send_signal(signal.SIGINT)
        _, rest = storm.communicate(timeout=ENDS_S)
    finally:
        storm.kill()

    assert len(started) >= 5
    assert storm.returncode != 0
    assert "Traceback" not in rest
    deadline = time.monotonic() + 10  # the kernel takes a moment to bury them
    while left := [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
