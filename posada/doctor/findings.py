"""A finding of the doctor: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """FINE; WORTH_A_LOOK works and might not for ever; BROKEN does not work."""

    FINE = "fine"
    WORTH_A_LOOK = "worth a look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `about` is what was looked at; what is not fine has a remedy."""

    about: str
    state: State
    text: str
    remedy: str = ""


def fine(about: str, text: str) -> Finding:
    """All is well."""
    return Finding(about, State.FINE, text)


def worth_a_look(about: str, text: str, remedy: str) -> Finding:
    """It works, and the operator should know about it."""
    return Finding(about, State.WORTH_A_LOOK, text, remedy)


def broken(about: str, text: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(about, State.BROKEN, text, remedy)
