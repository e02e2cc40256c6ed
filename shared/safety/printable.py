"""Makes text of others safe for a terminal: it cannot move the cursor, change the screen or the reading direction."""

from __future__ import annotations

import re
from typing import Final

# Control characters except line break and tab (ESC and its eight-bit form begin terminal commands), characters that
# change the reading direction, line separators, and lone surrogates.
_UNFIT: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MARK: Final = "\ufffd"


def printable(text: str) -> str:
    """The text with a mark in place of each unsafe character."""
    return _UNFIT.sub(MARK, text)


def one_line(text: str) -> str:
    """The same in one line, so that it cannot look like a further line of the output."""
    return printable(" ".join(text.split()))


def escaped(json_text: str) -> str:
    """JSON text with unsafe characters as JSON escapes; its meaning is the same."""
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)
