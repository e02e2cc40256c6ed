"""WhatsApp through WATI: session messages, free text within 24 hours of the guest's last message."""

from __future__ import annotations

from typing import Unpack

from services.conversations.providers.port import Reply
from services.conversations.providers.wati.webhook import OWN_REPLY
from shared.outbound.client import ClientLimits
from shared.providers.wati import LONGEST_TEXT, WatiClient


class WatiReplies:
    """WATI has no idempotency key: a reply whose answer was lost may go out twice."""

    name = "wati"
    longest = LONGEST_TEXT

    def __init__(self, url: str, token: str, **limits: Unpack[ClientLimits]) -> None:
        self._client = WatiClient(url, token, **limits)
        self.close = self._client.close

    async def send(self, reply: Reply) -> str:
        """Send to the digits of the recipient's phone; the id is WhatsApp's, as in WATI's webhooks, else ours."""
        digits = "".join(letter for letter in reply.recipient if letter.isdigit())
        ours = f"{OWN_REPLY}{reply.id}"
        message = (await self._client.send_text(digits, reply.text, ours)).get("message")
        given = message.get("whatsappMessageId") if isinstance(message, dict) else None
        return str(given or ours)
