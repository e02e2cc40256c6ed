"""What every provider's adapter is to the rest of the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from services.notifications.delivery.model import Delivery, Status


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider took the message: under which id, and what it said of it."""

    provider_id: str | None
    provider_status: str
    status: Status = Status.SENT


class NotSent(Exception):
    """A provider did not take the message; `final` where asking again would get the same answer.

    `problem` names what went wrong without anybody's address or words. `retry_after` is the pause that the provider
    asks of everybody on the channel. `unsure` says that it may have taken the message all the same: its answer was
    lost. `window_closed` says that it wants a template instead of free text.
    """

    def __init__(
        self,
        problem: str,
        *,
        final: bool,
        retry_after: timedelta | None = None,
        unsure: bool = False,
        window_closed: bool = False,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.final = final
        self.retry_after = retry_after
        self.unsure = unsure
        self.window_closed = window_closed


class Sender(Protocol):
    """An adapter to one provider."""

    @property
    def name(self) -> str:
        """The provider, for the delivery log."""
        ...

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand a message over, in the delivery's form.

        Raises NotSent, or another exception for a fault that may pass.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


IsAnothers = Callable[[str], Awaitable[bool]]


@runtime_checkable
class Tracer(Protocol):
    """An adapter whose provider can be asked whether it has a message already: what closes the window of a crash."""

    async def trace(self, delivery: Delivery, is_anothers: IsAnothers) -> Receipt | None:
        """The receipt of an earlier attempt, None if there was none. Raises NotSent where it cannot tell.

        `is_anothers` says of a provider's id whether that message belongs to another delivery; it is asked where a
        message is known by its words alone.
        """
        ...
