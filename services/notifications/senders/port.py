"""What every provider's adapter is to the rest of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.notifications.deliveries import Delivery, Status


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider took the message: under which id, and what it said of it."""

    provider_id: str | None
    provider_status: str
    status: Status = Status.SENT


class NotSent(Exception):
    """A provider did not take the message; `final` where asking again would get the same answer.

    `problem` names what went wrong without anybody's address or words.
    """

    def __init__(self, problem: str, *, final: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.final = final


class Sender(Protocol):
    """An adapter to one provider."""

    @property
    def name(self) -> str:
        """The provider, for the delivery log."""
        ...

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand a message over; raises NotSent, or another exception for a fault that may pass."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
