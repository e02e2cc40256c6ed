"""Messenger and Instagram through ManyChat."""

from __future__ import annotations

from typing import Unpack

from services.conversations.providers.port import Reply
from shared.contracts.common import Channel
from shared.outbound.client import ClientLimits
from shared.providers.manychat import LONGEST_INSTAGRAM, URL, ManyChatClient


class ManyChatReplies:
    """ManyChat gives no id, and has no idempotency key: a reply whose answer was lost may go out twice."""

    name = "manychat"
    longest = LONGEST_INSTAGRAM

    def __init__(self, token: str, *, url: str = URL, **limits: Unpack[ClientLimits]) -> None:
        self._client = ManyChatClient(token, url, **limits)
        self.close = self._client.close

    async def send(self, reply: Reply) -> str:
        """Send to a subscriber's id."""
        await self._client.send(reply.recipient, [reply.text], instagram=reply.channel is Channel.INSTAGRAM)
        return f"posada-{reply.id}"
