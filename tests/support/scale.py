"""How much tests do: a commit's run does a part of what takes long, `make test-long` the whole."""

from __future__ import annotations

import os
from typing import Final

import pytest
from hypothesis import settings

WHOLE: Final = os.environ.get("POSADA_TESTS") == "long"
EXAMPLES: Final = 200 if WHOLE else 50
# Marks tests that use `scaled`; those of hypothesis need no mark.
long = pytest.mark.long


def scaled(whole: int, *, part: int) -> int:
    """A count of kills, messages, bookings or examples."""
    return whole if WHOLE else part


def use_hypothesis_profile() -> None:
    """Let tests that say nothing else try so many examples; a busy machine makes none of them fail."""
    settings.register_profile("posada", max_examples=EXAMPLES, deadline=None)
    settings.load_profile("posada")


def mark_if_long(item: pytest.Item) -> None:
    """Have `make test-long` run a test of hypothesis as well."""
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        item.add_marker(long)
