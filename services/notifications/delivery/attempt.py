"""One attempt at a delivery: in the form that may go out, asked for first where the provider may have it already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

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
                    return self.outcome_after(claimed, again)
            return self.outcome_after(claimed, refused)

    async def _hand_over(self, claimed: Claimed) -> Outcome:
        """Ask first where the provider may have it already.

        Raises:
            CallFailed: when it was not taken.
        """
        channel = claimed.delivery.channel
        sender = self.senders[channel]
        try:
            async with asyncio.timeout(self._seconds):
                receipt = await self._traced(claimed, sender) or await sender.send(claimed.delivery)
        except CallFailed:
            raise
        except TimeoutError as late:
            raise CallFailed("the provider did not answer in time", unsure=True) from late
        except Exception as fault:  # its words may quote an address
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

    async def _traced(self, claimed: Claimed, sender: Sender) -> Receipt | None:
        if not (claimed.unsure and isinstance(sender, Tracer)):
            return None

        async def is_anothers(provider_id: str) -> bool:
            """Whether a message that the provider has is known as another delivery's; else it is this one's."""
            async with self._database.connection() as connection:
                known = await self._repository.is_anothers(connection, sender.name, provider_id, claimed.number)
            if known or self._found.get(provider_id, claimed.number) != claimed.number:
                return True
            self._found[provider_id] = claimed.number
            return False

        return await sender.trace(claimed.delivery, is_anothers)

    def outcome_after(self, claimed: Claimed, refused: CallFailed) -> Outcome:
        """Another attempt when nobody sleeps, or the end of the channel."""
        now = self._clock()
        delivery = claimed.delivery
        sender = self.senders[delivery.channel]
        self._note(self.breakers[delivery.channel], refused, now)
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
