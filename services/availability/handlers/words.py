"""What words the answers to guests."""

from __future__ import annotations

from pathlib import Path

from services.availability.wording import Wording

wording = Wording(Path(__file__).parents[1] / "texts")
