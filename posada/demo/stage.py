"""The stage: publishes what the guests send, tells every event as it comes, and remembers who got what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from rich.console import Console
from rich.text import Text

from deploy.local.processes.waiting import wait_until
from posada.client.booking_events import CONFIRMED, Event, Watch, publish
from posada.client.http import ask, tell
from posada.client.timeline import line_of
from posada.demo.guests import Guest
from shared.messages.record_auth import SealingProducer

ACT_TIMEOUT_S: Final = 30.0
AFTERWARDS: Final = {"rooms_booked", "payment_captured", "guest_notified", "conversation_linked"}
OnEvent = Callable[[Guest, Event], Awaitable[None]]


@dataclass
class Story:
    """What happened to one guest."""

    events: list[Event] = field(default_factory=list)

    @property
    def outcome(self) -> Event | None:
        """How it ended for the guest; None while it has not."""
        return next((event for event in self.events if event.is_outcome), None)

    @property
    def word(self) -> str:
        """The outcome in a word: confirmed, or the reason why not."""
        return (self.outcome.reason or self.outcome.step) if self.outcome else "no outcome"

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come: after a confirmation there are rooms to book and money to take."""
        if self.outcome is None:
            return False
        return self.outcome.type != CONFIRMED or {event.step for event in self.events} >= AFTERWARDS


@dataclass
class Stage:
    """Where the day is played. `http` gives the address of a service's API."""

    console: Console
    client: SealingProducer
    watch: Watch
    http: Callable[[str], str]
    stories: dict[UUID, Story] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    checks: int = 0

    def say(self, title: str, text: str) -> None:
        """Open an act."""
        self.console.print()
        self.console.rule(Text(title, style="bold"), align="left")
        self.console.print(Text(text, style="dim"))

    def check(self, held: bool, expectation: str) -> None:
        """Note whether something was as scripted."""
        self.checks += 1
        if not held:
            self.misses.append(expectation)

    async def pay(self, *guests: Guest) -> None:
        """The bank's lines arrive, and payments has taken them in."""
        for guest in guests:
            await self.transfer(guest)
        paid = {transfer.transfer_id for guest in guests for transfer in guest.transfers()}
        await self.until(lambda: paid <= {line["authorization_or_id"] for line in self.transfers()})

    async def transfer(self, guest: Guest) -> None:
        """The bank's line of a guest's payment arrives, or both that could be it."""
        for transfer in guest.transfers():
            await (await publish(self.client, transfer))

    async def play(self, *guests: Guest, on_event: OnEvent | None = None) -> list[Story]:
        """Publish the guests' requests at once and tell their courses until each has ended."""
        who = {guest.booking_id: guest for guest in guests}
        self.stories |= {booking: Story() for booking in who}
        began = time.monotonic()
        arrivals = [await publish(self.client, guest.request(), str(guest.booking_id)) for guest in guests]
        with self._waiting(), suppress(TimeoutError):
            async with asyncio.timeout(ACT_TIMEOUT_S):
                await asyncio.gather(*arrivals)
                await self._tell(who, began, on_event)
        return [self.stories[guest.booking_id] for guest in guests]

    async def ask(self, service: str, path: str, **parameters: Any) -> Any:
        """What a service's API answers."""
        return await asyncio.to_thread(ask, self.http(service), path, **parameters)

    async def tell(self, service: str, path: str, **body: Any) -> Any:
        """Have a service's API do something; gives its answer."""
        return await asyncio.to_thread(tell, self.http(service), path, body)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Ask, apart from our loop, until the condition holds; false when `timeout_s` seconds pass first."""
        return await asyncio.to_thread(wait_until, condition, timeout_s)

    def transfers(self) -> list[dict[str, Any]]:
        """Every payment that arrived, as payments lists them."""
        lines: list[dict[str, Any]] = []
        while page := self._page(lines):
            lines += page
        return lines

    def messages(self, bookings: Sequence[UUID]) -> list[dict[str, Any]]:
        """The outbox's messages of these bookings."""
        wanted = {str(booking) for booking in bookings}
        return [one for one in ask(self.http("notifications"), "/outbox", limit=500) if one["booking_id"] in wanted]

    async def _tell(self, who: dict[UUID, Guest], began: float, on_event: OnEvent | None) -> None:
        async for event in self.watch.events(list(who)):
            guest = who[event.booking_id]
            name = guest.first_name if len(who) > 1 else ""
            self.console.print(line_of(event, time.monotonic() - began, name), soft_wrap=True)
            self.stories[event.booking_id].events.append(event)
            if on_event:
                await on_event(guest, event)
            if all(self.stories[booking].ended for booking in who):
                return

    def _page(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        after = lines[-1]["payment_id"] if lines else None
        return list(ask(self.http("payments"), "/payments/flat", after=after, limit=1000))

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        if self.console.is_terminal:
            with self.console.status("following the events"):
                yield
        else:
            yield
