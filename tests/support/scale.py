"""How much tests do: a commit's run does a part of what takes long, `make test-long` the whole.

A test that uses `scaled` has the mark `long`, by which `make test-long` finds it; those of hypothesis are found anyway.
"""

from __future__ import annotations

import os
from typing import Final

WHOLE: Final = os.environ.get("POSADA_TESTS") == "long"


def scaled(whole: int, *, part: int) -> int:
    """A count of kills, messages, bookings or examples."""
    return whole if WHOLE else part
