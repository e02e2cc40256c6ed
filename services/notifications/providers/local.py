"""The local outbox, for channels without a provider: the delivery's own row, with its words, is the message."""

from __future__ import annotations

from services.notifications.delivery import Delivery, Status
from services.notifications.providers.port import Receipt


class LocalOutbox:
    """Keeps messages where a developer can read them: GET /outbox.

    Deliveries of such a channel are stored when they are written; this takes what was still waiting for a provider
    when its credentials were taken away.
    """

    name = "local"

    async def send(self, delivery: Delivery) -> Receipt:
        """Send nothing: the message counts as stored."""
        del delivery
        return Receipt(None, "stored", Status.STORED)

    async def close(self) -> None:
        """There is nothing to let go of."""
