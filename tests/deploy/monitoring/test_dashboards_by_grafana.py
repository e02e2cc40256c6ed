"""The dashboards as Grafana's own model of them reads them: whatever it does not know would be silently ignored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.support.paths import ROOT

DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
# An annotation's query belongs to its data source, Prometheus: the model leaves these to that.
OF_PROMETHEUS = {".annotations.list[0].titleFormat", ".annotations.list[0].textFormat"}


def read_and_written(board: dict[str, Any]) -> dict[str, Any]:
    """What is left of a dashboard once Grafana's model has read it."""
    register_default_plugins()
    return dict(json.loads(JSONEncoder().encode(Dashboard.from_json(board))))


def lost(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """The places of what is not there any more, or is something else."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from lost(value, after.get(name), f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from lost(old, new, f"{place}[{number}]")
    elif before != after:
        yield place


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_grafana_knows_all_that_is_in_it(file: Path) -> None:
    board = json.loads(file.read_text(encoding="utf-8"))
    assert set(lost(board, read_and_written(board))) <= OF_PROMETHEUS


def test_what_grafana_does_not_know_is_seen() -> None:
    board = json.loads(DASHBOARDS[0].read_text(encoding="utf-8"))
    [first, *_] = [number for number, panel in enumerate(board["panels"]) if panel["type"] == "stat"]
    board["panels"][first]["options"]["colourMode"] = "value"
    board["panels"][first]["fieldConfig"]["defaults"]["unitt"] = "s"
    assert set(lost(board, read_and_written(board))) - OF_PROMETHEUS == {
        f".panels[{first}].options.colourMode",
        f".panels[{first}].fieldConfig.defaults.unitt",
    }
