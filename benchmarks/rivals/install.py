"""Fetches the engines that no Python package brings, into a folder of their own; says of each why it is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import Final

FOLDER: Final = Path(os.environ.get("POSADA_RIVALS", ".rivals")).resolve()
NODE: Final = FOLDER / "node"
RESTATE: Final = NODE / "node_modules" / ".bin" / "restate-server"
TEMPORAL: Final = FOLDER / "bin" / "temporal"
RESTATE_PACKAGE: Final = "@restatedev/restate-server@1.7.12"
TEMPORAL_MODULE: Final = "github.com/temporalio/cli/cmd/temporal@v1.5.1"
TIMEOUT_S: Final = 1800.0


def nothing() -> None:
    """Some need nothing more."""


def restate_missing() -> str | None:
    """Fetch Restate's server unless it is there; why it is not there, else None."""
    npm = ["npm", "install", "--silent", "--ignore-scripts", "--no-save", "--prefix", str(NODE), RESTATE_PACKAGE]
    return _fetched(RESTATE, npm, {})


def temporal_missing() -> str | None:
    """Build Temporal's command line unless it is there; why it is not there, else None."""
    go = ["go", "install", "-ldflags=-s -w", TEMPORAL_MODULE]
    return _fetched(TEMPORAL, go, {"GOBIN": str(TEMPORAL.parent)})


def _fetched(program: Path, argv: list[str], env: Mapping[str, str]) -> str | None:
    if program.exists():
        return None
    tool = which(argv[0])
    if tool is None:
        return f"{argv[0]} is not installed"
    sys.stderr.write(f"fetching {program.name}: {' '.join(argv)}\n")
    program.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            [tool, *argv[1:]], env={**os.environ, **env}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"`{' '.join(argv)}` did not end within {TIMEOUT_S:g} s"
    if done.returncode or not program.exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        return f"`{' '.join(argv)}` failed: {said[-1] if said else 'without a word'}"
    return None
