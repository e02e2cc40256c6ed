"""Writes measured figures into documents, between two marks that name them."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import psutil

from benchmarks.interpreter import optimized


def put(document: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of `name`; raises ValueError where the document has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{document} has no place for {name}: it needs {begin} and {end}, each on a line")
    document.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")


def machine() -> str:
    """When and where something was measured, as a sentence."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, "
        f"{platform.system()}, Python {platform.python_version()} ({_build()})."
    )


def _build() -> str:
    return "with optimizations" if optimized() else "without optimizations"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
