"""One attempt at a delivery: in the form that may go out, asked for first where the provider may have it already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from services.notifications.content import NotificationComposer
from services.notifications.delivery.model import Channel, Claimed, Form, Outcome, after_problem
from services.notifications.providers import Receipt, Sender, Tracer
from services.notifications.repository import Repository
from shared.clock import Clock
from shared.database.pool import Database
from shared.errors import CallFailed, place_of
from shared.outbound.breaker import CircuitBreaker

log = structlog.get_logger(__name__)


class KnownMessages:
    """Which messages that a provider has are known as another delivery's. `asking`: the database is being asked."""

    def __init__(self, database: Database, repository: Repository, found: dict[str, int]) -> None:
        self._database = database
        self._repository = repository
        self._found = found
        self.asking = False

    async def is_anothers(self, provider: str, number: int, provider_id: str) -> bool:
        """Whether a message is known as another's than this delivery's; else it is this one's from now on."""
        self.asking = True  # stays so where the database fails
        async with self._database.connection() as connection:
            known = await self._repository.is_anothers(connection, provider, provider_id, number)
        self.asking = False
        if known or self._found.get(provider_id, number) != number:
            return True
        self._found[provider_id] = number
        return False


class DeliveryAttempt:
    """Those of one instance. `seconds` bounds the wait for a provider; each channel has a circuit breaker."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        composer: NotificationComposer,
        senders: Mapping[Channel, Sender],
        *,
        seconds: float,
        clock: Clock,
    ) -> None:
        self._database = database
        self._repository = repository
        self._composer = composer
        self.senders = senders
        self.breakers = {channel: CircuitBreaker() for channel in senders}
        self._seconds = seconds
        self._clock = clock
        self._found: dict[str, int] = {}  # what was found at a provider, and whose it is; few, only after a crash

    async def make(self, claimed: Claimed) -> Outcome:
        """One attempt, in the form that the recipient's window allows, and in the other where the provider says so."""
        now = self._clock()
        claimed = replace(claimed, delivery=claimed.delivery.in_form(claimed.heard_at, now))
        try:
            return await self._hand_over(claimed)
        except CallFailed as refused:
            delivery = claimed.delivery
            if refused.window_closed and delivery.content.template and delivery.form is Form.FREE:
                claimed = replace(claimed, delivery=replace(delivery, form=Form.TEMPLATE), unsure=False)
                try:
                    return await self._hand_over(claimed)
                except CallFailed as again:
                    return self._refused(claimed, again)
            return self._refused(claimed, refused)

    async def _hand_over(self, claimed: Claimed) -> Outcome:
        """Ask first where the provider may have it already.

        Raises:
            CallFailed: when it was not taken.
            Exception: whatever our own database raised while it was asked: that is no fault of the provider's.
        """
        channel = claimed.delivery.channel
        sender, known = self.senders[channel], KnownMessages(self._database, self._repository, self._found)
        try:
            async with asyncio.timeout(self._seconds):
                receipt = await self._traced(claimed, sender, known) or await sender.send(claimed.delivery)
        except CallFailed:
            raise
        except Exception as fault:
            if known.asking:
                raise
            if isinstance(fault, TimeoutError):
                raise CallFailed("the provider did not answer in time", unsure=True) from fault
            # its words may quote an address
            problem = type(fault).__name__
            log.error("delivery.fault", number=claimed.number, fault=problem, at=place_of(fault))  # noqa: TRY400
            raise CallFailed(problem, unsure=True) from fault
        self.breakers[channel].succeeded()
        return Outcome(
            claimed,
            receipt.status,
            sender.name,
            receipt.provider_id,
            receipt.provider_status,
            form=claimed.delivery.form,
        )

    @staticmethod
    async def _traced(claimed: Claimed, sender: Sender, known: KnownMessages) -> Receipt | None:
        if not (claimed.unsure and isinstance(sender, Tracer)):
            return None
        return await sender.trace(claimed.delivery, partial(known.is_anothers, sender.name, claimed.number))

    def _refused(self, claimed: Claimed, refused: CallFailed) -> Outcome:
        """What follows from a provider's refusal, which its circuit breaker notes."""
        self._note(self.breakers[claimed.delivery.channel], refused, self._clock())
        return self.outcome_after(claimed, refused)

    def outcome_after(self, claimed: Claimed, refused: CallFailed) -> Outcome:
        """Another attempt outside quiet hours, or the end of the channel."""
        now = self._clock()
        delivery = claimed.delivery
        sender = self.senders[delivery.channel]
        outcome = after_problem(
            claimed,
            sender.name,
            refused.problem,
            final=refused.final,
            now=now,
            retry_after=refused.retry_after,
            unsure=refused.unsure or (claimed.unsure and not refused.final),
        )
        if outcome.due_at is None:
            return outcome
        due = self._composer.not_before(
            delivery.channel, delivery.property_id, delivery.timezone, delivery.urgent, outcome.due_at
        )
        return replace(outcome, due_at=due)

    @staticmethod
    def _note(breaker: CircuitBreaker, refused: CallFailed, now: datetime) -> None:
        if refused.retry_after is not None:
            breaker.limited(now + refused.retry_after)
        elif refused.final:
            breaker.succeeded()
        else:
            breaker.failed(now)
