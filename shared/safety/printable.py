"""Others' text made fit for a terminal: nothing in it moves the cursor, changes the screen or its order."""

from __future__ import annotations

import re
from typing import Final

# Control characters but line break and tab (with ESC and its eight-bit form begin commands to the terminal), what
# turns the direction of writing round for the rest of a line, separators of lines, and halves of surrogate pairs.
_UNFIT: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MARK: Final = "\ufffd"


def printable(text: str) -> str:
    """The text with a mark in place of each character that a terminal would obey."""
    return _UNFIT.sub(MARK, text)


def one_line(text: str) -> str:
    """The same without line breaks: what is told beside other facts must not look like one more of them."""
    return printable(" ".join(text.split()))


def escaped(json_text: str) -> str:
    """JSON in which such characters are escaped as JSON does it: for programs it is the same."""
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)
