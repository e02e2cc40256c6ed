"""Fetches the engines that no Python package brings, into a folder of their own; says of each why it is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
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


def plain_missing() -> str | None:
    """Why plain code can't be measured, else None."""
    return _not_installed("granian")


def dbos_missing() -> str | None:
    """Why DBOS can't be measured, else None."""
    return _not_installed("granian", "dbos", "psycopg", "psycopg_pool")


def restate_missing() -> str | None:
    """Fetch Restate's server unless it is there; why it can't be measured, else None."""
    npm = ["npm", "install", "--loglevel", "error", "--ignore-scripts", "--no-save", "--prefix", str(NODE)]
    return _not_installed("granian", "restate") or _fetched(RESTATE, [*npm, RESTATE_PACKAGE], {})


def temporal_missing() -> str | None:
    """Build Temporal's command line unless it is there; why it can't be measured, else None."""
    go = ["go", "install", "-ldflags=-s -w", TEMPORAL_MODULE]
    return _not_installed("granian", "temporalio") or _fetched(TEMPORAL, go, {"GOBIN": str(TEMPORAL.parent)})


def _not_installed(*modules: str) -> str | None:
    missing = [name for name in modules if find_spec(name) is None]
    return f"the dependency group `rivals` is not installed ({', '.join(missing)})" if missing else None


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
        text = (done.stderr or done.stdout).strip().splitlines()
        return f"`{' '.join(argv)}` failed: {text[-1] if text else 'without a word'}"
    return None
