"""Messenger and Instagram through ManyChat."""

from __future__ import annotations

from services.conversations.replies.providers.port import NotDone, Reply, ask, object_in, refuse_failure
from shared.contracts.common import Channel
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

URL = "https://api.manychat.com"


class ManyChatReplies:
    """`POST /fb/sending/sendContent` with a dynamic block; of type instagram there, without a type on Messenger.

    The answer gives no id, and there is no idempotency key: a reply whose answer was lost may go out twice.
    """

    name = "manychat"
    longest = 1000  # what one text on Instagram may have

    def __init__(self, token: str, *, seconds: float, allowed: Allowed, url: str = URL) -> None:
        headers = {"Authorization": f"Bearer {token.removeprefix('Bearer ')}"}
        self._client = client(url, seconds=seconds, allowed=allowed, headers=headers)

    async def send(self, reply: Reply) -> str:
        """Send to a subscriber's id."""
        content: dict[str, object] = {"messages": [{"type": "text", "text": reply.text}]}
        if reply.channel is Channel.INSTAGRAM:
            content["type"] = "instagram"
        subscriber = int(reply.recipient) if reply.recipient.isdecimal() else reply.recipient
        body = {"subscriber_id": subscriber, "data": {"version": "v2", "content": content}}
        answer = await ask(self._client, "POST", "fb/sending/sendContent", json=body)
        refuse_failure(answer, "the message")
        if object_in(answer).get("status") != "success":
            raise NotDone("ManyChat refused the message", final=True)
        return f"posada-{reply.id}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
