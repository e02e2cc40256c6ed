"""WhatsApp through WATI: session messages within the window, template messages outside it."""

from __future__ import annotations

from typing import Unpack

from services.notifications.delivery import Delivery, Form, Template
from services.notifications.providers.port import IsAnothers, Receipt
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.wati import LONGEST_TEXT, WatiClient, message_id

# The local id is what WATI's webhooks repeat; else WhatsApp's or WATI's own.
IDS = ("localMessageId", "whatsappMessageId", "id")


class Wati:
    """A session message carries our reference as its local id, by which `trace` asks for it.

    A template message gets an id of WATI's own, so that one cannot be traced.
    """

    name = "wati"

    def __init__(self, url: str, token: str, **limits: Unpack[ClientLimits]) -> None:
        self._client = WatiClient(url, token, **limits)
        self.close = self._client.close

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        if delivery.form is Form.TEMPLATE and delivery.content.template:
            return await self._send_template(delivery, delivery.content.template)
        if len(delivery.content.text) > LONGEST_TEXT:
            raise CallFailed(f"the text is longer than {LONGEST_TEXT} characters", final=True)
        body = await self._client.send_text(delivery.recipient, delivery.content.text, str(delivery.reference))
        return Receipt(message_id(body, *IDS), "accepted")

    async def trace(self, delivery: Delivery, _: IsAnothers) -> Receipt | None:
        """Ask for a session message by our own id."""
        if delivery.form is Form.TEMPLATE:
            return None
        body = await self._client.find(delivery.recipient, str(delivery.reference))
        found = message_id(body, *IDS) if body else None
        return Receipt(found, "accepted") if found else None

    async def _send_template(self, delivery: Delivery, template: Template) -> Receipt:
        broadcast = f"posada-{delivery.occasion.partition(':')[0]}"
        body = await self._client.send_template(delivery.recipient, template.name, broadcast, template.parameters)
        receivers = body.get("receivers")
        receiver = receivers[0] if isinstance(receivers, list) and receivers else {}
        if receiver.get("isValidWhatsAppNumber") is False:
            raise CallFailed("refused: not a WhatsApp number", final=True)
        return Receipt(message_id(receiver or body, *IDS), "accepted")
