"""Keeps figures in a file as each engine ends, so that an interruption costs one and one can be measured again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import documents
from benchmarks.rivals.plan import Plan

MEASURED_AT: Final = "%Y-%m-%d %H:%M"


class Kept:
    """Figures of all engines in a file; `afresh` forgets what stands there, as do other levels than the plan's."""

    def __init__(self, file: Path, plan: Plan, *, afresh: bool) -> None:
        self._file = file
        self._clients = [clients for clients, _, _ in plan.levels]
        before = {} if afresh or not file.exists() else json.loads(file.read_text(encoding="utf-8"))
        self._engines: dict[str, Any] = before["engines"] if before.get("clients") == self._clients else {}

    def put(self, key: str, figures: dict[str, Any]) -> None:
        """Write one engine's figures down."""
        self._engines[key] = {**figures, "measured_at": time.strftime(MEASURED_AT)}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self.results()), encoding="utf-8")

    def results(self) -> dict[str, Any]:
        """Everything that there is, as it is printed."""
        return {"machine": documents.machine(), "clients": self._clients, "engines": self._engines}
