"""Reads seed data from a folder of YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def read_seeds(folder: Path) -> list[Mapping[str, Any]]:
    """What each file of the folder holds, in the order of their names."""
    return [yaml.safe_load(file.read_text()) for file in sorted(folder.glob("*.yaml"))]
