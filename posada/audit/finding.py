"""What an auditor says: the invariant, whom it is about, what is wrong, and the command that goes on from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise. `subject` is an id (a booking, a payment, a thread), never anything personal."""

    invariant: str
    subject: str
    what: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)
